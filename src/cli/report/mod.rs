//! Judgements for other programs: SARIF, JUnit and Markdown. Each takes many
//! artifacts, and whatever comes from outside is made harmless for its format.

use std::path::Path;

use crate::artifact::Artifact;
use crate::policy::{Finding, Outcome};

use super::gate::Judgement;
use super::{rejected, ui};

pub(super) mod junit;
pub(super) mod markdown;
pub(super) mod sarif;

/// An artifact and what a policy says of it.
pub(super) struct Judged<'a> {
    pub(super) name: &'a str,
    pub(super) digest: String,
    pub(super) passed: bool,
    /// The SLSA Build level.
    pub(super) level: u8,
    /// The policy for people.
    pub(super) policy: &'a str,
    /// The policy's file, which the lines of findings are of.
    pub(super) policy_file: Option<&'a Path>,
    pub(super) findings: &'a [Finding],
    /// Evidence that proved nothing: where it was, and why.
    pub(super) rejected: Vec<(&'a str, String)>,
}

impl<'a> Judged<'a> {
    pub(super) fn new(artifact: &'a Artifact, judgement: &'a Judgement) -> Self {
        let rejected = judgement.rejected.iter();
        Self {
            name: artifact.name(),
            digest: artifact.digest().to_string(),
            passed: judgement.verdict.passed(),
            level: judgement.verdict.level(),
            policy: &judgement.policy,
            policy_file: judgement
                .policy_file
                .as_ref()
                .map(|file| file.path.as_path()),
            findings: judgement.verdict.findings(),
            rejected: rejected
                .map(|(origin, error)| (origin.as_str(), rejected::explain(error)))
                .collect(),
        }
    }

    fn verdict(&self) -> &'static str {
        match self.passed {
            true => "verified",
            false => "refused",
        }
    }
}

/// The rule that evidence which proves nothing is reported under.
const EVIDENCE: &str = "evidence";

/// The word for an outcome, as in `--format json`.
pub(super) fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Waived { .. } => "waived",
        Outcome::Noted => "noted",
    }
}

/// All that a finding says, a line each.
fn lines(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!("seen: {}", finding.seen)];
    if let Some(backing) = finding.backing {
        lines[0] += &format!(" ({backing})");
    }
    let mut add = |label: &str, text: &str| lines.push(format!("{label}: {text}"));
    if let Some(component) = &finding.component {
        add("in", component);
    }
    if !finding.wanted.is_empty() {
        add("wanted", &finding.wanted);
    }
    if let Some(why) = &finding.why {
        add("why", why);
    }
    if let Outcome::Waived {
        reason,
        owner,
        until,
    } = &finding.outcome
    {
        add("waived", &format!("{reason} ({owner}, until {until})"));
    }
    if let Some(line) = finding.line {
        add("policy line", &line.to_string());
    }
    if let Some(fix) = &finding.fix {
        add("hint", fix);
    }
    lines.iter().map(|line| one_line(line)).collect()
}

/// Text without control characters, line ends and marks that turn it around.
fn one_line(text: &str) -> String {
    ui::clean(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;
    use crate::policy::Policy;
    use crate::verify::Transparency;
    use std::time::SystemTime;

    /// A name that every format has to take the teeth out of.
    pub(super) const HOSTILE: &str = "]]><script>\u{1b}[31m\u{202e}`|* [x](https://evil.example) <img src=x>\n# & \"' @acme www.evil.example \u{fffe}";

    /// An artifact of that name, refused for want of evidence.
    pub(super) fn refused(check: impl FnOnce(&Judged<'_>)) {
        let pem = include_str!("../../../testdata/keys/p256.pub");
        let key = PublicKey::from_pem(pem).unwrap();
        let policy = Policy::for_key(key, Transparency::Required);
        let artifact = Artifact::from_bytes(HOSTILE, b"abc".to_vec());
        let verdict = policy.judge(&artifact, &[], SystemTime::UNIX_EPOCH);
        check(&Judged {
            name: HOSTILE,
            digest: artifact.digest().to_string(),
            passed: verdict.passed(),
            level: verdict.level(),
            policy: HOSTILE,
            policy_file: Some(Path::new("policies/a b.toml")),
            findings: verdict.findings(),
            rejected: vec![(HOSTILE, HOSTILE.to_owned())],
        });
    }
}
