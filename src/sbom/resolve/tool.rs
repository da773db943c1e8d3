//! Asking a tool of the machine, with limits.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The longest answer, in bytes.
const MAX_ANSWER: u64 = 256 << 20;
/// The most that is kept of what a tool says beside its answer, in bytes.
const MAX_SAID: u64 = 64 << 10;
/// The most of it that an error shows, in characters.
const MAX_SHOWN: usize = 400;
/// The longest that a tool may take: Cargo waits for others that use its cache.
const MAX_TIME: Duration = Duration::from_secs(300);

/// Why a tool gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// It could not be started.
    #[error("`{program}` cannot be started: {source}")]
    Absent {
        /// The program.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It said no.
    #[error("`{program}` said: {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// Its own words.
        said: String,
    },
    /// It took too long.
    #[error("`{program}` took longer than {} seconds", MAX_TIME.as_secs())]
    Slow {
        /// The program.
        program: &'static str,
    },
    /// Its answer is too long.
    #[error("`{program}` answered more than {MAX_ANSWER} bytes")]
    TooLong {
        /// The program.
        program: &'static str,
    },
    /// Its answer is not understood.
    #[error("`{program}` answered what is not understood: {seen}")]
    Odd {
        /// The program.
        program: &'static str,
        /// The part of it.
        seen: String,
    },
    /// It cannot do what is asked.
    #[error("{0}")]
    Unable(String),
}

impl ToolError {
    pub(super) fn odd(program: &'static str, seen: &str) -> Self {
        Self::Odd {
            program,
            seen: seen.chars().take(MAX_SHOWN).collect(),
        }
    }
}

/// Runs a command to its end and gives what it wrote to its standard output.
pub(super) fn ask(program: &'static str, command: &mut Command) -> Result<Vec<u8>, ToolError> {
    let absent = |source| ToolError::Absent { program, source };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(absent)?;
    let answer = child.stdout.take().map(|pipe| read(pipe, MAX_ANSWER));
    let said = child.stderr.take().map(|pipe| read(pipe, MAX_SAID));
    let deadline = Instant::now() + MAX_TIME;
    let left = || deadline.saturating_duration_since(Instant::now());
    let answer = answer.and_then(|answer| answer.recv_timeout(left()).ok());
    let status = loop {
        match child.try_wait().map_err(absent)? {
            Some(status) => break status,
            None if left().is_zero() => {
                // Gone already is as good.
                let _ = child.kill();
                let _ = child.wait();
                return Err(ToolError::Slow { program });
            }
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    match answer {
        Some(answer) if status.success() => match answer.len() as u64 > MAX_ANSWER {
            true => Err(ToolError::TooLong { program }),
            false => Ok(answer),
        },
        _ => {
            let said = said.and_then(|said| said.recv_timeout(left()).ok());
            let said = String::from_utf8_lossy(said.as_deref().unwrap_or_default()).into_owned();
            Err(ToolError::Failed {
                program,
                said: brief(&said),
            })
        }
    }
}

/// Reads a pipe beside the others, so that none can fill up and stop the child.
fn read(pipe: impl Read + Send + 'static, limit: u64) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut pipe = pipe.take(limit + 1);
        // What is over the limit is read as well: a closed pipe would end the tool.
        let read = pipe
            .read_to_end(&mut bytes)
            .and_then(|_| io::copy(&mut pipe.into_inner(), &mut io::sink()));
        if read.is_ok() {
            // Nobody listens any more when the time is over.
            let _ = send.send(bytes);
        }
    });
    receive
}

/// The error in what a tool said, on one line.
fn brief(said: &str) -> String {
    let said = said.find("error:").map_or(said, |at| &said[at + 6..]);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = words.chars().count();
    if words.is_empty() {
        return "nothing".to_owned();
    }
    if count <= MAX_SHOWN {
        return words;
    }
    // What happened stands first, and why it did last.
    let part = |skip: usize| words.chars().skip(skip).take(MAX_SHOWN / 2);
    let first = part(0).chain(" … ".chars());
    first.chain(part(count - MAX_SHOWN / 2)).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<Vec<u8>, ToolError> {
        ask("sh", Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn an_answer_is_what_a_tool_wrote_and_a_refusal_its_words() {
        assert_eq!(shell("echo yes; echo talk >&2").unwrap(), b"yes\n");
        let error = shell("echo no; echo 'warning: x\nerror: not\n\n  here' >&2; exit 3");
        assert_eq!(error.unwrap_err().to_string(), "`sh` said: not here");
        let error = shell("exit 1").unwrap_err();
        assert_eq!(error.to_string(), "`sh` said: nothing");
        let absent = ask("none", &mut Command::new("/nonexistent/tool"));
        assert!(matches!(absent, Err(ToolError::Absent { .. })));
    }

    #[test]
    fn much_talk_neither_stops_a_tool_nor_floods_an_error() {
        let talk = "i=0; while [ $i -lt 30000 ]; do echo error: words >&2; i=$((i+1)); done;";
        assert_eq!(shell(&format!("{talk} echo yes")).unwrap(), b"yes\n");
        match shell(&format!("{talk} exit 1")) {
            Err(ToolError::Failed { said, .. }) => assert!(said.chars().count() <= MAX_SHOWN + 3),
            other => panic!("{other:?}"),
        }
    }
}
