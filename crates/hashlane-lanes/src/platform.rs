//! The instruction set that lanes run on: detection, names, and the one choice of kernels.
//!
//! What it promises: a [`Platform`] value exists only for what this CPU has, so whoever holds one may run on it. `scalar` is
//! plain portable code and nothing else, and so the oracle; every other platform takes the CPU's instructions for one
//! algorithm too, where they are faster than lanes. What it leaves out on purpose: reading the environment, and the
//! algorithms that are not run in lanes, whose crates choose instructions for themselves.

use std::fmt;

use crate::algorithm::Compression;
use crate::kernel::{Ladder, Wide};
#[cfg(target_arch = "aarch64")]
use crate::vector::arm_neon;
use crate::vector::scalar;
#[cfg(target_arch = "x86_64")]
use crate::vector::{x86_avx2, x86_avx512, x86_sse2};

/// An instruction set for lanes that this CPU has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Platform(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// A platform of this build.
struct Row {
    kind: Kind,
    name: &'static str,
    /// Whether the CPU has it.
    present: fn() -> bool,
}

/// What this build can run, best first. The last is always present.
const ROWS: &[Row] = &[
    #[cfg(target_arch = "x86_64")]
    Row { kind: Kind::Avx512, name: "avx512", present: x86_avx512::present },
    #[cfg(target_arch = "x86_64")]
    Row { kind: Kind::Avx2, name: "avx2", present: x86_avx2::present },
    #[cfg(target_arch = "x86_64")]
    Row { kind: Kind::Sse2, name: "sse2", present: x86_sse2::present },
    #[cfg(target_arch = "aarch64")]
    Row { kind: Kind::Neon, name: "neon", present: arm_neon::present },
    Row { kind: Kind::Scalar, name: "scalar", present: || true },
];

/// The names that exist on any CPU.
const NAMES: [&str; 5] = ["scalar", "sse2", "avx2", "avx512", "neon"];

impl Platform {
    /// The best that this CPU has.
    pub fn detect() -> Platform {
        Self::available().next().unwrap_or(Platform(Kind::Scalar))
    }

    /// All that this CPU has, best first.
    pub fn available() -> impl Iterator<Item = Platform> {
        ROWS.iter().filter(|row| (row.present)()).map(|row| Platform(row.kind))
    }

    /// The platform of that name: `scalar`, `sse2`, `avx2`, `avx512` or `neon`.
    ///
    /// # Errors
    ///
    /// When there is no such name, and when this CPU or this build lacks it.
    pub fn from_name(name: &str) -> Result<Platform, PlatformError> {
        Self::available()
            .find(|platform| platform.name() == name)
            .ok_or_else(|| PlatformError { name: name.to_owned() })
    }

    /// What the operator forces by `HASHLANE_PLATFORM`, and the best where that is unset or empty.
    ///
    /// # Errors
    ///
    /// As [`Platform::from_name`].
    pub fn choose(forced: Option<&str>) -> Result<Platform, PlatformError> {
        match forced {
            None | Some("") => Ok(Self::detect()),
            Some(name) => Self::from_name(name),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ROWS.iter().find(|row| row.kind == self.0).map_or("scalar", |row| row.name)
    }

    /// How many messages of that algorithm run at once when enough are there: the degree of the widest kernel.
    pub fn degree(self, algorithm: crate::Algorithm) -> usize {
        algorithm.lanes(self, 1).degree()
    }

    /// The vector kernels of an algorithm: the one match on platform. `None` for plain portable code.
    pub(crate) fn wide<C: Compression>(self) -> Option<Vec<Wide<C::Word>>> {
        match self.0 {
            Kind::Scalar => None,
            #[cfg(target_arch = "x86_64")]
            Kind::Sse2 => Some(x86_sse2::wide::<C>()),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => Some(x86_avx2::wide::<C>()),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => Some(x86_avx512::wide::<C>()),
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => Some(arm_neon::wide::<C>()),
        }
    }

    /// The kernels of an algorithm.
    pub(crate) fn ladder<C: Compression>(self) -> Ladder<C::Word> {
        let dedicated_lanes = match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => C::DEDICATED_LANES_AVX512,
            _ => C::DEDICATED_LANES,
        };
        self.wide::<C>().map_or_else(scalar::ladder::<C>, |wide| with_fewer::<C>(wide, dedicated_lanes))
    }
}

/// The vector kernels of an instruction set, and below them those for fewer lanes: by dedicated instructions, else in
/// general registers. `dedicated_lanes` is [`Compression::DEDICATED_LANES`] for that instruction set.
fn with_fewer<C: Compression>(mut wide: Vec<Wide<C::Word>>, dedicated_lanes: usize) -> Ladder<C::Word> {
    let fewer = C::dedicated().inspect(|_| {
        wide.retain(|wide| wide.degree >= dedicated_lanes);
        wide.iter_mut().for_each(|wide| wide.busy_min = wide.busy_min.max(dedicated_lanes));
    });
    let fewer = fewer.unwrap_or_else(scalar::ladder::<C>);
    wide.extend(fewer.wide);
    Ladder { single: fewer.single, wide }
}

/// The fastest way on this CPU to run one message alone.
pub(crate) fn alone<C: Compression>() -> Ladder<C::Word> {
    Ladder { wide: Vec::new(), ..with_fewer::<C>(Vec::new(), C::DEDICATED_LANES) }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no platform, or none that can run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformError {
    name: String,
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if NAMES.contains(&self.name.as_str()) {
            write!(f, "this cpu or this build has no platform {:?}; it has", self.name)?;
        } else {
            write!(f, "no platform is called {:?}; this cpu has", self.name)?;
        }
        Platform::available().enumerate().try_for_each(|(i, platform)| {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma} {platform}")
        })
    }
}

impl std::error::Error for PlatformError {}
