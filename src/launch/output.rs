//! A guest's output, line by line.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::thread::{Builder, JoinHandle};

use super::guest::Sink;

/// How many lines are kept to explain a trap.
const KEPT: usize = 20;

/// A longer line is cut into several.
const LONGEST: u64 = 16 << 10;

/// Reads lines on a thread until all writers are gone.
pub(super) struct Capture {
    thread: JoinHandle<VecDeque<String>>,
}

impl Capture {
    /// Starts, and returns what the guest should write to.
    pub(super) fn start(sink: Sink) -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let thread = Builder::new()
            .name("guest output".to_owned())
            .spawn(move || read_lines(reader, sink))?;
        Ok((Self { thread }, writer))
    }

    /// The last lines. Waits for the writers to be gone.
    pub(super) fn finish(self) -> Vec<String> {
        self.thread.join().map(Vec::from).unwrap_or_default()
    }
}

fn read_lines(reader: PipeReader, mut sink: Sink) -> VecDeque<String> {
    let mut reader = BufReader::new(reader);
    let mut last = VecDeque::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return last,
            Ok(_) => {}
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = String::from_utf8_lossy(text);
        sink(&text);
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(text.into_owned());
    }
}
