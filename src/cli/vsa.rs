//! `--vsa`: what came of a verification, as a signed SLSA verification summary.

use std::path::{Path, PathBuf};

use serde_json::Map;

use crate::artifact::{Artifact, Digest};
use crate::bundle::{Bundle, Evidence};
use crate::sign::Identity;
use crate::statement::predicate::SLSA_VSA_V1;
use crate::statement::vsa::{
    LOCAL_VERIFIER, SLSA_VERSION, VerificationResult, VerificationSummary, Verifier,
};
use crate::statement::{ResourceDescriptor, Statement};
use crate::verify::{self, Transparency, Trust, TrustedKey};

use super::error::{Failure, reasons};
use super::files::{self, Existing, Readers};
use super::gate::Judgement;
use super::keyless::KeylessArgs;
use super::password::PasswordArgs;
use super::policy_file::PolicyFile;
use super::signer::SignerArgs;
use super::{epoch, ui};

/// What to write of the answer, and who signs it.
#[derive(clap::Args)]
#[command(next_help_heading = "Verification summary")]
pub(super) struct SummaryArgs {
    /// Write the answer, yes or no, as a signed SLSA verification summary (VSA)
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    vsa: Option<PathBuf>,

    /// The private key to sign the summary with [default: none; an identity signs,
    /// as in `prov attest`]
    #[arg(
        long,
        value_name = "FILE",
        requires = "vsa",
        conflicts_with_all = ["sign_with", "identity_token", "signing_config"]
    )]
    sign_key: Option<PathBuf>,

    #[command(flatten)]
    password: PasswordArgs,

    /// A command that signs: it gets the bytes on stdin and writes the signature
    /// to stdout
    #[arg(
        long,
        value_name = "COMMAND",
        requires_all = ["vsa", "sign_public_key"],
        conflicts_with_all = ["identity_token", "signing_config"]
    )]
    sign_with: Option<String>,

    /// The public key that the command signs with
    #[arg(long, value_name = "FILE", requires = "sign_with")]
    sign_public_key: Option<PathBuf>,

    /// An OpenID Connect token that says who signs; `-` is stdin [default: the
    /// build service's, or at a terminal a login with the browser]
    #[arg(long, value_name = "FILE", requires = "vsa")]
    identity_token: Option<PathBuf>,

    /// The services that sign [default: Sigstore's public good instance]; the
    /// signature is checked with --trusted-root
    #[arg(long, value_name = "FILE", requires_all = ["vsa", "trusted_root"])]
    signing_config: Option<PathBuf>,

    /// The URI of whoever verifies; consumers tie it to the signer [default: that of
    /// a prov that anybody runs]
    #[arg(long, value_name = "URI", requires = "vsa", value_parser = uri)]
    verifier_id: Option<String>,

    /// Where consumers get the artifact from [default: oci://HOST/REPOSITORY@DIGEST
    /// for what is in a registry; a file needs it]
    #[arg(long, value_name = "URI", requires = "vsa", value_parser = uri)]
    resource_uri: Option<String>,

    /// Where the policy is published [default: the name of its file]
    #[arg(long, value_name = "URI", requires = "vsa", value_parser = uri)]
    policy_uri: Option<String>,

    /// Replace a summary that is there
    #[arg(long, requires = "vsa")]
    force: bool,
}

/// A URI as far as it matters here: a scheme, something after it, nothing that a
/// URI can't hold.
fn uri(text: &str) -> Result<String, String> {
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match text.split_once(':') {
        Some((before, after))
            if scheme(before)
                && !after.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !"<>\"".contains(c)) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("wanted a URI, such as https://example.com/verifier".to_owned()),
    }
}

/// A summary that was asked for, as far as it is known before anything is verified.
pub(super) struct Planned<'a> {
    args: &'a SummaryArgs,
    file: &'a Path,
    resource_uri: String,
}

impl SummaryArgs {
    /// Tells early what is in the way. `stored` is where the artifact is, if that is
    /// a registry.
    pub(super) fn plan(&self, stored: Option<String>) -> Result<Option<Planned<'_>>, Failure> {
        let Some(file) = self.vsa.as_deref() else {
            return Ok(None);
        };
        if !self.force && !files::is_missing(file) {
            return Err(
                Failure::cant_say(format!("`{}` is already there", file.display()))
                    .hint("`--force` replaces it, `--vsa FILE` writes to another one"),
            );
        }
        let resource_uri = self.resource_uri.clone().or(stored).ok_or_else(|| {
            Failure::cant_say("a verification summary says where consumers get the artifact from")
                .with(
                    "seen",
                    "an artifact that is in no registry, and no `--resource-uri`",
                )
                .hint("`--resource-uri https://example.com/releases/app.wasm` says it")
        })?;
        Ok(Some(Planned {
            args: self,
            file,
            resource_uri,
        }))
    }

    /// As `prov attest` has it; a private instance is checked with the root that
    /// the evidence is checked with.
    fn signer(&self, trusted_root: Option<&Path>) -> SignerArgs {
        let trusted_root = trusted_root.filter(|_| self.signing_config.is_some());
        SignerArgs {
            key: self.sign_key.clone(),
            password: self.password.clone(),
            sign_with: self.sign_with.clone(),
            public_key: self.sign_public_key.clone(),
            keyless: KeylessArgs {
                identity_token: self.identity_token.clone(),
                signing_config: self.signing_config.clone(),
                trusted_root: trusted_root.map(Path::to_owned),
            },
        }
    }
}

