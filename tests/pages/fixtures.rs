//! Audits to draw pages of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use prov::artifact::Digest;
use prov::audit::{
    Attestation, Audit, Contents, Ecosystem, Edge, Exposure, Fact, Judgement, LicenceGroup,
    Missing, Nested, Origin, Package, Subject, Twin, Vulnerability, Waiver,
};
use prov::osv::Rating;
use prov::policy::{Backing, Finding, Outcome, Rule};

/// A program with everything, but not the highest level; its packages are prov's own.
pub(crate) fn program() -> Audit {
    let contents = ours();
    let vulnerable = |name: &str| contents.packages.iter().position(|it| it.name == name);
    let exposure = Exposure::Checked {
        database: Some("2026-11-20".into()),
        checked: contents.packages.len() - 1,
        unchecked: 1,
        unreadable: 0,
        vulnerabilities: vec![
            Vulnerability {
                id: "EXAMPLE-2026-0001".into(),
                aliases: vec!["CVE-2026-00001".into()],
                summary: "An example: a header that is too long is copied beyond the buffer's end"
                    .into(),
                score: Some(9.8),
                rating: Some(Rating::Critical),
                doubt: None,
                package: vulnerable("hyper").unwrap(),
                fixed: Some("1.99.1".into()),
                waiver: None,
            },
            Vulnerability {
                id: "EXAMPLE-2026-0002".into(),
                aliases: vec![],
                summary: "An example: a crafted archive takes much memory".into(),
                score: Some(5.3),
                rating: Some(Rating::Medium),
                doubt: None,
                package: vulnerable("tar").unwrap(),
                fixed: None,
                waiver: Some(Waiver {
                    status: "not_affected".into(),
                    justification: Some("archives are read with a limit".into()),
                    document: "wash.vex.json".into(),
                }),
            },
        ],
    };
    Audit {
        subject: Subject {
            name: "wash-x86_64-unknown-linux-musl".into(),
            digest: Digest::sha256(b"wash"),
            size: Some(58_204_672),
            media_type: Some("application/x-executable".into()),
            platform: Some("linux/amd64".into()),
        },
        judgement: Some(Judgement {
            policy: "wash release (release.toml)".into(),
            passed: true,
            level: 2,
            why_not_next: Some(
                "the signing job is the caller's own workflow, so its build steps could sign; a \
                 reusable workflow would show L3"
                    .into(),
            ),
            findings: findings(),
        }),
        origin: Some(origin()),
        attestations: attestations(),
        missing: vec![
            missing(
                "a verification summary",
                "whether somebody verified it before can't be known",
            ),
            missing(
                "licences of 31 packages",
                "whether they may be shipped can't be known",
            ),
        ],
        contents: Some(contents),
        exposure,
    }
}

/// The same, refused, and with evidence that is not genuine.
pub(crate) fn refused() -> Audit {
    let mut audit = program();
    audit.subject.name = "ghcr.io/wasmcloud/wash:2.0.1".into();
    audit.subject.digest = Digest::sha256(b"other");
    if let Some(judgement) = &mut audit.judgement {
        judgement.passed = false;
        judgement.level = 1;
        judgement.why_not_next = Some("it ran on a runner that the platform does not host".into());
        judgement.findings.insert(
            3,
            Finding {
                why: Some("it ran on a runner that the platform does not host".into()),
                fix: Some("build it on a github-hosted runner with the reusable workflow".into()),
                ..finding(
                    Rule::MinLevel,
                    Outcome::Failed,
                    "SLSA Build L1",
                    "at least L3",
                )
            },
        );
        judgement.findings.push(Finding {
            component: Some("pkg:cargo/openssl-src@300.5.0".into()),
            fix: Some("build with the system's OpenSSL".into()),
            ..finding(
                Rule::Deny,
                Outcome::Failed,
                "openssl-src 300.5.0",
                "no pkg:cargo/openssl-src",
            )
        });
    }
    audit.attestations.push(Attestation {
        predicate_type: Some("https://slsa.dev/provenance/v1".into()),
        signer: None,
        trusted: None,
        rejected: Some("the signature is not over this payload".into()),
        logged: false,
        time: None,
        origin: "wash.other.sigstore.json".into(),
    });
    audit
}

