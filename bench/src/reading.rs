//! What hashing adds to reading: `hashlane sum`'s own threads over a folder, with algorithms and without any.
//!
//! The walk, the opening, the reads into the lanes' buffers, the looks at each file and the ordered results are the same
//! code in both; without algorithms nothing is left out but the hashing.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use hashlane_engine::{SumOptions, Sums};
use hashlane_lanes::{Algorithm, Platform};

use crate::failure::Failure;
use crate::quantile::median;

/// One pass over the folder.
struct Pass {
    took: Duration,
    files: u64,
    bytes: u64,
}

/// Passes in turns: nothing, then each algorithm, and so on. The first turn warms the page cache and does not count. A
/// share is the median of the shares of the turns.
pub fn measure(folder: &Path, algorithms: &[String], rounds: usize) -> Result<(), Failure> {
    let algorithms: Vec<Algorithm> = algorithms
        .iter()
        .map(|word| Algorithm::from_name(word).ok_or_else(|| Failure::new(format!("there is no algorithm {word}"))))
        .collect::<Result<_, _>>()?;
    let mut columns: Vec<(String, Vec<Algorithm>, Vec<Pass>)> = vec![("reading alone".into(), Vec::new(), Vec::new())];
    columns.extend(algorithms.iter().map(|algorithm| (algorithm.name().to_owned(), vec![*algorithm], Vec::new())));
    for turn in 0..=rounds.max(1) {
        for (_, algorithms, passes) in &mut columns {
            let pass = pass(folder, algorithms)?;
            if turn > 0 {
                passes.push(pass);
            }
        }
    }
    let tree = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    println!("\n## reading: tree {tree}, in turns with and without hashing, {} turns\n", rounds.max(1));
    println!("| | seconds (best - worst) | files/s | GB/s | of the rate of reading alone |\n|---|---:|---:|---:|---:|");
    let alone: Vec<f64> = columns[0].2.iter().map(|pass| pass.took.as_secs_f64()).collect();
    for (name, _, passes) in &columns {
        let seconds: Vec<f64> = passes.iter().map(|pass| pass.took.as_secs_f64()).collect();
        let shares = alone.iter().zip(&seconds).map(|(alone, seconds)| alone / seconds).collect();
        let middle = median(seconds.clone());
        println!(
            "| {name} | {middle:.3} ({:.3} - {:.3}) | {:.0} | {:.2} | {:.2} |",
            seconds.iter().copied().fold(f64::INFINITY, f64::min),
            seconds.iter().copied().fold(0.0, f64::max),
            passes[0].files as f64 / middle,
            passes[0].bytes as f64 / 1e9 / middle,
            median(shares),
        );
    }
    Ok(())
}

fn pass(folder: &Path, algorithms: &[Algorithm]) -> Result<Pass, Failure> {
    let options = SumOptions { platform: Platform::detect(), threads: 0, algorithms: algorithms.to_vec() };
    let path = folder.as_os_str().as_bytes().to_vec();
    let started = Instant::now();
    let mut sums = Sums::start(&options, move |intake| {
        intake.path(&path, true);
    })?;
    let (mut files, mut bytes) = (0, 0);
    while let Some(summed) = sums.next(|| true) {
        let (digests, length) = summed
            .outcome
            .map_err(|error| Failure::new(format!("{}{}: {error}", shown(summed.prefix), shown(summed.name))))?;
        if digests.len() != algorithms.len() {
            return Err(Failure::new("a file has other digests than were asked for"));
        }
        files += 1;
        bytes += length;
    }
    if files == 0 {
        return Err(Failure::new(format!("{} has no files: bench/trees makes some", folder.display())));
    }
    Ok(Pass { took: started.elapsed(), files, bytes })
}

fn shown(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
