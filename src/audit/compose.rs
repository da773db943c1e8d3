//! From what `verify` and `policy` found to the page.

use super::attestation::{Attestation, Missing};
use super::contents::is_sbom;
use super::{Audit, Contents, Exposure, Judgement, Origin, Subject};
use crate::artifact::Artifact;
use crate::policy::{Rule, Verdict};
use crate::statement::{SLSA_PROVENANCE_V1, Statement};
use crate::verify::{Signature, Signer, Verified};

/// What is known of an artifact before it is looked at as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// See [`Subject::name`].
    pub name: &'a str,
    /// The artifact.
    pub artifact: &'a Artifact,
    /// See [`Subject::media_type`].
    pub media_type: Option<&'a str>,
    /// See [`Subject::platform`].
    pub platform: Option<&'a str>,
    /// The policy's name and place and its answer, if there was a policy.
    pub verdict: Option<(&'a str, &'a Verdict)>,
    /// The genuine statements, in the order in which the policy saw them.
    pub statements: &'a [Verified<Statement>],
    /// The genuine signatures, in that order.
    pub signatures: &'a [Verified<Signature>],
    /// Evidence that proves nothing.
    pub rejected: &'a [Rejected],
}

/// Evidence that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it was found.
    pub origin: String,
    /// What it claims to be.
    pub predicate_type: Option<String>,
    /// Why it proves nothing.
    pub why: String,
}

impl Audit {
    /// The page about one artifact. Vulnerabilities are not looked for here.
    pub fn of(found: &Found<'_>) -> Self {
        let statements = found.statements.iter().enumerate();
        let mut attestations: Vec<Attestation> = statements
            .map(|(index, each)| {
                let predicate = Some(each.value().predicate_type.as_str());
                Attestation::genuine(each, predicate, found.counts(index))
            })
            .collect();
        attestations.extend(found.signatures.iter().enumerate().map(|(index, each)| {
            let counts =
                |(_, verdict): (_, &Verdict)| verdict.counted_signatures().contains(&index);
            Attestation::genuine(each, None, found.verdict.map(counts))
        }));
        attestations.extend(found.rejected.iter().map(Attestation::rejected));
        let provenance = found.provenance();
        let origin = provenance.map(|(index, each)| Origin::of(each, found.counts(index)));
        let contents = found.contents();
        let missing = found.missing(provenance.map(|(_, each)| each), contents.as_ref());
        Self {
            subject: Subject {
                name: found.name.to_owned(),
                digest: found.artifact.digest().clone(),
                size: (!found.artifact.is_elsewhere()).then(|| found.artifact.size()),
                media_type: found.media_type.map(str::to_owned),
                platform: found.platform.map(str::to_owned),
            },
            judgement: found
                .verdict
                .map(|(policy, verdict)| judgement(policy, verdict)),
            origin,
            attestations,
            missing,
            contents: contents.and_then(Result::ok),
            exposure: Exposure::NotChecked,
        }
    }
}

impl<'a> Found<'a> {
    /// Whether the policy counts that statement.
    fn counts(&self, index: usize) -> Option<bool> {
        let (_, verdict) = self.verdict?;
        Some(verdict.counted().contains(&index))
    }

    /// The provenance that decided, else the first one that counts, else the first
    /// one that a certificate vouches for.
    fn provenance(&self) -> Option<(usize, &'a Verified<Statement>)> {
        let decided = self.verdict.and_then(|(_, verdict)| verdict.provenance());
        let rank = |(index, each): &(usize, &Verified<Statement>)| {
            (
                decided != Some(*index),
                self.counts(*index) == Some(false),
                matches!(each.signer(), Signer::Key(_)),
                *index,
            )
        };
        self.statements
            .iter()
            .enumerate()
            .filter(|(_, each)| each.value().predicate_type == SLSA_PROVENANCE_V1)
            .min_by_key(rank)
    }

    /// What the SBOMs list that count; without a policy, all that are genuine.
    fn contents(&self) -> Option<Result<Contents, String>> {
        let sboms: Vec<_> = self
            .statements
            .iter()
            .enumerate()
            .filter(|(index, each)| is_sbom(each.value()) && self.counts(*index) != Some(false))
            .map(|(_, each)| each.value())
            .collect();
        let read = || Contents::of(sboms.iter().copied(), self.artifact);
        (!sboms.is_empty()).then(|| read().map_err(|error| error.to_string()))
    }

