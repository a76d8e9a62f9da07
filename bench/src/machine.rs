//! The machine and the programs of a record: numbers mean nothing without them.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;

/// The head of a record: a table of facts.
pub fn facts(binary: &Path) -> Result<String, Failure> {
    if !binary.is_file() {
        return Err(Failure::new(format!(
            "{} does not exist: build it, or name another with --binary",
            binary.display()
        )));
    }
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").and_then(|kib| kib.split(' ').next()?.parse::<u64>().ok());
    let unknown = || "unknown".to_owned();
    let rows = [
        ("date", said_by("date", &["--utc", "+%F %H:%M UTC"])),
        ("hashlane", said_by(binary, &["--version"])),
        ("source", source()),
        ("cores", Some(cores.to_string())),
        ("CPU", field("/proc/cpuinfo", "model name")),
        ("memory", memory.map(|kib| format!("{:.1} GiB", kib as f64 / f64::from(1 << 20)))),
        ("kernel", said_by("uname", &["-sr"])),
        ("file system", said_by("stat", &["--file-system", "--format=%T", &temporary_folder()])),
        ("rustc", said_by("rustc", &["--version"])),
    ];
    let mut text = String::from("# Record\n\n| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {} |", value.unwrap_or_else(unknown));
    }
    Ok(text)
}

/// The commit that the checkout stands at, and whether it was changed since.
fn source() -> Option<String> {
    let commit = said_by("git", &["rev-parse", "--short", "HEAD"])?;
    let changed = said_by("git", &["status", "--porcelain"]).is_some();
    Some(if changed { format!("{commit} and changes") } else { commit })
}

fn temporary_folder() -> String {
    std::env::temp_dir().display().to_string()
}

/// What a command prints; `None` when it fails or prints nothing.
fn said_by(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// The first value of a name in a file of `name : value` lines.
fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
