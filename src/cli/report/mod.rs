//! Judgements for other programs: SARIF, JUnit and Markdown. Each takes many
//! artifacts, and whatever comes from outside is made harmless for its format.

use std::path::Path;

use crate::artifact::Artifact;
use crate::policy::Finding;

use super::gate::Judgement;
use super::{finding, rejected, ui};

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

/// All that a finding says, a line each.
fn lines(finding: &Finding) -> Vec<String> {
    let wanted = Some(&finding.wanted).filter(|wanted| !wanted.is_empty());
    let line = finding.line.map(|line| ("policy line", line.to_string()));
    let details = finding::details(finding, wanted.cloned(), line);
    std::iter::once(("seen", finding::seen(finding)))
        .chain(details)
        .map(|(label, text)| ui::one_line(&format!("{label}: {text}")))
        .collect()
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