    fn missing(
        &self,
        provenance: Option<&Verified<Statement>>,
        contents: Option<&Result<Contents, String>>,
    ) -> Vec<Missing> {
        let mut missing = Vec::new();
        match provenance {
            None => missing.push(Missing::new(
                "no-provenance",
                "SLSA provenance",
                "nobody says who built it, from which commit or how",
            )),
            Some(evidence) => missing.extend(missing_of(evidence)),
        }
        match contents {
            None => {
                let others = self.statements.iter().filter(|each| is_sbom(each.value()));
                let what = match others.count() {
                    0 => "SBOM".to_owned(),
                    others => format!("SBOM by a trusted signer ({others} by others)"),
                };
                let why = "what is inside is unknown, and so are its licences and vulnerabilities";
                missing.push(Missing::new("no-sbom", what, why));
            }
            Some(Err(error)) => {
                missing.push(Missing::new("unreadable-sbom", "readable SBOM", error));
            }
            Some(Ok(contents)) => missing.extend(missing_in(contents)),
        }
        missing.push(Missing::new(
            "not-checked",
            "search for vulnerabilities",
            "nobody looked, so there may be any number of them",
        ));
        missing
    }
}

fn missing_of(provenance: &Verified<Statement>) -> Vec<Missing> {
    let mut missing = Vec::new();
    if matches!(provenance.signer(), Signer::Key(_)) {
        missing.push(Missing::new(
            "key-only",
            "provenance by a certificate",
            "a key shows who holds it; what the document says of builder and source is only stated",
        ));
    }
    if !provenance.logged() {
        missing.push(Missing::new(
            "no-transparency-log",
            "entry in a transparency log",
            "nobody can tell how often and for what the signer's key was used",
        ));
    }
    if provenance.times().is_empty() {
        missing.push(Missing::new(
            "no-timestamp",
            "time of the signature",
            "it can't be told from one made later, such as with a stolen key",
        ));
    }
    missing
}

fn missing_in(contents: &Contents) -> Vec<Missing> {
    let mut missing = Vec::new();
    match contents.about_artifact {
        Some(true) => {}
        Some(false) => missing.push(Missing::new(
            "other-sbom",
            "SBOM of these bytes",
            "the digest of its root is another one, so it describes another artifact",
        )),
        None => missing.push(Missing::new(
            "unbound-sbom",
            "digest of the artifact in the SBOM",
            "that it describes these bytes is only stated by its signer",
        )),
    }
    if contents.packages.is_empty() {
        missing.push(Missing::new(
            "empty-sbom",
            "packages in the SBOM",
            "it lists nothing, so what is inside is unknown",
        ));
    }
    match contents.without_licence() {
        0 => {}
        unknown => missing.push(Missing::new(
            "no-licence",
            format!(
                "licence of {unknown} of {} packages",
                contents.packages.len()
            ),
            "what it may be used for is unknown",
        )),
    }
    missing
}

