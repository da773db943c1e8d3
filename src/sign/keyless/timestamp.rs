//! Signed timestamps (RFC 3161).

use sigstore_types::{SignatureBytes, TimestampToken};

use super::network::Question;
use super::{KeylessError, Network};

const SERVICE: &str = "the timestamp authority";

/// `TimeStampReq` (RFC 3161 §2.4.1) up to the digest: version 1, and a message
/// imprint by SHA-256.
const HEAD: [u8; 24] = [
    0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
    0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
];
/// And after it: `certReq`, so that the answer carries the authority's certificate.
const TAIL: [u8; 3] = [0x01, 0x01, 0xff];

/// Has the authority at `url` witness that `signature` exists.
///
/// The request has no nonce: the signature is itself new and random, so no
/// older answer can fit it.
pub(super) async fn stamp(
    network: &Network,
    url: &str,
    signature: &SignatureBytes,
) -> Result<TimestampToken, KeylessError> {
    let request = request(sigstore_crypto::sha256(signature.as_bytes()).as_bytes());
    let answer = network
        .ask(&Question {
            service: SERVICE,
            url,
            body: Some(("application/timestamp-query", request.into())),
            bearer: None,
            secret: None,
        })
        .await?;
    Ok(TimestampToken::new(answer.to_vec()))
}

fn request(digest: &[u8; 32]) -> Vec<u8> {
    [&HEAD[..], digest, &TAIL].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_inside_the_request_are_right() {
        let request = request(&[7; 32]);
        assert_eq!(usize::from(request[1]), request.len() - 2);
        let imprint = &request[5..request.len() - TAIL.len()];
        assert_eq!(usize::from(imprint[1]), imprint.len() - 2);
        assert_eq!(imprint[imprint.len() - 33], 32);
    }
}