impl Planned<'_> {
    /// Signs what was judged of `artifact`, sees that the signature is good, and
    /// writes it: whole or not at all.
    pub(super) fn write(
        self,
        artifact: &Artifact,
        judgement: &Judgement,
        trusted_root: Option<&Path>,
    ) -> Result<(), Failure> {
        let Some(policy) = &judgement.policy_file else {
            return Err(Failure::cant_say(
                "a verification summary names the policy that decided, and there is no policy file",
            )
            .hint("`--policy FILE` names one"));
        };
        let statement = self.statement(artifact, judgement, policy)?;
        let signer = self.args.signer(trusted_root).signer()?;
        let signatures = signer
            .sign_all(std::slice::from_ref(&statement))
            .map_err(|error| {
                Failure::cant_say("cannot sign the verification summary")
                    .with("reason", reasons(&error))
            })?;
        let [signed] = signatures.signed.as_slice() else {
            return Err(Failure::cant_say("the signer made no signature"));
        };
        // A certificate's signature was checked by the signer already.
        if let Identity::Key(key) = &signatures.identity {
            let trust = Trust::keys(vec![TrustedKey {
                key: key.clone(),
                transparency: Transparency::NotRequired,
            }]);
            check(artifact, &signed.bundle, &trust)?;
        }
        let line = format!("{}\n", signed.bundle);
        let existing = Existing::by(self.args.force);
        files::write(self.file, line.as_bytes(), Readers::Everybody, existing)?;
        ui::say(&format!(
            "summary {}",
            ui::clean(&self.file.display().to_string())
        ));
        Ok(())
    }

    fn statement(
        &self,
        artifact: &Artifact,
        judgement: &Judgement,
        policy: &PolicyFile,
    ) -> Result<Statement, Failure> {
        let verdict = &judgement.verdict;
        let result = match verdict.passed() {
            true => VerificationResult::Passed,
            false => VerificationResult::Failed,
        };
        let id = self.args.verifier_id.as_deref().unwrap_or(LOCAL_VERIFIER);
        let version = env!("CARGO_PKG_VERSION");
        let summary = VerificationSummary {
            verifier: Verifier {
                id: id.to_owned(),
                version: Map::from_iter([("prov".to_owned(), version.into())]),
            },
            time_verified: Some(now()?.to_string()),
            resource_uri: self.resource_uri.clone(),
            policy: self.policy(policy),
            input_attestations: inputs(judgement),
            verification_result: result,
            verified_levels: VerificationSummary::levels(result, verdict.level()),
            dependency_levels: None,
            slsa_version: Some(SLSA_VERSION.to_owned()),
        };
        let predicate = serde_json::to_value(&summary).map_err(|error| {
            Failure::cant_say("cannot write the verification summary").with("reason", error)
        })?;
        let subject = vec![ResourceDescriptor::of(artifact)];
        Ok(Statement::new(subject, SLSA_VSA_V1, predicate))
    }

    /// The folder that the policy lies in is this machine's affair.
    fn policy(&self, policy: &PolicyFile) -> ResourceDescriptor {
        let name = || files::name(&policy.path);
        let digest = Digest::sha256(policy.text.as_bytes());
        ResourceDescriptor {
            name: None,
            uri: Some(self.args.policy_uri.clone().unwrap_or_else(name)),
            ..ResourceDescriptor::named("", [&digest])
        }
    }
}

/// All evidence that was genuine, whoever signed it: the policy looked at all of it.
fn inputs(judgement: &Judgement) -> Vec<ResourceDescriptor> {
    let mut inputs: Vec<ResourceDescriptor> = Vec::new();
    for (origin, digest) in &judgement.used {
        let input = ResourceDescriptor::named(files::name(Path::new(origin)), [digest]);
        if inputs.iter().all(|earlier| earlier.digest != input.digest) {
            inputs.push(input);
        }
    }
    inputs
}

fn now() -> Result<jiff::Timestamp, Failure> {
    match epoch::source_date()? {
        None => jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()),
        Some(seconds) => jiff::Timestamp::from_second(seconds),
    }
    .map_err(|error| Failure::cant_say("`SOURCE_DATE_EPOCH` is no date").with("reason", error))
}

fn check(artifact: &Artifact, bundle: &str, trust: &Trust) -> Result<(), Failure> {
    let wrong = |error: &dyn std::error::Error| {
        Failure::cant_say("the signature over the verification summary does not verify")
            .with("reason", reasons(error))
    };
    let evidence = Evidence {
        origin: "the summary".to_owned(),
        bundle: Bundle::parse(bundle.as_bytes()).map_err(|error| wrong(&error))?,
    };
    verify::statement(artifact, &evidence, trust).map_err(|error| wrong(&error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_scheme_and_no_spaces() {
        for good in [
            "https://example.com/v",
            "oci://ghcr.io/a/b@sha256:00",
            "pkg:oci/app",
        ] {
            assert!(uri(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "https:",
            "://x",
            "1x:y",
            "a b:c",
            "https://x\u{202e}",
        ] {
            assert!(uri(bad).is_err(), "{bad}");
        }
    }
}
