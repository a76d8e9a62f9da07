//! `hashlane sum`: digests of files and folders now.
//!
//! Promises: results go to stdout in the order of the arguments and then of the names within each folder, everything else
//! goes to stderr; what cannot be read is told, counted, and stops nothing. Exits 0 when all is fine, 1 when a digest
//! differs, 2 when something could not be read.

mod check;
mod format;
mod line;
mod name;
mod output;
mod progress;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;

use hashlane_engine::{Intake, SumOptions, SumTotal, Summed, Sums};
use hashlane_lanes::Algorithm;

use crate::cli::sum::{SumArgs, SumFormat};
use crate::failure::{EXIT_CANNOT, Failure};
use crate::{runtime, service};

use check::{Check, Lists};
use format::Format;
use name::shown;
use output::Output;
use progress::Progress;

/// Runs the command.
pub(crate) fn run(args: &SumArgs) -> Result<ExitCode, Failure> {
    let asked = algorithms(&args.algo)?;
    let options = SumOptions {
        platform: service::forced_platform()?,
        threads: args.threads.map_or(0, usize::from),
        algorithms: if asked.is_empty() { vec![Algorithm::Md5] } else { asked.clone() },
    };
    runtime::raise_open_files_limit();
    let paths: Vec<Vec<u8>> = args.paths.iter().map(|path| path.clone().into_vec()).collect();
    let exit = match args.check {
        true => check(args, &options, &asked, paths)?,
        false => sum(args, &options, paths)?,
    };
    Ok(ExitCode::from(exit))
}

fn sum(args: &SumArgs, options: &SumOptions, paths: Vec<Vec<u8>>) -> Result<u8, Failure> {
    let format = chosen_format(args, options)?;
    let (recursive, counted) = (args.recursive, paths.clone());
    let mut sums = start(options, move |intake| {
        for path in &paths {
            let wanted = match is_stdin(path) {
                true => feed_stdin(intake),
                false => intake.path(path, recursive),
            };
            if !wanted {
                break;
            }
        }
    })?;
    let count = Box::new(move |stop: &_| SumTotal::of(&counted, recursive, stop));
    let mut output = Output::new(Progress::start(!args.no_progress, sums.progress(), Some(count)));
    format.push_heading(&options.algorithms, &mut output.results);
    let (mut name, mut unreadable) = (Vec::new(), 0_u64);
    while let Some(summed) = sums.next(|| output.flush()) {
        join_name(&summed, &mut name);
        match summed.outcome {
            Ok((digests, bytes)) => format.push(&name, bytes, digests, &mut output.results),
            Err(error) => {
                unreadable += 1;
                output.complain(&format!("{}: {error}", shown(&name)));
            }
        }
        output.settle()?;
    }
    if unreadable > 1 {
        output.complain(&format!("{unreadable} files or folders could not be read"));
    }
    output.end()?;
    Ok(if unreadable > 0 { EXIT_CANNOT } else { 0 })
}

fn check(args: &SumArgs, options: &SumOptions, asked: &[Algorithm], paths: Vec<Vec<u8>>) -> Result<u8, Failure> {
    if asked.len() > 1 {
        return Err(Failure::cannot(
            "--check takes one ALGO at most: it is for lines that do not name theirs; give one, or none to tell by the \
             length",
        ));
    }
    let (lists, notes) = Lists::new(paths, asked.first().copied());
    let mut sums = start(options, move |intake| lists.feed(intake))?;
    let mut output = Output::new(Progress::start(!args.no_progress, sums.progress(), None));
    let mut check = Check::new(&args.checking, notes);
    let mut name = Vec::new();
    while let Some(summed) = sums.next(|| output.flush()) {
        join_name(&summed, &mut name);
        check.take(&name, &summed, &mut output);
        output.settle()?;
    }
    let exit = check.end(&mut output);
    output.end()?;
    Ok(exit)
}

fn start(options: &SumOptions, feed: impl FnOnce(&mut Intake) + Send + 'static) -> Result<Sums, Failure> {
    Sums::start(options, feed).map_err(|error| {
        Failure::cannot(format!(
            "cannot start threads: {error}; give fewer with --threads, or raise the limit of processes"
        ))
    })
}

/// The algorithms that were asked for, each once.
fn algorithms(words: &[String]) -> Result<Vec<Algorithm>, Failure> {
    let mut algorithms = Vec::new();
    for word in words {
        let algorithm = Algorithm::from_name(word.trim()).ok_or_else(|| {
            let all = Algorithm::ALL.map(Algorithm::name).join(", ");
            Failure::cannot(format!("--algo: {word:?} is none of the algorithms: {all}"))
        })?;
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    Ok(algorithms)
}

fn chosen_format(args: &SumArgs, options: &SumOptions) -> Result<Format, Failure> {
    let several = options.algorithms.len() > 1;
    let format = args.format.unwrap_or(if several { SumFormat::Bsd } else { SumFormat::Gnu });
    if several && format == SumFormat::Gnu {
        return Err(Failure::cannot(
            "--format gnu does not say which algorithm a line is of; give bsd, json or csv for several",
        ));
    }
    if args.zero && matches!(format, SumFormat::Json | SumFormat::Csv) {
        return Err(Failure::cannot("--zero is for --format gnu and bsd; json and csv quote names"));
    }
    Ok(Format { format, zero: args.zero })
}

fn is_stdin(path: &[u8]) -> bool {
    path == b"-"
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// A name in a list.
fn feed(name: &[u8], intake: &mut Intake) -> bool {
    match is_stdin(name) {
        true => feed_stdin(intake),
        false => intake.file(name),
    }
}

fn feed_stdin(intake: &mut Intake) -> bool {
    intake.stream(b"-", &mut io::stdin().lock())
}

fn join_name(summed: &Summed<'_>, name: &mut Vec<u8>) {
    name.clear();
    name.extend_from_slice(summed.prefix);
    name.extend_from_slice(summed.name);
}
