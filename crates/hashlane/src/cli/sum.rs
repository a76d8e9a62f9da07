//! The arguments of `sum`.

use std::ffi::OsString;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct SumArgs {
    /// Files, folders with -r, and - for stdin; with --check files of digests
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<OsString>,
    /// The algorithms, in any letter case, md5 by default: md5, sha1, sha256, sha512, crc64, crc64nvme, crc32c, xxh3,
    /// blake3
    #[arg(long, short = 'a', value_name = "ALGO,...", value_delimiter = ',')]
    pub(crate) algo: Vec<String>,
    /// Sum all files beneath folders too
    #[arg(long, short = 'r')]
    pub(crate) recursive: bool,
    /// How results look; gnu by default, and bsd for several algorithms
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) format: Option<SumFormat>,
    /// End lines with NUL instead of a newline, and do not escape names
    #[arg(long, short = 'z')]
    pub(crate) zero: bool,
    /// Hashing threads, one per core by default
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Show no progress on the terminal
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// Read digests from the PATHs, GNU or BSD lines, and check the files that they name
    #[arg(long, short = 'c', conflicts_with_all = ["recursive", "format", "zero"])]
    #[arg(help_heading = "Checking")]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) checking: CheckArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Checking")]
pub(crate) struct CheckArgs {
    /// Pass over files that do not exist
    #[arg(long, requires = "check")]
    pub(crate) ignore_missing: bool,
    /// Do not print OK for each file that is fine
    #[arg(long, requires = "check")]
    pub(crate) quiet: bool,
    /// Print nothing: the exit code says it
    #[arg(long, requires = "check")]
    pub(crate) status: bool,
    /// Exit with 2 when a line is not properly formatted
    #[arg(long, requires = "check")]
    pub(crate) strict: bool,
    /// Tell each line that is not properly formatted
    #[arg(long, short = 'w', requires = "check")]
    pub(crate) warn: bool,
}

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SumFormat {
    /// `<hex>  <name>`, as md5sum prints it
    Gnu,
    /// `MD5 (<name>) = <hex>`, as md5sum --tag prints it
    Bsd,
    /// One object per file and line
    Json,
    /// A heading, then one line per file
    Csv,
}
