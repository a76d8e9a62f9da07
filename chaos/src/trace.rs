//! What strace wrote of a process, as steps on the files of one folder: `strace -f -y -xx -s LONG`.
//!
//! The order of the lines is the order in which strace held the threads, so that a call that returned is before everything
//! that any thread, or anybody who was told, did because of it.

use std::collections::HashSet;

use crate::failure::Failure;

/// The calls that change files or tell somebody something, in the words of strace.
pub const CALLS: &str = "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync,\
sync_file_range,unlink,unlinkat,rename,renameat,renameat2,link,linkat,sendto,sendmsg,copy_file_range,sendfile";

/// A call that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A file was opened, and made if it was not there.
    Make {
        /// Its name in the folder.
        name: String,
    },
    /// Bytes of a file.
    Write {
        /// Its name in the folder.
        name: String,
        /// Where.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// A new length of a file.
    Length {
        /// Its name in the folder.
        name: String,
        /// In bytes.
        length: u64,
    },
    /// fsync or fdatasync of a file.
    Sync {
        /// Its name in the folder.
        name: String,
    },
    /// fsync of the folder.
    SyncFolder,
    /// A name goes.
    Remove {
        /// The name in the folder.
        name: String,
    },
    /// Bytes for a socket.
    Tell {
        /// What.
        bytes: Vec<u8>,
    },
}

/// One moment of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A thread enters a call.
    Begins(u32, Call),
    /// The call that it entered returned; what it returned is not negative.
    Ends(u32, u64),
    /// The call that it entered failed.
    Fails(u32),
}

/// Reads traces of one folder.
#[derive(Debug)]
pub struct Reader<'a> {
    folder: &'a str,
    names: &'a [&'a str],
    /// Threads in a call that matters.
    under_way: HashSet<u32>,
}

impl<'a> Reader<'a> {
    /// `folder` without a slash at its end and as the kernel names it; other names in it do not matter.
    pub fn of(folder: &'a str, names: &'a [&'a str]) -> Reader<'a> {
        Reader { folder, names, under_way: HashSet::new() }
    }

    /// The steps of a line. A call on one of the files that is none of [`Call`] is an error.
    pub fn line(&mut self, line: &str) -> Result<Vec<Step>, Failure> {
        let wrong = |what: &str| Failure::new(format!("{what}: {}", line.get(..300).unwrap_or(line)));
        let (thread, rest) = line.split_once(' ').ok_or_else(|| wrong("a trace has a line without a thread"))?;
        let thread = thread.parse::<u32>().map_err(|_| wrong("a trace has a line without a thread"))?;
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            return Ok(Vec::new());
        }
        if rest.starts_with("<... ") {
            let matters = self.under_way.remove(&thread);
            return Ok(returned(rest).filter(|_| matters).map(|it| end(thread, it)).into_iter().collect());
        }
        let Some((call, arguments)) = rest.split_once('(') else { return Err(wrong("not a call")) };
        let Some(call) = self.call(call, arguments).map_err(|what| wrong(&what))? else { return Ok(Vec::new()) };
        let mut steps = vec![Step::Begins(thread, call)];
        if rest.ends_with("<unfinished ...>") {
            self.under_way.insert(thread);
        } else {
            // A call in which the process was killed returned nothing.
            steps.extend(returned(rest).map(|it| end(thread, it)));
        }
        Ok(steps)
    }

    fn call(&self, call: &str, arguments: &str) -> Result<Option<Call>, String> {
        let texts = || -> Result<Vec<Vec<u8>>, String> {
            if arguments.contains("\"...") {
                return Err("a text is longer than what is traced of it".to_owned());
            }
            arguments.split('"').skip(1).step_by(2).map(unhex).collect()
        };
        let of_descriptor = |arguments: &str| -> Result<String, String> {
            let path = arguments.split_once('<').and_then(|(_, it)| it.split_once('>'));
            let Some((path, after)) = path else { return Ok(String::new()) };
            // What has no name any more cannot be found again.
            let path = if after.starts_with("(deleted)") { Vec::new() } else { unhex(path)? };
            Ok(String::from_utf8_lossy(&path).into_owned())
        };
        let last = || arguments.rsplit_once(')').map_or(arguments, |(it, _)| it);
        let number = |at: usize| -> Result<u64, String> {
            let text = last().trim_end_matches(" <unfinished ...>").rsplit(", ").nth(at).unwrap_or_default();
            text.parse().map_err(|_| format!("{text:?} is no number"))
        };
        let is_by_name = matches!(
            call,
            "open"
                | "openat"
                | "creat"
                | "truncate"
                | "unlink"
                | "unlinkat"
                | "rename"
                | "renameat"
                | "renameat2"
                | "link"
                | "linkat"
        );
        if is_by_name {
            let paths = texts()?;
            let names: Vec<&str> =
                paths.iter().filter_map(|it| self.name(std::str::from_utf8(it).unwrap_or_default())).collect();
            let Some(name) = names.first().map(|it| (*it).to_owned()) else { return Ok(None) };
            return match call {
                "openat" | "open" if arguments.contains("O_TRUNC") => Err("a file is emptied when opened".to_owned()),
                "openat" | "open" if arguments.contains("O_CREAT") => Ok(Some(Call::Make { name })),
                "openat" | "open" => Ok(None),
                "unlink" | "unlinkat" => Ok(Some(Call::Remove { name })),
                _ => Err("the layer does not know this call on a file of the store".to_owned()),
            };
        }
        let path = of_descriptor(arguments)?;
        let Some(name) = self.name(&path).map(str::to_owned) else {
            return Ok(match call {
                "fsync" | "fdatasync" if path == self.folder => Some(Call::SyncFolder),
                "write" | "writev" | "sendto" | "sendmsg" if path.starts_with("socket:") => {
                    Some(Call::Tell { bytes: texts()?.concat() })
                }
                _ => None,
            });
        };
        match call {
            "pwrite64" => {
                let bytes = texts()?.into_iter().next().unwrap_or_default();
                Ok(Some(Call::Write { name, at: number(0)?, bytes }))
            }
            "ftruncate" => Ok(Some(Call::Length { name, length: number(0)? })),
            "fsync" | "fdatasync" => Ok(Some(Call::Sync { name })),
            _ => Err("the layer does not know this call on a file of the store".to_owned()),
        }
    }

    /// The name in the folder of a path, when it matters.
    fn name<'b>(&self, path: &'b str) -> Option<&'b str> {
        let name = path.strip_prefix(self.folder)?.strip_prefix('/')?;
        self.names.contains(&name).then_some(name)
    }
}

