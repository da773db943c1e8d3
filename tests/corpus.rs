//! Real signed artifacts give the verdict that an index says.
//!
//! The corpus lies beside the checkout, or where `PROV_CORPUS` says. Most of it may
//! not be copied here, so where it is absent this says so and checks nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
#![allow(clippy::print_stderr)] // a skipped corpus is said aloud

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prov::artifact::{Algorithm, Artifact, Digest};
use prov::bundle::{Bundle, BundleError, Evidence};
use prov::key::PublicKey;
use prov::statement::Statement;
use prov::verify::{self, Signer, Transparency, Trust, TrustedKey, Verified};

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("PROV_CORPUS").map_or_else(beside, PathBuf::from);
    folder.join("INDEX.tsv").exists().then_some(folder)
}

/// A row of the index.
struct Row {
    bundle: String,
    artifact: String,
    root: String,
    key: String,
    identity: String,
    issuer: String,
    pass: bool,
    flags: String,
}

impl Row {
    fn parse(line: &str) -> Self {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().unwrap();
        let (bundle, artifact, root, key) = (next(), next(), next(), next());
        let (identity, issuer, expect, flags) = (next(), next(), next(), next());
        let pass = expect == "pass";
        assert!(pass || expect == "fail", "{line}");
        Self {
            bundle,
            artifact,
            root,
            key,
            identity,
            issuer,
            pass,
            flags,
        }
    }

    fn trust(&self, corpus: &Path) -> Trust {
        let mut keys = Vec::new();
        if self.key != "-" {
            let pem = fs::read_to_string(corpus.join(&self.key)).unwrap();
            let key = PublicKey::from_pem(&pem).unwrap();
            let transparency = match self.flags != "-" {
                true => Transparency::NotRequired,
                false => Transparency::Required,
            };
            keys.push(TrustedKey { key, transparency });
        }
        let trust = Trust::keys(keys);
        match &*self.root {
            "-" => trust,
            "public-good" => trust.with_public_good().unwrap(),
            "github" => root(trust, &corpus.join("trusted_root_github.json")),
            path => root(trust, &corpus.join(path)),
        }
    }

    /// The artifact, or why this test can't have it.
    fn artifact(&self, corpus: &Path, bundle: &Bundle) -> Result<Artifact, &'static str> {
        let by_digest = |digest: Digest| match digest.algorithm() {
            Algorithm::Sha256 => Ok(Artifact::packed("artifact", digest, 0, || Ok(Vec::new()))),
            Algorithm::Sha512 => Err("only the SHA-512 digest is known"),
        };
        match &*self.artifact {
            "@subject0" | "@sha256" => {
                let statement = bundle.unverified_statement().map_err(|_| "no statement")?;
                let digests = statement.subject_digests().into_iter();
                let mut sha256 = digests.filter(|digest| digest.algorithm() == Algorithm::Sha256);
                by_digest(sha256.next().ok_or("no SHA-256 subject")?)
            }
            text => match text.parse() {
                Ok(digest) => by_digest(digest),
                Err(_) => Ok(Artifact::from_bytes(
                    "artifact",
                    fs::read(corpus.join(text)).unwrap(),
                )),
            },
        }
    }

    /// The identity is the policy's part; here the test plays it.
    fn is_the_right_signer(&self, verified: &Verified<Statement>) -> bool {
        match verified.signer() {
            Signer::Key(_) => true,
            Signer::Certificate(certificate) => {
                (self.identity == "-" || self.identity == certificate.identity)
                    && (self.issuer == "-" || self.issuer == certificate.issuer)
            }
        }
    }
}

fn root(trust: Trust, path: &Path) -> Trust {
    trust.with_root(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn real_artifacts_give_the_verdict_of_the_index() {
    let Some(corpus) = corpus() else {
        eprintln!("SKIPPED: there is no corpus of real artifacts beside this checkout");
        return;
    };
    let index = fs::read_to_string(corpus.join("INDEX.tsv")).unwrap();
    let (mut checked, mut wrong) = (0, Vec::new());
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    for row in index.lines().skip(1).map(Row::parse) {
        let bytes = fs::read(corpus.join(&row.bundle)).unwrap();
        let bundle = match Bundle::parse(&bytes) {
            Ok(bundle) => bundle,
            Err(error) => {
                checked += 1;
                if row.pass {
                    wrong.push(format!("{}: {error}", row.bundle));
                }
                continue;
            }
        };
        if row.flags.contains("no-sct") {
            // A root without log and timestamps without certificates' logs: not yet.
            *skipped.entry("GitHub's own instance").or_default() += 1;
            continue;
        }
        if matches!(
            bundle.unverified_statement(),
            Err(BundleError::NotAStatement)
        ) {
            *skipped.entry("message signatures").or_default() += 1;
            continue;
        }
        let artifact = match row.artifact(&corpus, &bundle) {
            Ok(artifact) => artifact,
            Err(why) => {
                *skipped.entry(why).or_default() += 1;
                continue;
            }
        };
        checked += 1;
        let evidence = Evidence {
            origin: row.bundle.clone(),
            bundle,
        };
        let result = verify::statement(&artifact, &evidence, &row.trust(&corpus));
        let passed = result
            .as_ref()
            .is_ok_and(|verified| row.is_the_right_signer(verified));
        if passed != row.pass {
            let why = result.err().map(|error| error.to_string());
            wrong.push(format!("{}: wanted {}, {why:?}", row.bundle, row.pass));
        }
    }
    eprintln!("{checked} artifacts checked; not checked: {skipped:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked >= 15, "only {checked} artifacts were checked");
}
