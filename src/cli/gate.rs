//! The road from a file to a verdict, the same for every command that takes it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::artifact::{Artifact, Digest};
use crate::bundle::{self, Bundle, Content, Evidence};
use crate::key::{KeyError, MAX_KEY, PublicKey};
use crate::policy::{Attested, KeySource, Outcome, Policy, Verdict, embedded};
use crate::statement::Statement;
use crate::verify::{
    self, Allowance, MAX_ROOT, Signature, Transparency, Trust, Verified, VerifyError,
};

use super::error::{Failure, reasons};
use super::files;
use super::policy_file::{self, Found, PolicyFile};
use super::{rejected, ui};

/// What a command asks evidence for, and judges it by.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct GateArgs {
    /// A file with evidence: a Sigstore bundle, or one per line, a PEP 740 attestation
    /// or what PyPI, npm or GitHub answers; may be repeated [default:
    /// FILE.sigstore.json, FILE.sigstore.jsonl and FILE.publish.attestation beside
    /// the file]
    #[arg(long = "bundle", value_name = "FILE", help_heading = "Evidence")]
    pub(super) bundles: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) trust: TrustArgs,
}

/// What a command judges evidence by.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct TrustArgs {
    /// The policy that decides [default: `prov.toml` at the root of the
    /// repository; `prov dev` has one of its own]
    #[arg(
        long,
        value_name = "FILE",
        env = "PROV_POLICY",
        help_heading = "Evidence"
    )]
    pub(super) policy: Option<PathBuf>,

    /// Also trust signatures by this public key, up to SLSA Build L1
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    pub(super) key: Option<PathBuf>,

    /// With --key: accept a signature that stands in no transparency log, so
    /// that nobody can tell when or how often the key was used
    #[arg(long, requires = "key", help_heading = "Evidence")]
    pub(super) insecure_ignore_tlog: bool,

    /// The Sigstore trusted root to check certificates and logs with, or one per
    /// line [default: the public good instance, as it was when prov was built]
    #[arg(long, value_name = "FILE", help_heading = "Evidence")]
    pub(super) trusted_root: Option<PathBuf>,
}

/// How the names of files with evidence end.
pub(super) const EVIDENCE: [&str; 3] =
    [".sigstore.json", ".sigstore.jsonl", ".publish.attestation"];

/// What is built into this binary and a command judges by without a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// Nothing: a policy or a key must be given, or a `prov.toml` be there.
    None,
    /// `policies/dev.toml`, whatever a repository says: what is judged is part
    /// of prov, not of the repository.
    Dev,
    /// Nothing, and then nothing is judged.
    NotJudged,
}

/// What judges: the policy, and the roots that it needs, read when they are.
pub(super) struct Gate {
    found: Option<Found>,
    root: Option<PathBuf>,
    bare: OnceLock<Result<Trust, Failure>>,
    whole: OnceLock<Result<Trust, Failure>>,
}

/// Evidence, told apart.
#[derive(Default)]
pub(super) struct Genuine {
    /// Statements that are genuine.
    pub(super) statements: Vec<Verified<Statement>>,
    /// Signatures over the artifact's own bytes that are genuine.
    pub(super) signatures: Vec<Verified<Signature>>,
    /// Where each of them was found, and the digest of what it was read from.
    pub(super) used: Vec<(String, Digest)>,
    /// Evidence that proved nothing, and why.
    pub(super) rejected: Vec<(String, VerifyError)>,
}

/// A verdict and what was said on the way to it.
pub(super) struct Judgement {
    /// The policy's answer.
    pub(super) verdict: Verdict,
    /// The policy's name and where it was.
    pub(super) policy: String,
    /// The policy's file; none when only a key was given.
    pub(super) policy_file: Option<PolicyFile>,
    /// Statements that are genuine, in the order that the verdict counts.
    pub(super) verified: Vec<Verified<Statement>>,
    /// Signatures over the artifact's own bytes that are genuine.
    pub(super) signatures: Vec<Verified<Signature>>,
    /// See [`Genuine::used`].
    pub(super) used: Vec<(String, Digest)>,
    /// Evidence that proved nothing, and why.
    pub(super) rejected: Vec<(String, VerifyError)>,
}

impl GateArgs {
    /// The evidence that was named, or that lies beside `file`.
    pub(super) fn evidence(&self, file: &Path) -> Result<Vec<Evidence>, Failure> {
        let paths = match self.bundles.is_empty() {
            true => beside(file),
            false => self.bundles.clone(),
        };
        if paths.is_empty() {
            return Err(Failure::no(format!("no evidence about `{}`", file.display()))
                .with("seen", "no bundle beside it")
                .with("wanted", format!("{}.sigstore.jsonl", files::name(file)))
                .hint(format!(
                    "`prov attest {} --key prov.key` makes one, `--bundle FILE` names another place",
                    file.display()
                )));
        }
        read_evidence(&paths)
    }

