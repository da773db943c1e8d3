//! `prov conformance`: the protocol of the Sigstore client conformance suite
//! (github.com/sigstore/sigstore-conformance, `docs/cli_protocol.md`).
//!
//! It is hidden, for it is no way to verify anything: it asks who signed and
//! nothing else. It takes the same road through `verify` as every other command,
//! so that the suite judges the code that people use.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::artifact::{Artifact, Digest};
use crate::bundle::{Bundle, Content, Evidence, MAX_BUNDLE};
use crate::sign::Signer as _;
use crate::statement::{MAX_STATEMENT, Statement};
use crate::verify::{
    self, MAX_ROOT, Signer, Transparency, Trust, TrustError, TrustedKey, VerifyError,
};

use super::error::{Exit, Failure, reasons};
use super::files::{Existing, Readers};
use super::keyless::KeylessArgs;
use super::{CommandResult, files, gate, rejected};

/// Speak the protocol of the Sigstore conformance suite
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov conformance verify-bundle --bundle a.json --key my.pub --trusted-root root.json a.txt

Exit codes: 0 yes, 1 no, 2 can't say")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Verify a bundle against an artifact and a signer
    VerifyBundle(VerifyBundle),
    /// Sign a statement with an identity token
    SignBundle(SignBundle),
}

#[derive(clap::Args)]
struct VerifyBundle {
    /// Trust the staging instance instead of the public good one
    #[arg(long, conflicts_with = "trusted_root")]
    staging: bool,

    /// The bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,

    /// The identity that the certificate must name
    #[arg(
        long,
        value_name = "IDENTITY",
        requires = "certificate_oidc_issuer",
        required_unless_present = "key"
    )]
    certificate_identity: Option<String>,

    /// The issuer that the certificate must name
    #[arg(long, value_name = "URL", requires = "certificate_identity")]
    certificate_oidc_issuer: Option<String>,

    /// The public key that must have signed
    #[arg(long, value_name = "FILE", conflicts_with = "certificate_identity")]
    key: Option<PathBuf>,

    /// The trusted root
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,

    /// The artifact, or its digest (sha256:…)
    #[arg(value_name = "FILE|DIGEST")]
    artifact: PathBuf,
}

#[derive(clap::Args)]
struct SignBundle {
    /// Use the staging instance instead of the public good one
    #[arg(long)]
    staging: bool,

    /// The artifact is an in-toto statement, to be signed in an envelope
    #[arg(long)]
    in_toto: bool,

    /// The identity token
    #[arg(long, value_name = "TOKEN")]
    identity_token: String,

    /// Where to write the bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,

    /// The trusted root
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,

    /// The signing configuration
    #[arg(long, value_name = "FILE")]
    signing_config: Option<PathBuf>,

    /// The artifact
    #[arg(value_name = "FILE")]
    artifact: PathBuf,
}

pub(super) fn run(args: Args) -> CommandResult {
    match args.command {
        Command::VerifyBundle(args) => verify_bundle(&args),
        Command::SignBundle(args) => sign_bundle(&args),
    }
}

fn verify_bundle(args: &VerifyBundle) -> CommandResult {
    let path = args.bundle.display();
    let bytes = files::read(&args.bundle, MAX_BUNDLE as u64, "bundle")?;
    let bundle = Bundle::parse(&bytes).map_err(|error| {
        Failure::cant_say(format!("`{path}` is not a readable bundle"))
            .with("reason", reasons(&error))
    })?;
    let artifact = artifact(&args.artifact, &bundle)?;
    let trust = trust(args)?;
    let evidence = Evidence {
        origin: path.to_string(),
        bundle,
    };
    let signer = match evidence.bundle.content() {
        Content::Envelope => verify::statement(&artifact, &evidence, &trust)
            .map(|verified| verified.signer().clone()),
        Content::Message => verify::signature(&artifact, &evidence, &trust)
            .map(|verified| verified.signer().clone()),
    };
    let signer = signer.map_err(|error| refused(args, &error))?;
    is_the_right_one(args, &signer)
}