/// What a line says was returned, if anything.
fn returned(line: &str) -> Option<Option<u64>> {
    let (_, value) = line.rsplit_once(" = ")?;
    let value = value.split([' ', '<']).next()?;
    (value != "?").then(|| value.parse().ok())
}

fn end(thread: u32, returned: Option<u64>) -> Step {
    returned.map_or(Step::Fails(thread), |it| Step::Ends(thread, it))
}

/// Bytes that strace wrote as `\x41\x42`. Some texts of descriptors are as they are.
fn unhex(text: &str) -> Result<Vec<u8>, String> {
    if !text.starts_with("\\x") {
        return Ok(text.as_bytes().to_vec());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|it| it as u8);
    let byte = |four: &[u8]| match four {
        [b'\\', b'x', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(4).map(byte).collect();
    bytes.ok_or_else(|| "a text is not in hex".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
    }

    fn steps(lines: &[String]) -> Vec<Step> {
        let mut reader = Reader::of("/data", &["jobs.db"]);
        lines.iter().flat_map(|line| reader.line(line).expect("it is a line of strace")).collect()
    }

    #[test]
    fn calls_on_the_files_are_read_and_others_are_not() {
        let (file, other, folder) = (hex("/data/jobs.db"), hex("/data/jobs.txt"), hex("/data"));
        let name = || "jobs.db".to_owned();
        let write = Call::Write { name: name(), at: 4096, bytes: b"ab".to_vec() };
        assert_eq!(
            steps(&[
                format!("7 openat(AT_FDCWD<{folder}>, \"{file}\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<{file}>"),
                format!("7 pwrite64(3<{file}>, \"\\x61\\x62\", 2, 4096) = 2"),
                format!("7 pwrite64(4<{other}>, \"\\x61\\x62\", 2, 4096) = 2"),
                format!("7 fdatasync(3<{file}>) = -1 EIO (Input/output error)"),
                format!("7 fsync(5<{folder}>) = 0"),
                format!("7 ftruncate(3<{file}>, 12) = 0"),
                format!("7 pwrite64(3<{file}>(deleted), \"\\x61\", 1, 0) = 1"),
                "7 writev(9<\\x73\\x6f\\x63\\x6b\\x65\\x74\\x3a\\x5b\\x31\\x5d>, [{iov_base=\"\\x41\", iov_len=1}, \
                 {iov_base=\"\\x42\", iov_len=1}], 2) = 2"
                    .to_owned(),
                "7 +++ killed by SIGKILL +++".to_owned(),
            ]),
            [
                Step::Begins(7, Call::Make { name: name() }),
                Step::Ends(7, 3),
                Step::Begins(7, write),
                Step::Ends(7, 2),
                Step::Begins(7, Call::Sync { name: name() }),
                Step::Fails(7),
                Step::Begins(7, Call::SyncFolder),
                Step::Ends(7, 0),
                Step::Begins(7, Call::Length { name: name(), length: 12 }),
                Step::Ends(7, 0),
                Step::Begins(7, Call::Tell { bytes: b"AB".to_vec() }),
                Step::Ends(7, 2),
            ]
        );
    }

    #[test]
    fn a_call_that_others_interrupt_ends_where_it_is_resumed() {
        let file = hex("/data/jobs.db");
        let sync = || Call::Sync { name: "jobs.db".to_owned() };
        assert_eq!(
            steps(&[
                format!("7 fdatasync(3<{file}> <unfinished ...>"),
                format!("8 fdatasync(3<{file}> <unfinished ...>"),
                "8 <... fdatasync resumed>) = 0".to_owned(),
                "7 <... fdatasync resumed>) = ?".to_owned(),
            ]),
            [Step::Begins(7, sync()), Step::Begins(8, sync()), Step::Ends(8, 0)]
        );
    }

    #[test]
    fn a_call_on_the_files_that_the_layer_does_not_know_is_an_error() {
        let file = hex("/data/jobs.db");
        let mut reader = Reader::of("/data", &["jobs.db"]);
        assert!(reader.line(&format!("7 write(3<{file}>, \"\\x61\", 1) = 1")).is_err());
        assert!(reader.line(&format!("7 rename(\"{file}\", \"\\x61\") = 0")).is_err());
        assert!(reader.line(&format!("7 pwrite64(3<{file}>, \"\\x61\"..., 9, 0) = 9")).is_err());
    }
}