    /// The evidence that was named, about an artifact that has nothing beside it.
    pub(super) fn named_evidence(&self, artifact: &str) -> Result<Vec<Evidence>, Failure> {
        if self.bundles.is_empty() {
            return Err(Failure::no(format!("no evidence about `{artifact}`"))
                .with("seen", "a digest, which nothing lies beside")
                .hint("`--bundle FILE` names the evidence"));
        }
        read_evidence(&self.bundles)
    }
}

impl TrustArgs {
    /// Whether anything was said of what to judge by.
    pub(super) fn is_given(&self) -> bool {
        self.policy.is_some() || self.key.is_some() || self.trusted_root.is_some()
    }

    /// Verifies the evidence about `artifact` and lets the policy judge.
    pub(super) fn judge(
        &self,
        artifact: &Artifact,
        evidence: &[Evidence],
        fallback: Fallback,
    ) -> Result<Judgement, Failure> {
        self.gate(fallback)?.judge(artifact, evidence)
    }

    /// All that is needed to judge, read once for any number of artifacts.
    pub(super) fn gate(&self, fallback: Fallback) -> Result<Gate, Failure> {
        let mut found = self.policy(fallback)?;
        if let Some(found) = &mut found {
            let base = found.base.clone();
            found
                .policy
                .resolve_keys(|source| resolve_key(source, &base))?;
        }
        Ok(self.gate_by(found))
    }

    /// What tells genuine evidence by the roots and by --key alone: no policy has a
    /// say, whatever lies at the root of a repository.
    pub(super) fn without_policy(&self) -> Result<Gate, Failure> {
        let key = self.key.as_deref().map(read_public_key).transpose()?;
        Ok(self.gate_by(key.map(|key| self.by_key(key))))
    }

    fn gate_by(&self, found: Option<Found>) -> Gate {
        Gate {
            found,
            root: self.trusted_root.clone(),
            bare: OnceLock::new(),
            whole: OnceLock::new(),
        }
    }

    fn by_key(&self, key: PublicKey) -> Found {
        Found {
            described: format!("signed by {}", key.id()),
            policy: Policy::for_key(key, self.transparency()),
            base: PathBuf::new(),
            file: None,
        }
    }

    fn transparency(&self) -> Transparency {
        match self.insecure_ignore_tlog {
            true => Transparency::NotRequired,
            false => Transparency::Required,
        }
    }

    fn policy(&self, fallback: Fallback) -> Result<Option<Found>, Failure> {
        let key = self.key.as_deref().map(read_public_key).transpose()?;
        let found = match (&self.policy, fallback) {
            (Some(path), _) => Some(policy_file::read(path)?),
            (None, Fallback::Dev) => Some(policy_file::dev()?),
            (None, Fallback::None | Fallback::NotJudged) => policy_file::of_repository()?,
        };
        match (found, key) {
            (Some(found), Some(key)) => Ok(Some(Found {
                policy: found.policy.with_key(key, self.transparency()),
                ..found
            })),
            (Some(found), None) => Ok(Some(found)),
            (None, Some(key)) => Ok(Some(self.by_key(key))),
            (None, None) if fallback == Fallback::NotJudged => Ok(None),
            (None, None) => Err(no_policy()),
        }
    }
}

impl Gate {
    /// How to name the policy to the user; `None` when there is none.
    pub(super) fn policy(&self) -> Option<&str> {
        self.found.as_ref().map(|found| found.described.as_str())
    }

    /// Verifies the evidence about `artifact` and lets the policy judge.
    pub(super) fn judge(
        &self,
        artifact: &Artifact,
        evidence: &[Evidence],
    ) -> Result<Judgement, Failure> {
        let genuine = self.examine(artifact, evidence)?;
        match (self.verdict(artifact, &genuine), &self.found) {
            (Some(verdict), Some(found)) => Ok(Judgement {
                verdict,
                policy: found.described.clone(),
                policy_file: found.file.clone(),
                verified: genuine.statements,
                signatures: genuine.signatures,
                used: genuine.used,
                rejected: genuine.rejected,
            }),
            _ => Err(no_policy()),
        }
    }

