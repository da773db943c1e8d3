//! Every word that a user sees passes through here.
//!
//! The rules: stdout is data, stderr is talk. Clear without colour. Lower case,
//! no full stop, backticks round commands and paths, nothing glued to a digest
//! (people double-click it). Text from outside is cleaned of control characters
//! before it reaches a terminal, since an escape sequence in a package name
//! could rewrite a verdict.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::error::Failure;

/// The word before a failure.
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The word before something that is not quite right.
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// A yes, and the word before a hint.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What is less important.
pub(super) const DIM: Style = Style::new().dimmed();

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// At a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Obeys `--color`; `NO_COLOR` and friends are anstream's part.
pub(super) fn set_color(color: Color) {
    match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// One line of talk.
pub(super) fn say(line: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// One line of talk that something is not quite right.
pub(super) fn warn(line: &str) {
    say(&format!("{WARNING}warning:{WARNING:#} {}", clean(line)));
}

/// What to do about something that was just said.
pub(super) fn hint(text: &str) {
    say(&format!("{GOOD}hint:{GOOD:#} {text}"));
}

/// Data. A reader that went away is an error only to the system.
pub(super) fn data(text: &str) {
    let mut stdout = anstream::stdout();
    let _ = stdout.write_all(text.as_bytes());
    let _ = stdout.flush();
}

/// A report for programs: JSON that people can read too, and a line end.
pub(super) fn json(report: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(report)
        .map(|text| text + "\n")
        .map_err(|error| Failure::cant_say("cannot write the report").with("reason", error))
}

/// A failure: what, then seen and wanted, then a hint that works.
pub(super) fn failure(failure: &Failure) {
    let mut lines = vec![format!(
        "{ERROR}error:{ERROR:#} {}",
        clean(&failure.message)
    )];
    let width = failure.details.iter().map(|(label, _)| label.len()).max();
    for (label, text) in &failure.details {
        let pad = width.unwrap_or(0) + 1;
        let text = clean(text).replace('\n', &format!("\n  {:pad$} ", ""));
        lines.push(format!(
            "  {DIM}{:<pad$}{DIM:#} {text}",
            format!("{label}:")
        ));
    }
    if let Some(snippet) = &failure.snippet {
        lines.push(snippet.clone());
    }
    if let Some(hint) = &failure.hint {
        lines.push(String::new());
        lines.push(format!("{GOOD}hint:{GOOD:#} {}", clean(hint)));
    }
    say(&lines.join("\n"));
}

/// `text` without what a terminal would obey: control characters but for the
/// line end, and the marks that turn the writing direction (Trojan Source).
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => c,
            '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                '\u{fffd}'
            }
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The same on one line.
pub(super) fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

/// A length of time for people: `40 ms`, `16.4 s`.
pub(super) fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A number of bytes for people: `32.4 MB`.
pub(super) fn bytes(size: u64) -> String {
    match size {
        0..1_000 => format!("{size} B"),
        1_000..1_000_000 => format!("{:.1} kB", size as f64 / 1e3),
        _ => format!("{:.1} MB", size as f64 / 1e6),
    }
}

/// Shows that long work goes on: a spinner at a terminal, one line elsewhere.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts to show `message`.
    pub(super) fn start(message: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            say(message);
            return Self { bar: None };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar: Some(bar) }
    }

    /// Takes it away again.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows at a terminal how far work has come that may be long: nothing when it
/// is not, and nothing elsewhere. Dropped, it is gone from the screen.
pub(super) struct Waiting {
    /// Closed, it tells the thread that draws to stop.
    done: Option<mpsc::Sender<()>>,
    drawing: Option<thread::JoinHandle<()>>,
}

impl Waiting {
    /// Shows what `message` says from half a second on.
    pub(super) fn start(message: impl Fn() -> String + Send + 'static) -> Self {
        Self::drawing("{spinner} {msg} {elapsed}", move |bar| {
            bar.set_message(message());
            true
        })
    }

    /// Shows what `measure` says from half a second on: how many bytes have come, and
    /// of how many.
    pub(super) fn transfer(measure: impl Fn() -> (u64, u64) + Send + 'static) -> Self {
        let template = "{bar:30} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}";
        Self::drawing(template, move |bar| {
            let (moved, expected) = measure();
            bar.set_length(expected);
            bar.set_position(moved);
            expected > 0
        })
    }

    /// `renew` sets the bar to what is now, and tells whether there is anything to see.
    fn drawing(
        template: &'static str,
        renew: impl Fn(&ProgressBar) -> bool + Send + 'static,
    ) -> Self {
        let (mut done, mut drawing) = (None, None);
        if std::io::stderr().is_terminal() {
            let (sender, stop) = mpsc::channel();
            let draw = move || draw(&stop, template, renew);
            drawing = thread::Builder::new().spawn(draw).ok();
            done = Some(sender);
        }
        Self { done, drawing }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.done.take();
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
    }
}

fn draw(stop: &mpsc::Receiver<()>, template: &str, renew: impl Fn(&ProgressBar) -> bool) {
    let waits = |time| stop.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout);
    if !waits(Duration::from_millis(500)) {
        return;
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    while waits(Duration::from_millis(100)) {
        if renew(&bar) {
            bar.tick();
        }
    }
    bar.finish_and_clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_turned_text_do_not_reach_the_terminal() {
        assert_eq!(
            clean("a\x1b[31mb\rc\u{202e}d\u{9b}e\nf"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e\nf"
        );
        assert_eq!(clean("grün ✓"), "grün ✓");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(32_430_841), "32.4 MB");
        assert_eq!(duration(Duration::from_millis(40)), "40 ms");
        assert_eq!(duration(Duration::from_millis(16_400)), "16.4 s");
    }
}
