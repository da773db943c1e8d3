//! Real signed artifacts give the verdict that an index says.
//!
//! The corpus lies beside the checkout, or where `PROV_CORPUS` says. Most of it may
//! not be copied here, so where it is absent this says so and checks nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use prov::artifact::Artifact;
use prov::bundle::{Bundle, BundleError, Content, Evidence};
use prov::key::PublicKey;
use prov::policy::{Policy, Verdict};
use prov::verify::{self, Signer, Transparency, Trust, TrustedKey, VerifyError};

/// The index and its folder, or nothing, said aloud.
fn corpus() -> Option<(PathBuf, Vec<Row>)> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let folder = std::env::var_os("PROV_CORPUS").map_or_else(beside, PathBuf::from);
    let Ok(index) = fs::read_to_string(folder.join("INDEX.tsv")) else {
        aloud("SKIPPED: there is no corpus of real artifacts beside this checkout");
        return None;
    };
    let rows: Vec<_> = index.lines().skip(1).map(Row::parse).collect();
    assert!(rows.len() >= 30, "only {} rows", rows.len());
    Some((folder, rows))
}

/// Says it past the test harness, which would keep it to itself.
fn aloud(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
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

    /// A row without a log asks for it: elsewhere a log is needed.
    fn transparency(&self) -> Transparency {
        match &*self.flags {
            "-" => Transparency::Required,
            "no-tlog" | "no-tlog,no-sct" | "key-only" => Transparency::NotRequired,
            other => panic!("the flags `{other}`"),
        }
    }

    fn trust(&self, corpus: &Path) -> Trust {
        let mut keys = Vec::new();
        if self.key != "-" {
            let pem = fs::read_to_string(corpus.join(&self.key)).unwrap();
            keys.push(TrustedKey {
                key: PublicKey::from_pem(&pem).unwrap(),
                transparency: self.transparency(),
            });
        }
        let trust = Trust::keys(keys).with_certificates(self.transparency());
        match self.root_file() {
            Some(file) => trust.with_root(&fs::read_to_string(corpus.join(file)).unwrap()),
            None => trust.with_public_good(),
        }
        .unwrap()
    }

    fn root_file(&self) -> Option<&str> {
        match &*self.root {
            "public-good" => None,
            "github" => Some("trusted_root_github.json"),
            path => Some(path),
        }
    }

    fn artifact(&self, corpus: &Path, bundle: &Bundle) -> Artifact {
        let digest = match &*self.artifact {
            "@subject0" | "@sha256" => {
                let statement = bundle.unverified_statement().unwrap();
                statement.subject_digests().into_iter().next()
            }
            text => text.parse().ok(),
        };
        match digest {
            Some(digest) => Artifact::from_digest("artifact", digest),
            None => {
                let file = fs::File::open(corpus.join(&self.artifact)).unwrap();
                Artifact::from_reader("artifact", file, bundle.wants_sha512()).unwrap()
            }
        }
    }

    /// Who signed `bundle`, if it is genuine.
    fn verify(&self, corpus: &Path, bundle: Bundle) -> Result<Signer, VerifyError> {
        let artifact = self.artifact(corpus, &bundle);
        let trust = self.trust(corpus);
        let evidence = Evidence {
            origin: self.bundle.clone(),
            bundle,
        };
        match evidence.bundle.content() {
            Content::Envelope => verify::statement(&artifact, &evidence, &trust)
                .map(|verified| verified.signer().clone()),
            Content::Message => verify::signature(&artifact, &evidence, &trust)
                .map(|verified| verified.signer().clone()),
        }
    }

    /// The identity is the policy's part; here the test plays it.
    fn is_the_right_signer(&self, signer: &Signer) -> bool {
        match signer {
            Signer::Key(_) => true,
            Signer::Certificate(certificate) => {
                // GitHub's own certificates of releases name no issuer at all.
                let none = self.root == "github" && certificate.issuer.is_empty();
                (self.identity == "-" || self.identity == certificate.identity)
                    && (self.issuer == "-" || self.issuer == certificate.issuer || none)
            }
        }
    }
}

/// What is wrong with the verdict, if it is not the one of the index.
fn wrong(row: &Row, corpus: &Path, bundle: Result<Bundle, BundleError>) -> Option<String> {
    let result = bundle
        .map_err(VerifyError::from)
        .and_then(|bundle| row.verify(corpus, bundle));
    let passed = result
        .as_ref()
        .is_ok_and(|signer| row.is_the_right_signer(signer));
    let why = result.err().map(|error| error.to_string());
    (passed != row.pass).then(|| format!("{}: wanted {}, {why:?}", row.bundle, row.pass))
}