    /// Which of the evidence is genuine.
    pub(super) fn examine(
        &self,
        artifact: &Artifact,
        evidence: &[Evidence],
    ) -> Result<Genuine, Failure> {
        let trust = self.trust(evidence)?;
        let mut genuine = Genuine::default();
        let (mut others, mut allowance) = (Vec::new(), Allowance::default());
        for each in evidence {
            let result = match each.bundle.content() {
                Content::Envelope => {
                    verify::statement_within(artifact, each, trust, &mut allowance)
                        .map(|statement| genuine.statements.push(statement))
                }
                Content::Message => verify::signature(artifact, each, trust)
                    .map(|signature| genuine.signatures.push(signature)),
            };
            let origin = each.origin.clone();
            match result {
                Ok(()) => genuine.used.push((origin, each.bundle.digest().clone())),
                Err(error @ VerifyError::OtherArtifact { .. }) => others.push((each, error)),
                Err(error) => genuine.rejected.push((origin, error)),
            }
        }
        // What is about another artifact may be about a file inside of this one.
        let files: Vec<Artifact> = match others.is_empty() {
            true => Vec::new(),
            false => {
                let statements = genuine.statements.iter();
                statements.flat_map(|each| embedded(each.value())).collect()
            }
        };
        for (each, error) in others {
            let head = each.bundle.unverified_head().ok();
            let about = files
                .iter()
                .filter(|file| head.is_some_and(|head| head.speaks_of(file)))
                .find_map(|file| verify::statement_within(file, each, trust, &mut allowance).ok());
            let origin = each.origin.clone();
            match about {
                Some(statement) => {
                    genuine.statements.push(statement);
                    genuine.used.push((origin, each.bundle.digest().clone()));
                }
                None => genuine.rejected.push((origin, error)),
            }
        }
        Ok(genuine)
    }

    /// The policy's answer; `None` when there is no policy.
    pub(super) fn verdict(&self, artifact: &Artifact, genuine: &Genuine) -> Option<Verdict> {
        let (statements, signatures) = (&genuine.statements, &genuine.signatures);
        let policy = &self.found.as_ref()?.policy;
        Some(policy.judge_all(artifact, statements, signatures, SystemTime::now()))
    }

    /// The roots that this evidence needs. A trusted root is only read for
    /// certificates and log entries: parsing one costs more than all the rest.
    fn trust(&self, evidence: &[Evidence]) -> Result<&Trust, Failure> {
        let is_bare = evidence.iter().all(|each| each.bundle.is_bare());
        let (place, root) = match (is_bare, &self.root) {
            (true, None) => (&self.bare, None),
            (_, root) => (&self.whole, Some(root.as_deref())),
        };
        place
            .get_or_init(|| self.read_trust(root))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Trust in the policy's keys, and in a root: a file's, or the one built in.
    fn read_trust(&self, root: Option<Option<&Path>>) -> Result<Trust, Failure> {
        let policy = self.found.as_ref().map(|found| &found.policy);
        let trust = Trust::keys(policy.map(Policy::trusted_keys).unwrap_or_default())
            .with_certificates(policy.map(Policy::certificates).unwrap_or_default())
            .with_time(SystemTime::now());
        let trust = match policy.cloned() {
            Some(policy) => trust.with_known(move |certificate| policy.knows(certificate)),
            None => trust,
        };
        let broken = |what: &str, error: verify::TrustError| {
            Failure::cant_say(format!("cannot use {what}")).with("reason", reasons(&error))
        };
        match root {
            None => Ok(trust),
            Some(Some(path)) => {
                let json = files::read_text(path, MAX_ROOT, "trusted root")?;
                let what = format!("the trusted root `{}`", path.display());
                trust.with_root(&json).map_err(|error| broken(&what, error))
            }
            Some(None) => trust
                .with_public_good()
                .map_err(|error| broken("the built-in trusted root", error)),
        }
    }
}

fn no_policy() -> Failure {
    let seen = "neither `--policy` nor `--key`, and no `prov.toml` at the root of a repository";
    Failure::cant_say("no policy to judge by")
        .with("seen", seen)
        .hint("`--policy FILE` names a policy, `--key FILE` trusts one key")
}

/// The evidence that lies beside `file`.
pub(super) fn beside(file: &Path) -> Vec<PathBuf> {
    let beside = EVIDENCE.iter().map(|suffix| files::beside(file, suffix));
    beside.filter(|path| !files::is_missing(path)).collect()
}

impl Judgement {
    /// What follows `prefix` in the URI of a dependency of the provenance that
    /// decided: the version, for a purl up to its `@`.
    pub(super) fn dependency(&self, prefix: &str) -> Option<String> {
        let statement = self.verified.get(self.verdict.provenance()?)?.value();
        let dependencies = statement
            .predicate
            .pointer("/buildDefinition/resolvedDependencies")?;
        let version = dependencies
            .as_array()?
            .iter()
            .find_map(|each| each.get("uri")?.as_str()?.strip_prefix(prefix))?;
        Some(version.to_owned())
    }

