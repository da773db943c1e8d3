//! Failures as the user meets them, and their exit codes.

use std::fmt::Display;
use std::process::ExitCode;

/// How a command ends (documented in every `--help`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Yes.
    Yes,
    /// No: refused, and it is known why.
    No,
    /// Can't say: usage, files, network, broken input.
    CantSay,
    /// What the guest said.
    Guest(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::CantSay => 2,
            Exit::Guest(code) => code,
        })
    }
}

/// Why a command did not do what was asked.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// 1 or 2.
    pub(super) exit: Exit,
    /// What was refused or failed, about what.
    pub(super) message: String,
    /// Facts with their labels: seen, wanted, …
    pub(super) details: Vec<(&'static str, String)>,
    /// The place in a file that it is about, rendered.
    pub(super) snippet: Option<String>,
    /// One thing to do about it.
    pub(super) hint: Option<String>,
}

impl Failure {
    /// A no.
    pub(super) fn no(message: impl Into<String>) -> Self {
        Self::new(Exit::No, message)
    }

    /// A can't say.
    pub(super) fn cant_say(message: impl Into<String>) -> Self {
        Self::new(Exit::CantSay, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            details: Vec::new(),
            snippet: None,
            hint: None,
        }
    }

    /// Adds a fact.
    pub(super) fn with(mut self, label: &'static str, text: impl Display) -> Self {
        self.details.push((label, text.to_string()));
        self
    }

    /// Says what to do.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The whole chain of causes, each once.
pub(super) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