fn artifact(path: &Path, bundle: &Bundle) -> Result<Artifact, Failure> {
    if let Some(digest) = path.to_str().and_then(|name| name.parse::<Digest>().ok()) {
        return Ok(Artifact::from_digest("artifact", digest));
    }
    let file = files::open(path, "artifact")?;
    Artifact::from_reader(files::name(path), file, bundle.wants_sha512())
        .map_err(|error| Failure::cant_say(reasons(&error)))
}

fn trust(args: &VerifyBundle) -> Result<Trust, Failure> {
    let key = args.key.as_deref().map(gate::read_public_key).transpose()?;
    let keys = key.into_iter().map(|key| TrustedKey {
        key,
        transparency: Transparency::Required,
    });
    let trust = Trust::keys(keys.collect()).with_time(SystemTime::now());
    let unusable = |error: TrustError| {
        Failure::cant_say("cannot use the trusted root").with("reason", reasons(&error))
    };
    match &args.trusted_root {
        Some(path) => trust.with_root(&files::read_text(path, MAX_ROOT, "trusted root")?),
        None if args.staging => trust.with_staging(),
        None => trust.with_public_good(),
    }
    .map_err(unusable)
}

fn refused(args: &VerifyBundle, error: &VerifyError) -> Failure {
    Failure::no(format!("{} was refused", files::name(&args.artifact)))
        .with("evidence", args.bundle.display())
        .with("reason", rejected::explain(error))
}

fn is_the_right_one(args: &VerifyBundle, signer: &Signer) -> CommandResult {
    let wrong = |what: &str, seen: &str, wanted: &str| {
        let artifact = files::name(&args.artifact);
        Err(
            Failure::no(format!("{artifact} was refused: signed by another {what}"))
                .with("seen", seen)
                .with("wanted", wanted),
        )
    };
    let wanted = args.certificate_identity.as_deref();
    match (signer, wanted, args.certificate_oidc_issuer.as_deref()) {
        (Signer::Key(_), None, None) => Ok(Exit::Yes),
        (Signer::Certificate(seen), Some(identity), Some(issuer)) => {
            if seen.identity != identity {
                return wrong("identity", &seen.identity, identity);
            }
            if seen.issuer != issuer {
                return wrong("issuer", &seen.issuer, issuer);
            }
            Ok(Exit::Yes)
        }
        (Signer::Key(key), ..) => wrong("signer", &format!("key {}", key.id()), "a certificate"),
        (Signer::Certificate(seen), ..) => wrong("signer", &seen.identity, "the key"),
    }
}

fn sign_bundle(args: &SignBundle) -> CommandResult {
    let name = files::name(&args.artifact);
    if !args.in_toto {
        return Err(Failure::cant_say(format!("cannot sign {name}"))
            .with(
                "reason",
                "prov signs statements about artifacts, never bare artifacts",
            )
            .hint("`--in-toto` signs a file that is a statement"));
    }
    if args.staging && args.signing_config.is_none() {
        return Err(Failure::cant_say(format!("cannot sign {name}"))
            .with("reason", "the staging instance is not built in")
            .hint("`--signing-config FILE --trusted-root FILE` name it"));
    }
    let bytes = files::read(&args.artifact, MAX_STATEMENT as u64, "statement")?;
    let statement = Statement::parse(&bytes).map_err(|error| {
        Failure::cant_say(format!("{name} is no in-toto statement")).with("reason", reasons(&error))
    })?;
    let config = args.signing_config.as_deref();
    let signer =
        KeylessArgs::signer_with(&args.identity_token, config, args.trusted_root.as_deref())?;
    let made = signer
        .sign_all(&[statement])
        .map_err(|error| Failure::cant_say("cannot sign").with("reason", reasons(&error)))?;
    let bundle: String = made.signed.into_iter().map(|each| each.bundle).collect();
    files::write(
        &args.bundle,
        bundle.as_bytes(),
        Readers::Everybody,
        Existing::Replace,
    )?;
    Ok(Exit::Yes)
}