    /// True when there is evidence and none of it is genuine: every rule fails for
    /// want of it, and why there is none is all that helps.
    pub(super) fn proved_nothing(&self) -> bool {
        self.verified.is_empty() && self.signatures.is_empty() && !self.rejected.is_empty()
    }

    /// A failure unless the policy said yes; warns of evidence that proved nothing
    /// beside what was enough.
    pub(super) fn accept(&self, artifact: &Artifact) -> Result<(), Failure> {
        if !self.verdict.passed() {
            return Err(self.refusal(artifact));
        }
        for (origin, error) in &self.rejected {
            ui::warn(&format!("{origin}: {}", rejected::explain(error)));
        }
        Ok(())
    }

    /// The artifact, to be run, if the policy said yes.
    pub(super) fn admit(&self, artifact: Artifact) -> Result<Attested, Failure> {
        self.accept(&artifact)?;
        let name = artifact.name().to_owned();
        self.verdict
            .admit(artifact)
            .map_err(|error| Failure::no(format!("{name} was refused")).with("reason", error))
    }

    /// The failure that a refused artifact ends in.
    fn refusal(&self, artifact: &Artifact) -> Failure {
        let mut failure = Failure::no(format!("{} was refused", artifact.name()))
            .with("digest", artifact.digest())
            .with("policy", &self.policy);
        for (origin, error) in &self.rejected {
            failure = failure.with(
                "evidence",
                format!("{origin}: {}", rejected::explain(error)),
            );
            failure.hint = failure.hint.or_else(|| rejected::remedy(error));
        }
        if self.proved_nothing() {
            return failure;
        }
        for finding in self.verdict.findings() {
            if finding.outcome != Outcome::Failed {
                continue;
            }
            let mut text = format!(
                "{}\nseen {}\nwanted {}",
                finding.rule.name(),
                finding.seen,
                finding.wanted
            );
            if let Some(line) = finding.line {
                let _ = write!(text, " (line {line} of the policy)");
            }
            failure = failure.with("rule", text);
            failure.hint = failure.hint.or_else(|| finding.fix.clone());
        }
        failure
    }
}

/// All bundles of all files.
pub(super) fn read_evidence(paths: &[PathBuf]) -> Result<Vec<Evidence>, Failure> {
    let mut evidence = Vec::new();
    for path in paths {
        let bytes = files::read(path, bundle::MAX_FILE as u64, "bundle")?;
        let bundles = Bundle::parse_all(&bytes).map_err(|error| {
            Failure::cant_say(format!("`{}` is not a readable bundle", path.display()))
                .with("reason", reasons(&error))
                .with("wanted", "Sigstore bundles or PEP 740 attestations")
        })?;
        evidence.extend(bundles.into_iter().map(|bundle| Evidence {
            origin: path.display().to_string(),
            bundle,
        }));
    }
    Ok(evidence)
}

pub(super) fn read_public_key(path: &Path) -> Result<PublicKey, Failure> {
    let pem = files::read_text(path, MAX_KEY, "public key")?;
    PublicKey::from_pem(&pem).map_err(|error| {
        let failure = Failure::cant_say(format!("`{}` is not a usable public key", path.display()))
            .with("reason", reasons(&error));
        match error {
            KeyError::Private => failure.hint(format!(
                "`prov key public {}` prints its public half",
                path.display()
            )),
            _ => failure.with("wanted", "a PEM file with the label PUBLIC KEY"),
        }
    })
}

fn resolve_key(source: &KeySource, base: &Path) -> Result<Option<PublicKey>, Failure> {
    match source {
        KeySource::Inline(key) | KeySource::Given(key) => Ok(Some(key.clone())),
        KeySource::File(path) => read_public_key(&base.join(path)).map(Some),
        KeySource::BuildKey => build_key(),
    }
}

#[cfg(feature = "embedded-nats")]
fn build_key() -> Result<Option<PublicKey>, Failure> {
    crate::launch::nats::build_key().map_err(|error| {
        Failure::cant_say("the build key of this binary is damaged").with("reason", reasons(&error))
    })
}

#[cfg(not(feature = "embedded-nats"))]
fn build_key() -> Result<Option<PublicKey>, Failure> {
    Ok(None)
}
