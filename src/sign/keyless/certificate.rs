//! A certificate for a key that lives for one run (Fulcio's API, version 2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use sigstore_crypto::{CertificateInfo, parse_certificate_info};
use sigstore_types::DerCertificate;
use zeroize::Zeroizing;

use super::network::Question;
use super::{KeylessError, Network, Token};
use crate::sign::PrivateKey;

const SERVICE: &str = "the certificate authority";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    credentials: Credentials<'a>,
    public_key_request: PublicKeyRequest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    oidc_identity_token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyRequest {
    public_key: PublicKeyText,
    proof_of_possession: String,
}

#[derive(Serialize)]
struct PublicKeyText {
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// The certificate carries the promise that its issue was logged.
    signed_certificate_embedded_sct: Option<Issued>,
}

#[derive(Deserialize)]
struct Issued {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// Asks the authority at `url` to certify that `key` belongs to whom `token` names.
pub(super) async fn issue(
    network: &Network,
    url: &str,
    token: &Token,
    key: &PrivateKey,
) -> Result<(DerCertificate, CertificateInfo), KeylessError> {
    let unusable = |reason: String| KeylessError::Answer {
        service: SERVICE,
        reason,
    };
    let public = key.public()?;
    let request = Request {
        credentials: Credentials {
            oidc_identity_token: token.reveal(),
        },
        public_key_request: PublicKeyRequest {
            public_key: PublicKeyText {
                content: public.to_pem(),
            },
            // The key's holder signs whom the token names, so that nobody can
            // have somebody else's key certified.
            proof_of_possession: BASE64.encode(key.sign_bytes(token.subject().as_bytes())?),
        },
    };
    // Room for all of it: no reallocation leaves a part of the token behind.
    let mut body = Zeroizing::new(Vec::with_capacity(token.reveal().len() + 4096));
    serde_json::to_writer(&mut *body, &request).map_err(|error| unusable(error.to_string()))?;
    let answer = network
        .ask(&Question {
            service: SERVICE,
            url: &format!("{}/api/v2/signingCert", url.trim_end_matches('/')),
            body: Some(("application/json", body)),
            bearer: None,
            secret: Some(token.reveal()),
        })
        .await?;
    let answer: Answer =
        serde_json::from_slice(&answer).map_err(|error| unusable(error.to_string()))?;
    // A bundle has no place for a promise that stands beside the certificate.
    let issued = answer.signed_certificate_embedded_sct.ok_or_else(|| {
        unusable("no certificate with an embedded certificate timestamp (SCT)".to_owned())
    })?;
    let pem = issued.chain.certificates.first();
    let pem = pem.ok_or_else(|| unusable("an empty chain".to_owned()))?;
    let leaf = DerCertificate::from_pem(pem).map_err(|error| unusable(error.to_string()))?;
    let info = parse_certificate_info(&leaf).map_err(|error| unusable(error.to_string()))?;
    if info.public_key != *public.spki() {
        return Err(unusable("it certifies another key".to_owned()));
    }
    Ok((leaf, info))
}