#[test]
fn real_artifacts_give_the_verdict_of_the_index() {
    let Some((corpus, rows)) = corpus() else {
        return;
    };
    let wrongs: Vec<_> = rows
        .iter()
        .filter_map(|row| {
            let bytes = fs::read(corpus.join(&row.bundle)).unwrap();
            wrong(row, &corpus, Bundle::parse(&bytes))
        })
        .collect();
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    aloud(&format!(
        "{} real artifacts give the verdict of the index",
        rows.len()
    ));
}

/// What passes because no log is demanded fails where one is.
#[test]
fn what_stands_in_no_log_is_refused_where_a_log_is_demanded() {
    let Some((corpus, rows)) = corpus() else {
        return;
    };
    let mut refused = 0;
    for mut row in rows {
        if !row.pass || row.flags == "-" {
            continue;
        }
        row.flags = "-".to_owned();
        let bytes = fs::read(corpus.join(&row.bundle)).unwrap();
        let result = row.verify(&corpus, Bundle::parse(&bytes).unwrap());
        assert!(
            matches!(result, Err(VerifyError::NotLogged)),
            "{}: {result:?}",
            row.bundle
        );
        refused += 1;
    }
    assert!(refused >= 5, "only {refused}");
}

/// Attestations as PyPI hands them out give the verdict that the index says of
/// the bundle that another tool made of them.
#[test]
fn attestations_of_pypi_are_read_as_they_are() {
    let Some((corpus, rows)) = corpus() else {
        return;
    };
    let mut read = 0;
    for row in rows {
        let original = match row.bundle.strip_suffix(".sigstore.json") {
            Some(path) if path.ends_with(".attestation") => corpus.join(path),
            _ => continue,
        };
        let mut bundles = Bundle::parse_all(&fs::read(original).unwrap()).unwrap();
        assert_eq!(bundles.len(), 1, "{}", row.bundle);
        let problem = wrong(&row, &corpus, Ok(bundles.remove(0)));
        assert!(problem.is_none(), "{problem:?}");
        read += 1;
    }
    assert!(read >= 8, "only {read}");
    for name in [
        "pypi_attestations-0.0.19.tar.gz",
        "gcb_attestation_test-0.0.0.tar.gz",
    ] {
        let path = corpus.join(format!("pep740/{name}.provenance"));
        let bundles = Bundle::parse_all(&fs::read(path).unwrap()).unwrap();
        assert_eq!(bundles.len(), 1, "{name}");
    }
}

/// A policy that ships, filled in as it says, and the verdict on a real bundle.
fn judged(
    corpus: &Path,
    rows: &[Row],
    policy: &str,
    bundle: &str,
    fill: &[(&str, &str)],
) -> Verdict {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut text = fs::read_to_string(path.join(policy)).unwrap();
    for (from, to) in fill {
        assert!(text.contains(from), "{policy}: {from}");
        text = text.replace(from, to);
    }
    let policy = Policy::parse(&text).unwrap_or_else(|errors| panic!("{policy}: {errors}"));
    let row = rows.iter().find(|row| row.bundle == bundle).unwrap();
    let bundle = Bundle::parse(&fs::read(corpus.join(bundle)).unwrap()).unwrap();
    let artifact = row.artifact(corpus, &bundle);
    let evidence = Evidence {
        origin: row.bundle.clone(),
        bundle,
    };
    let verified = verify::statement(&artifact, &evidence, &row.trust(corpus)).unwrap();
    policy.judge(&artifact, &[verified], SystemTime::now())
}

