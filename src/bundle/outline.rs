//! A bundle's text, before the Sigstore client reads it.

use serde::de::{IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use sigstore_types::PayloadBytes;
use sigstore_types::bundle::SignatureContent;

use super::{BundleError, MAX_REST};
use crate::json;

/// A bundle in two parts. The client's reader holds a payload twice before it decodes
/// it, and a large one is all that is large in a bundle.
pub(super) struct Parts<'a> {
    before: &'a str,
    payload: &'a str,
    after: &'a str,
}

/// Takes `text` apart; it was checked to be strict JSON.
pub(super) fn parts(text: &str) -> Result<Parts<'_>, BundleError> {
    let text = text.trim_ascii();
    if !text.starts_with('{') {
        return Err(shape("no JSON object"));
    }
    let outline: Outline<'_> =
        serde_json::from_str(text).map_err(|error| shape(&error.to_string()))?;
    if outline.media_type.is_none() {
        return Err(shape("no `mediaType`"));
    }
    outline.one_of_each()?;
    let payload = outline.envelope.and_then(|envelope| envelope.payload);
    // Where it stands in the text, if it does: with an escape in it, it does not.
    let start = payload.and_then(|Verbatim(payload)| {
        let payload = payload?;
        let start = (payload.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        Some((start, start + payload.len()))
    });
    let (start, end) = start.unwrap_or((text.len(), text.len()));
    let cut = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let parts = Parts {
        before: cut(0..start),
        payload: cut(start..end),
        after: cut(end..text.len()),
    };
    match parts.before.len() + parts.after.len() > MAX_REST {
        true => Err(shape(&format!(
            "more than {MAX_REST} bytes beside the payload of an envelope"
        ))),
        false => Ok(parts),
    }
}

impl Parts<'_> {
    /// What the client reads.
    pub(super) fn read(self) -> Result<sigstore_types::Bundle, BundleError> {
        let rest = [self.before, self.after].concat();
        let mut bundle =
            sigstore_types::Bundle::from_json(&rest).map_err(|error| shape(&error.to_string()))?;
        if self.payload.is_empty() {
            return Ok(bundle);
        }
        match &mut bundle.content {
            SignatureContent::DsseEnvelope(envelope) if envelope.payload.is_empty() => {
                envelope.payload = PayloadBytes::from_base64(self.payload)
                    .map_err(|error| shape(&error.to_string()))?;
                Ok(bundle)
            }
            // The client must not see another payload than this.
            _ => Err(shape("an envelope of another shape")),
        }
    }
}

/// What must be known of a bundle before it is taken apart. Each field is there or
/// not; what is in it, the client says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline<'a> {
    media_type: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "there")]
    message_signature: bool,
    #[serde(
        borrow,
        default,
        rename = "dsseEnvelope",
        deserialize_with = "envelope"
    )]
    envelope: Option<Envelope<'a>>,
    #[serde(default)]
    verification_material: Option<Material>,
}

#[derive(Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    payload: Option<Verbatim<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(default, deserialize_with = "there")]
    public_key: bool,
    #[serde(default, deserialize_with = "there")]
    x509_certificate_chain: bool,
    #[serde(default, deserialize_with = "there")]
    certificate: bool,
}

impl Outline<'_> {
    /// The format's `oneof` fields: with two of them, two readers could each see
    /// another signer or another content.
    fn one_of_each(&self) -> Result<(), BundleError> {
        let content = [
            ("messageSignature", self.message_signature),
            ("dsseEnvelope", self.envelope.is_some()),
        ];
        let signer = self.verification_material.as_ref().map(|material| {
            [
                ("publicKey", material.public_key),
                ("x509CertificateChain", material.x509_certificate_chain),
                ("certificate", material.certificate),
            ]
        });
        for fields in [&content[..], signer.as_ref().map_or(&[], |all| &all[..])] {
            let there: Vec<_> = fields.iter().filter(|(_, there)| *there).collect();
            if let [(first, _), (second, _), ..] = there[..] {
                return Err(shape(&format!("both `{first}` and `{second}`")));
            }
        }
        Ok(())
    }
}

/// A field that is there, even if it is null.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The same, and what is in it.
fn envelope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Envelope<'de>>, D::Error> {
    Option::deserialize(deserializer).map(|envelope| Some(envelope.unwrap_or_default()))
}

/// A text as it stands in the document, or nothing if that is written otherwise.
struct Verbatim<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Verbatim<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Option<&'de str>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Some(text))
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(None)
            }
        }
        deserializer.deserialize_str(Text).map(Verbatim)
    }
}

fn shape(text: &str) -> BundleError {
    BundleError::Shape(json::excerpt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIA_TYPE: &str = r#""mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json""#;
    const MATERIAL: &str = r#""verificationMaterial":{"publicKey":{"hint":"x"}}"#;

    fn read(content: &str) -> Result<sigstore_types::Bundle, BundleError> {
        parts(&format!("{{{MEDIA_TYPE},{content},{MATERIAL}}}"))?.read()
    }

    fn envelope(payload: &str) -> String {
        format!(
            r#""dsseEnvelope":{{"payloadType":"a","payload":{payload},"signatures":[{{"sig":"AA=="}}]}}"#
        )
    }

    /// As the client alone reads it.
    fn by_client(content: &str) -> sigstore_types::Bundle {
        let text = format!("{{{MEDIA_TYPE},{content},{MATERIAL}}}");
        sigstore_types::Bundle::from_json(&text).unwrap()
    }

    #[test]
    fn in_two_parts_it_is_what_the_client_reads_in_one() {
        for payload in [
            r#""QUJD""#,
            r#""""#,
            r#""QUJ\u0044""#,
            r#" "QUI=" "#,
            r#""QUI""#,
            r#""__-_""#,
        ] {
            let content = envelope(payload);
            assert_eq!(read(&content).unwrap(), by_client(&content), "{payload}");
        }
        let message = r#""messageSignature":{"signature":"AA=="}"#;
        assert_eq!(read(message).unwrap(), by_client(message));
    }

    #[test]
    fn refuses_what_would_be_read_in_another_way() {
        let message = r#""messageSignature":{"signature":"AA=="}"#;
        for (content, why) in [
            (envelope(r#""%""#), "base64"),
            (envelope("[]"), "a text"),
            (format!(r#"{message},"dsseEnvelope":null"#), "both"),
            // A list: the client would take its second item for the payload.
            (
                r#""dsseEnvelope":["QUJD","QUJD",[{"sig":"AA=="}]]"#.to_owned(),
                "trailing",
            ),
            (r#""dsseEnvelope":"x""#.to_owned(), "Envelope"),
            (
                format!(r#""x":"{}",{message}"#, "x".repeat(MAX_REST)),
                "beside",
            ),
            (
                envelope(&format!(r#""{}\u0041""#, "A".repeat(MAX_REST))),
                "beside",
            ),
        ] {
            let error = read(&content).unwrap_err().to_string();
            assert!(error.contains(why), "{error} lacks `{why}`");
        }
    }
}
