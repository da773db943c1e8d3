//! Evidence that proved nothing: why, and what to do about it.

use crate::artifact::Digest;
use crate::verify::VerifyError;

use super::error::reasons;

/// What to do about evidence that proved nothing.
pub(super) fn remedy(error: &VerifyError) -> Option<String> {
    let text = match error {
        VerifyError::NotLogged => {
            "`transparency = \"not-required\"` in the signer's entry of the policy accepts that; from --key, `--insecure-ignore-tlog` does"
        }
        VerifyError::NoKeyTrusted => {
            "`--key FILE` trusts a key, or a `[[trust.key]]` in the policy"
        }
        VerifyError::OtherKey { .. } => {
            "`--key FILE` names the signer's public key, if you trust it"
        }
        VerifyError::OtherArtifact { .. } | VerifyError::OtherBytes { .. } => {
            "`sha256sum FILE` tells which artifact you have; its own bundle is needed"
        }
        VerifyError::NeedsSha256 => "give the file itself, or its SHA-256 digest",
        VerifyError::NeedsSha512 => "give the file itself, or its SHA-512 digest",
        VerifyError::TooHeavy { .. } => "`--policy FILE` names a policy that trusts its signer",
        VerifyError::NoRootTrusted => "`--trusted-root FILE` names the root to check with",
        VerifyError::Certificate(_) | VerifyError::Log(_) | VerifyError::Timestamp(_) => {
            "`--trusted-root FILE` names another root, if the signer has one that you trust"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// A reason with the digests that belong to it.
pub(super) fn explain(error: &VerifyError) -> String {
    let list = |digests: &[Digest]| {
        let shown: Vec<_> = digests.iter().take(3).map(ToString::to_string).collect();
        match shown.len() {
            0 => "none".to_owned(),
            _ => shown.join(" "),
        }
    };
    let reason = reasons(error);
    match error {
        VerifyError::OtherArtifact { seen, wanted } => {
            format!("{reason}\nseen {}\nwanted {wanted}", list(seen))
        }
        VerifyError::OtherBytes {
            seen: Some(seen),
            wanted,
        } => format!("{reason}\nseen {seen}\nwanted {wanted}"),
        VerifyError::OtherKey { tried } => format!("{reason}\ntrusted {}", list(tried)),
        _ => reason,
    }
}