/// A module of which only its digest is known.
pub(crate) fn bare(name: &str) -> Audit {
    Audit {
        subject: Subject {
            name: name.into(),
            digest: Digest::sha256(name.as_bytes()),
            size: Some(14_200),
            media_type: Some("application/wasm".into()),
            platform: None,
        },
        judgement: None,
        origin: None,
        attestations: vec![],
        missing: vec![
            missing(
                "SLSA provenance",
                "who built it, and from what, can't be known",
            ),
            missing("an SBOM", "what is inside can't be known"),
            missing("a look for vulnerabilities", "nobody looked"),
        ],
        contents: None,
        exposure: Exposure::NotChecked,
    }
}

/// A release: a dozen artifacts, good and bad.
pub(crate) fn release() -> Vec<Audit> {
    let mut audits = vec![program(), refused(), bare("wash-docs.tar.gz")];
    for (number, target) in [
        "aarch64-apple-darwin",
        "aarch64-unknown-linux-musl",
        "x86_64-pc-windows-msvc",
    ]
    .into_iter()
    .enumerate()
    {
        let mut audit = large(30);
        audit.subject.name = format!("wash-{target}");
        audit.subject.digest = Digest::sha256(target.as_bytes());
        audit.subject.platform = None;
        if let Some(judgement) = &mut audit.judgement {
            judgement.level = [3, 2, 3][number];
            if judgement.level == 3 {
                judgement.why_not_next = None;
            }
        }
        if number == 1 {
            audit.exposure = Exposure::Checked {
                database: Some("2026-11-20".into()),
                checked: 30,
                unchecked: 0,
                unreadable: 0,
                vulnerabilities: vec![],
            };
        }
        audits.push(audit);
    }
    audits
}

/// Everything that is from outside tries to be more than text.
pub(crate) fn hostile() -> Audit {
    const EVIL: [&str; 8] = [
        "<script>window.owned=1</script>",
        "\"><img src=x onerror=window.owned=1>",
        "'onfocus='window.owned=1' autofocus='",
        "javascript:window.owned=1",
        "</title></style><svg onload=window.owned=1>",
        "a\u{202e}gpj.exe\u{200b}\u{feff}",
        "nul\0bell\x07esc\x1b[2J\u{9b}",
        "https://good.example@evil.example/\"onclick=window.owned=1",
    ];
    let evil = |n: usize| EVIL[n % EVIL.len()].to_owned();
    let long = "<b>".repeat(3_334);
    let fact = |n: usize| fact(&evil(n), Backing::Stated);
    let packages: Vec<_> = (0..24)
        .map(|n| Package {
            purl: format!("pkg:generic/p{n}").parse().ok(),
            name: if n == 23 { long.clone() } else { evil(n) },
            version: Some(evil(n + 1)),
            licences: vec![evil(n + 2), evil(n + 3)],
            scope: Some(evil(n + 4)),
            released: None,
        })
        .collect();
    let places: Vec<_> = (0..packages.len()).collect();
    Audit {
        subject: Subject {
            name: evil(4),
            digest: Digest::sha256(b"evil"),
            size: None,
            media_type: Some(evil(1)),
            platform: Some(evil(6)),
        },
        judgement: Some(Judgement {
            policy: evil(0),
            passed: false,
            level: 0,
            why_not_next: Some(evil(1)),
            findings: vec![
                Finding {
                    why: Some(evil(2)),
                    component: Some(evil(0)),
                    fix: Some(evil(1)),
                    ..finding(Rule::Deny, Outcome::Failed, EVIL[0], EVIL[1])
                },
                finding(
                    Rule::UnknownLicenses,
                    Outcome::Waived {
                        reason: evil(0),
                        owner: evil(1),
                        until: evil(2),
                    },
                    EVIL[5],
                    EVIL[6],
                ),
            ],
        }),
        origin: Some(Origin {
            trusted: Some(false),
            signer: Some(fact(7)),
            issuer: Some(fact(3)),
            builder: Some(fact(0)),
            build_type: Some(fact(1)),
            repository: Some(fact(2)),
            commit: Some(fact(4)),
            reference: Some(fact(5)),
            workflow: Some(fact(6)),
            trigger: Some(fact(0)),
            runner: Some(fact(1)),
            run: Some(fact(3)),
            signed: None,
            built: Some(fact(2)),
        }),
        attestations: (0..8)
            .map(|n| Attestation {
                predicate_type: Some(evil(n)),
                signer: Some(evil(n + 3)),
                trusted: Some(false),
                rejected: (n % 2 == 0).then(|| evil(n + 1)),
                logged: false,
                time: None,
                origin: evil(n + 2),
            })
            .collect(),
        missing: (0..8).map(|n| missing(&evil(n), &evil(n + 1))).collect(),
        contents: Some(Contents {
            about_artifact: Some(false),
            ecosystems: vec![Ecosystem {
                kind: evil(1),
                packages: 24,
            }],
            direct: vec![0, 1, 2, 3, 23],
            edges: (4..23).map(|to| Edge { from: to % 4, to }).collect(),
            licences: vec![
                LicenceGroup {
                    licence: None,
                    packages: places.clone(),
                },
                LicenceGroup {
                    licence: Some(evil(0)),
                    packages: places,
                },
            ],
            twins: vec![Twin {
                package: evil(0),
                versions: vec![evil(1), evil(2)],
            }],
            nested: vec![Nested {
                name: evil(0),
                sha256: evil(1),
                packages: 3,
            }],
            packages,
            ..Contents::default()
        }),
        exposure: Exposure::Checked {
            database: Some(evil(0)),
            checked: 1,
            unchecked: 23,
            unreadable: 2,
            vulnerabilities: (0..8)
                .map(|n| Vulnerability {
                    id: evil(n),
                    aliases: vec![evil(n + 1)],
                    summary: evil(n + 2),
                    score: Some(f32::NAN),
                    rating: None,
                    doubt: Some(evil(n + 7)),
                    package: n * 100,
                    fixed: Some(evil(n + 3)),
                    waiver: Some(Waiver {
                        status: evil(n + 4),
                        justification: Some(evil(n + 5)),
                        document: evil(n + 6),
                    }),
                })
                .collect(),
        },
    }
}