/// Each policy that ships admits the real artifact that it is for, and refuses it as
/// soon as one line of it says another repository, workflow, commit or level.
#[test]
fn the_policies_that_ship_know_real_artifacts() {
    let Some((corpus, rows)) = corpus() else {
        return;
    };
    const NPM: &str = "gh-cli/sigstore-js-2.1.0-bundle.json";
    const PYPI: &str = "pep740/pypi_attestations-0.0.19.tar.gz.slsa.attestation.sigstore.json";
    const REUSABLE: &str = "gh-cli/reusable-workflow-attestation.sigstore.json";
    const PRIVATE: &str = "gh-cli/github_provenance_demo-0.0.12-py3-none-any-bundle.json";
    let reusable = [
        (
            "OWNER/WORKFLOWS/.github/workflows/build.yml",
            "github/artifact-attestations-workflows/.github/workflows/attest.yml",
        ),
        (
            "0000000000000000000000000000000000000000",
            "09b495c3f12c7881b3cc17209a327792065c1a1d",
        ),
        ("OWNER/NAME", "malancas/attest-demo"),
    ];
    let private = [
        ("OWNER/NAME", "actions/attest-demo"),
        ("release.yml", "build-python.yml"),
        ("refs/tags/v*", "refs/heads/main"),
        (
            "level = 2\nrunner",
            "transparency = \"not-required\"\nlevel = 2\nrunner",
        ),
    ];
    /// A shipped policy, a bundle, what is filled in, and the level.
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u8);
    let cases: [Case<'_>; 6] = [
        (
            "npm.toml",
            NPM,
            &[("OWNER/NAME", "sigstore/sigstore-js")],
            2,
        ),
        (
            "npm.toml",
            "gh-cli/sigstore-js-2.1.0-bundle-v0.1.json",
            &[("OWNER/NAME", "sigstore/sigstore-js")],
            2,
        ),
        (
            "github.toml",
            PYPI,
            &[("OWNER/NAME", "trailofbits/pypi-attestations")],
            2,
        ),
        ("github.toml", PRIVATE, &private, 2),
        (
            "slsa-l2.toml",
            PYPI,
            &[("OWNER/NAME", "trailofbits/pypi-attestations")],
            2,
        ),
        ("slsa-l3.toml", REUSABLE, &reusable, 3),
    ];
    for (policy, bundle, fill, level) in cases {
        let verdict = judged(&corpus, &rows, policy, bundle, fill);
        assert!(
            verdict.passed(),
            "{policy} {bundle}: {:#?}",
            verdict.findings()
        );
        assert_eq!(verdict.level(), level, "{policy}");
        for (index, (from, to)) in fill.iter().enumerate() {
            let mut wrong = fill.to_vec();
            let other = format!("{}x", &to[..to.len() - 1]);
            let other = match to.len() {
                40 => "1".repeat(40),
                _ if from.starts_with("level") => to.replace("not-required", "required"),
                _ => other,
            };
            wrong[index] = (from, &other);
            let verdict = judged(&corpus, &rows, policy, bundle, &wrong);
            assert!(!verdict.passed(), "{policy}: {from} as {other}");
        }
    }
    // A workflow that signs for itself shows level 2, whatever the policy trusts it with.
    let own = [
        (
            "OWNER/WORKFLOWS/.github/workflows/build.yml",
            "trailofbits/pypi-attestations/.github/workflows/release.yml",
        ),
        (
            "signer-digest = [\"0000000000000000000000000000000000000000\"]",
            "signer-ref = [\"refs/tags/v*\"]",
        ),
        ("OWNER/NAME", "trailofbits/pypi-attestations"),
    ];
    let verdict = judged(&corpus, &rows, "slsa-l3.toml", PYPI, &own);
    assert!(!verdict.passed());
    assert_eq!(verdict.level(), 2);
    aloud("the policies that ship admit 6 real artifacts");
}

/// The protocol of sigstore-conformance, on every row that it can express.
#[test]
fn the_conformance_command_gives_the_same_verdict() {
    let Some((corpus, rows)) = corpus() else {
        return;
    };
    let (mut asked, mut wrongs) = (0, Vec::new());
    for row in rows.iter().filter(|row| row.flags == "-") {
        let bytes = fs::read(corpus.join(&row.bundle)).unwrap();
        let bundle = Bundle::parse(&bytes).ok();
        let signer = bundle
            .clone()
            .and_then(|bundle| row.verify(&corpus, bundle).ok());
        let mut command = Command::new(env!("CARGO_BIN_EXE_prov"));
        command.current_dir(&corpus);
        command.args(["conformance", "verify-bundle", "--bundle", &row.bundle]);
        match (&*row.key, &signer) {
            ("-", Some(Signer::Certificate(certificate))) => {
                let or = |given: &str, seen: &str| match given {
                    "-" => seen.to_owned(),
                    given => given.to_owned(),
                };
                command.args([
                    "--certificate-identity",
                    &or(&row.identity, &certificate.identity),
                ]);
                command.args([
                    "--certificate-oidc-issuer",
                    &or(&row.issuer, &certificate.issuer),
                ]);
            }
            ("-", _) => {
                command.args(["--certificate-identity", &row.identity]);
                command.args(["--certificate-oidc-issuer", &row.issuer]);
            }
            (key, _) => {
                command.args(["--key", key]);
            }
        }
        if let Some(root) = row.root_file() {
            command.args(["--trusted-root", root]);
        }
        match (row.artifact.strip_prefix('@'), bundle) {
            (Some(_), Some(bundle)) => {
                command.arg(row.artifact(&corpus, &bundle).digest().to_string())
            }
            _ => command.arg(&row.artifact),
        };
        asked += 1;
        let output = command.output().unwrap();
        if output.status.success() != row.pass {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            wrongs.push(format!("{}: wanted {}, {said}", row.bundle, row.pass));
        }
    }
    assert!(wrongs.is_empty(), "{wrongs:#?}");
    assert!(asked >= 25, "only {asked}");
    aloud(&format!(
        "the conformance command agrees on {asked} real artifacts"
    ));
}