fn judgement(policy: &str, verdict: &Verdict) -> Judgement {
    let findings = verdict.findings();
    let level = findings.iter().find(|each| each.rule == Rule::MinLevel);
    Judgement {
        policy: policy.to_owned(),
        passed: verdict.passed(),
        level: verdict.level(),
        why_not_next: level.and_then(|each| each.why.clone()),
        findings: findings.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::{Value, json};

    use super::*;
    use crate::artifact::Digest;
    use crate::key::PublicKey;
    use crate::policy::{Backing, Policy};
    use crate::statement::{CYCLONEDX_BOM, ResourceDescriptor};
    use crate::verify::{Certificate, Transparency};

    const KEY: &str = include_str!("../../testdata/keys/p256.pub");

    fn artifact() -> Artifact {
        Artifact::from_bytes("wash", b"abc".to_vec())
    }

    fn key() -> PublicKey {
        PublicKey::from_pem(KEY).unwrap()
    }

    fn certificate() -> Signer {
        Signer::Certificate(Box::new(Certificate {
            identity: "https://github.com/o/p/.github/workflows/build.yml@refs/tags/v1".into(),
            issuer: "https://token.actions.githubusercontent.com".into(),
            build_signer_uri: Some(
                "https://github.com/o/p/.github/workflows/build.yml@refs/tags/v1".into(),
            ),
            source_repository: Some("https://github.com/o/r".into()),
            ..Certificate::default()
        }))
    }

    fn statement(predicate_type: &str, predicate: Value, signer: Signer) -> Verified<Statement> {
        let subject = vec![ResourceDescriptor::of(&artifact())];
        Verified::for_test(Statement::new(subject, predicate_type, predicate), signer)
    }

    fn provenance(signer: Signer) -> Verified<Statement> {
        let predicate = json!({
            "buildDefinition": {
                "buildType": "https://example.com/type",
                "externalParameters": {"source": {"uri": "git+https://github.com/o/stated@refs/heads/main"}},
                "internalParameters": {"github": {"runner_environment": "self-hosted"}},
                "resolvedDependencies": [],
            },
            "runDetails": {"builder": {"id": "https://example.com/builder"},
                           "metadata": {"finishedOn": "2026-01-02T03:04:05Z"}},
        });
        statement(SLSA_PROVENANCE_V1, predicate, signer)
    }

    fn sbom(signer: Signer) -> Verified<Statement> {
        let predicate = json!({
            "bomFormat": "CycloneDX",
            "metadata": {"component": {"name": "wash", "bom-ref": "r",
                "hashes": [{"alg": "SHA-256", "content": Digest::sha256(b"abc").hex()}]}},
            "components": [{"name": "a", "version": "1.0.0", "purl": "pkg:cargo/a@1.0.0"}],
        });
        statement(CYCLONEDX_BOM, predicate, signer)
    }

    fn audit(statements: &[Verified<Statement>], policy: Option<&Policy>) -> Audit {
        let artifact = artifact();
        let verdict = policy.map(|it| it.judge(&artifact, statements, SystemTime::UNIX_EPOCH));
        Audit::of(&Found {
            name: "wash",
            artifact: &artifact,
            media_type: None,
            platform: None,
            verdict: verdict.as_ref().map(|verdict| ("p", verdict)),
            statements,
            signatures: &[],
            rejected: &[],
        })
    }

    fn ids(audit: &Audit) -> Vec<&str> {
        audit.missing.iter().map(|each| each.id).collect()
    }

    #[test]
    fn a_certificate_says_it_before_the_document_does() {
        let audit = audit(&[provenance(certificate()), sbom(certificate())], None);
        let origin = audit.origin.unwrap();
        let repository = origin.repository.unwrap();
        assert_eq!(repository.value, "https://github.com/o/r");
        assert_eq!(repository.backing, Backing::Certificate);
        let runner = origin.runner.unwrap();
        assert_eq!(
            (runner.value.as_str(), runner.backing),
            ("self-hosted", Backing::Stated)
        );
        assert_eq!(origin.built.unwrap().value, "2026-01-02T03:04:05Z");
        assert!(audit.judgement.is_none());
        assert_eq!(audit.contents.unwrap().packages.len(), 1);
    }

    #[test]
    fn of_a_key_everything_but_the_key_is_stated() {
        let policy = Policy::for_key(key(), Transparency::NotRequired);
        let evidence = [
            provenance(Signer::Key(key())).unlogged(),
            sbom(certificate()),
        ];
        let audit = audit(&evidence, Some(&policy));
        let origin = audit.origin.as_ref().unwrap();
        assert_eq!(origin.trusted, Some(true));
        assert_eq!(origin.signer.as_ref().unwrap().backing, Backing::Key);
        assert_eq!(origin.repository.as_ref().unwrap().backing, Backing::Stated);
        let judgement = audit.judgement.as_ref().unwrap();
        assert!(judgement.passed);
        assert_eq!(judgement.level, 1);
        assert!(judgement.why_not_next.as_ref().unwrap().contains("key"));
        assert_eq!(
            ids(&audit),
            [
                "key-only",
                "no-transparency-log",
                "no-timestamp",
                "no-sbom",
                "not-checked"
            ],
            "an SBOM by somebody whom the policy does not trust is none",
        );
        assert!(audit.contents.is_none());
        assert_eq!(audit.attestations[1].trusted, Some(false));
    }

    #[test]
    fn nothing_is_there_and_all_is_missing() {
        let audit = audit(&[], None);
        assert_eq!(ids(&audit), ["no-provenance", "no-sbom", "not-checked"]);
        assert!(audit.origin.is_none() && audit.contents.is_none());
    }

    #[test]
    fn an_sbom_that_cannot_be_read_is_no_empty_one() {
        let broken = statement(CYCLONEDX_BOM, json!({"components": []}), certificate());
        let audit = audit(&[broken], None);
        assert!(ids(&audit).contains(&"unreadable-sbom"));
        assert!(audit.contents.is_none());
    }
}