/// A program with many packages.
pub(crate) fn large(count: usize) -> Audit {
    let licences = ["MIT", "Apache-2.0", "MIT OR Apache-2.0", "BSD-3-Clause", ""];
    let package = |n: usize| {
        let kind = ["cargo", "cargo", "golang", "pypi"][n % 4];
        Package {
            purl: format!("pkg:{kind}/package-{n}@1.{n}.0").parse().ok(),
            name: format!("package-{n}"),
            version: Some(format!("1.{n}.0")),
            licences: [licences[n % 5]]
                .map(str::to_owned)
                .into_iter()
                .filter(|it| !it.is_empty())
                .collect(),
            scope: None,
            released: None,
        }
    };
    let edges = (0..count).flat_map(|n| [2 * n + 40, 3 * n + 41].map(|to| Edge { from: n, to }));
    let mut audit = program();
    audit.subject.name = "large".into();
    audit.exposure = Exposure::NotChecked;
    audit.contents = Some(contents(
        (0..count).map(package).collect(),
        edges.filter(|edge| edge.to < count).collect(),
        (0..40).collect(),
    ));
    audit
}

fn missing(what: &str, why: &str) -> Missing {
    Missing {
        id: "missing",
        what: what.into(),
        why: why.into(),
    }
}

fn fact(value: &str, backing: Backing) -> Fact {
    Fact {
        value: value.into(),
        backing,
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn origin() -> Origin {
    let certificate = |value| Some(fact(value, Backing::Certificate));
    let workflow =
        "https://github.com/wasmCloud/wasmCloud/.github/workflows/wash.yml@refs/tags/v2.0.1";
    Origin {
        trusted: Some(true),
        signer: certificate(workflow),
        issuer: certificate("https://token.actions.githubusercontent.com"),
        builder: certificate(workflow),
        build_type: Some(fact(
            "https://actions.github.io/buildtypes/workflow/v1",
            Backing::Stated,
        )),
        repository: certificate("https://github.com/wasmCloud/wasmCloud"),
        commit: certificate("5f0c2d1be8d9b4f3a64e6f0f1c7a2d9e8b3c4d5e"),
        reference: certificate("refs/tags/v2.0.1"),
        workflow: certificate(workflow),
        trigger: certificate("push"),
        runner: certificate("github-hosted"),
        run: certificate(
            "https://github.com/wasmCloud/wasmCloud/actions/runs/18400000001/attempts/1",
        ),
        signed: Some(at(1_795_000_000)),
        built: Some(fact("2026-11-18T11:03:12Z", Backing::Stated)),
    }
}

fn attestations() -> Vec<Attestation> {
    let of = |predicate: Option<&str>, origin: &str| Attestation {
        predicate_type: predicate.map(str::to_owned),
        signer: origin_signer(),
        trusted: Some(true),
        rejected: None,
        logged: true,
        time: Some(at(1_795_000_000)),
        origin: origin.into(),
    };
    vec![
        of(
            Some("https://slsa.dev/provenance/v1"),
            "wash.sigstore.jsonl",
        ),
        of(Some("https://cyclonedx.org/bom"), "wash.sigstore.jsonl (2)"),
        Attestation {
            trusted: Some(false),
            signer: Some("release@example.org".into()),
            ..of(None, "wash.sig.json")
        },
    ]
}

fn origin_signer() -> Option<String> {
    origin().signer.map(|fact| fact.value)
}

fn finding(rule: Rule, outcome: Outcome, seen: &str, wanted: &str) -> Finding {
    Finding {
        rule,
        outcome,
        seen: seen.into(),
        backing: None,
        wanted: wanted.into(),
        why: None,
        component: None,
        line: Some(12),
        fix: None,
    }
}

fn findings() -> Vec<Finding> {
    let sure = |rule, seen, wanted| Finding {
        backing: Some(Backing::Certificate),
        ..finding(rule, Outcome::Passed, seen, wanted)
    };
    vec![
        finding(
            Rule::Subject,
            Outcome::Passed,
            "the digest of the file",
            "the same in the statement",
        ),
        sure(
            Rule::Signer,
            "wash.yml at refs/tags/v2.0.1 of wasmCloud/wasmCloud",
            "a builder of the policy",
        ),
        sure(
            Rule::Consistent,
            "10 of 10 fields agree with the certificate",
            "no contradiction",
        ),
        sure(
            Rule::Repository,
            "https://github.com/wasmCloud/wasmCloud",
            "https://github.com/wasmCloud/wasmCloud",
        ),
        sure(Rule::Ref, "refs/tags/v2.0.1", "refs/tags/v*"),
        finding(
            Rule::DenyLicenses,
            Outcome::Passed,
            "no licence that is refused",
            "no `GPL-*`, no `AGPL-*`",
        ),
        Finding {
            component: Some("pkg:cargo/ring@0.17.14".into()),
            ..finding(
                Rule::UnknownLicenses,
                Outcome::Waived {
                    reason: "its licence is read by our lawyers".into(),
                    owner: "legal@example.org".into(),
                    until: "2027-01-31".into(),
                },
                "no licence",
                "a known licence",
            )
        },
    ]
}

/// What prov's own lock file names, with made-up licences, and the module inside of it.
fn ours() -> Contents {
    let lock: toml::Table = include_str!("../../Cargo.lock").parse().unwrap();
    let list = lock["package"].as_array().unwrap();
    let text = |it: &toml::Value, key: &str| it[key].as_str().unwrap().to_owned();
    let mut packages = Vec::new();
    let mut keys = Vec::new();
    for it in list.iter().filter(|it| it["name"].as_str() != Some("prov")) {
        let (name, version) = (text(it, "name"), text(it, "version"));
        let licence = match name.len() % 13 {
            0 => None,
            1 | 2 => Some("MIT"),
            3 => Some("BSD-3-Clause"),
            4 => Some("Unicode-3.0"),
            5 => Some("Apache-2.0"),
            6 => Some("MIT OR Apache-2.0 OR Zlib"),
            7 => Some("Apache-2.0 WITH LLVM-exception"),
            _ => Some("MIT OR Apache-2.0"),
        };
        packages.push(Package {
            purl: format!("pkg:cargo/{name}@{version}").parse().ok(),
            licences: licence.map(str::to_owned).into_iter().collect(),
            scope: None,
            released: None,
            name: name.clone(),
            version: Some(version.clone()),
        });
        keys.push((name, version));
    }
    let find = |wanted: &str| {
        let mut words = wanted.split(' ');
        let (name, version) = (words.next(), words.next());
        keys.iter().position(|(key, its)| {
            Some(&**key) == name && version.is_none_or(|version| version == its)
        })
    };
    let mut edges = Vec::new();
    let mut direct = Vec::new();
    for it in list {
        let from = find(&format!("{} {}", text(it, "name"), text(it, "version")));
        let needs = it.get("dependencies").and_then(|it| it.as_array());
        for to in needs
            .into_iter()
            .flatten()
            .filter_map(|it| find(it.as_str().unwrap()))
        {
            match from {
                Some(from) => edges.push(Edge { from, to }),
                None => direct.push(to),
            }
        }
    }
    let module = packages.len();
    let mut inside = vec![("nats.wasm", "")];
    inside.extend(
        include_str!("../../src/launch/nats/guest/go.mod")
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("require ").split_once(" v"))
            .map(|(name, version)| (name, version.split(' ').next().unwrap())),
    );
    for (place, (name, version)) in inside.into_iter().enumerate() {
        let released = jiff::Timestamp::from_second(1_600_000_000 + 9_000_000 * place as i64);
        packages.push(Package {
            purl: match version {
                "" => None,
                _ => format!("pkg:golang/{name}@v{version}").parse().ok(),
            },
            name: name.into(),
            version: (!version.is_empty()).then(|| format!("v{version}")),
            licences: vec!["Apache-2.0".into()],
            scope: None,
            released: released.ok().filter(|_| place > 0),
        });
        match place {
            0 => direct.push(module),
            _ => edges.push(Edge {
                from: module,
                to: module + place,
            }),
        }
    }
    let mut contents = contents(packages, edges, direct);
    contents.nested = vec![Nested {
        name: "nats.wasm".into(),
        sha256: Digest::sha256(b"nats").hex(),
        packages: contents.packages.len() - module - 1,
    }];
    contents
}

/// Sums up packages as an audit does.
fn contents(packages: Vec<Package>, edges: Vec<Edge>, direct: Vec<usize>) -> Contents {
    let mut kinds = BTreeMap::new();
    let mut licences: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, package) in packages.iter().enumerate() {
        let kind = package.purl.as_ref().map_or("other", |purl| purl.kind());
        *kinds.entry(kind.to_owned()).or_insert(0) += 1;
        let licence = package.licences.first().cloned();
        licences.entry(licence).or_default().push(place);
        let own = versions.entry(format!("pkg:{kind}/{}", package.name));
        own.or_default().extend(package.version.clone());
    }
    let mut ecosystems: Vec<_> = kinds
        .into_iter()
        .map(|(kind, packages)| Ecosystem { kind, packages })
        .collect();
    ecosystems.sort_by_key(|it| usize::MAX - it.packages);
    let mut licences: Vec<_> = licences
        .into_iter()
        .map(|(licence, packages)| LicenceGroup { licence, packages })
        .collect();
    licences.sort_by_key(|it| (it.licence.is_some(), usize::MAX - it.packages.len()));
    let twins = versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(package, versions)| Twin {
            package,
            versions: versions.into_iter().collect(),
        })
        .collect();
    let dated = || {
        packages
            .iter()
            .enumerate()
            .filter(|(_, it)| it.released.is_some())
    };
    let at = |(place, _): (usize, &Package)| place;
    Contents {
        artifact: None,
        about_artifact: Some(true),
        oldest: dated().min_by_key(|(_, it)| it.released).map(at),
        newest: dated().max_by_key(|(_, it)| it.released).map(at),
        with_purl: packages.iter().filter(|it| it.purl.is_some()).count(),
        with_hash: packages.len() * 97 / 100,
        with_licence: packages.iter().filter(|it| !it.licences.is_empty()).count(),
        with_supplier: packages.len() / 3,
        packages,
        edges,
        direct,
        ecosystems,
        licences,
        twins,
        nested: vec![],
    }
}
