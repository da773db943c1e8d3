//! The SLSA Build level that evidence shows. It is never read from a document.

use super::trust::Entry;
use crate::statement::slsa::LOCAL_BUILDER;
use crate::verify::Certificate;

/// A level, and why it is not the next one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) value: u8,
    pub(super) why_not_next: Option<String>,
}

/// The level of a provenance that is genuine, binds the artifact's digest and
/// states `builder_id` (SLSA v1.2, "Build: Requirements for producing artifacts").
pub(super) fn of(entry: &Entry<'_>, builder_id: &str) -> Level {
    // A build on one's own machine is never hosted, whatever signed it.
    if builder_id == LOCAL_BUILDER {
        return Level {
            value: 1,
            why_not_next: Some("it was built on somebody's own machine".into()),
        };
    }
    let (builder, certificate) = match entry {
        Entry::Builder(builder, certificate) => (builder, certificate),
        Entry::Key(_) => {
            let why = "it is signed with a key, and only a certificate shows that a hosted \
                       platform signed";
            return Level {
                value: 1,
                why_not_next: Some(why.into()),
            };
        }
    };
    let (shown, why) = shown_by(certificate, builder.runner.is_some());
    if builder.level < shown {
        return Level {
            value: builder.level,
            why_not_next: Some(format!(
                "the policy trusts this builder up to level {} only",
                builder.level
            )),
        };
    }
    Level {
        value: shown,
        why_not_next: why.map(str::to_owned),
    }
}

/// What the certificate shows. `runner_named`: the policy names the runner
/// environment that it accepts, and this is that one.
fn shown_by(certificate: &Certificate, runner_named: bool) -> (u8, Option<&'static str>) {
    // L2, "Hosted": not on an individual's machine. A self-hosted runner may be
    // just that, unless the policy vouches for it by naming it.
    let Some(signer) = certificate.build_signer_uri.as_deref() else {
        return (
            1,
            Some("the certificate names no workflow of a build platform"),
        );
    };
    match certificate.runner_environment.as_deref() {
        _ if runner_named => {}
        Some("github-hosted" | "gitlab-hosted") => {}
        Some(_) => {
            return (
                1,
                Some("it ran on a runner that the platform does not host"),
            );
        }
        None => {
            return (
                1,
                Some("the certificate does not say what kind of runner it ran on"),
            );
        }
    }
    // L3, "Unforgeable": the secret that signs is out of reach of the build's own
    // steps. A workflow that is called by another one has its own jobs.
    match certificate.build_config_uri.as_deref() {
        Some(config) if config != signer => (3, None),
        Some(_) => (
            2,
            Some(
                "the signing job is the caller's own workflow, so its build steps could sign; \
                 a reusable workflow would show L3",
            ),
        ),
        None => (
            2,
            Some("the certificate does not name the workflow that was called first"),
        ),
    }
}
