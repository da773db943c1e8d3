//! Licences as SPDX expressions.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest text that is taken for an expression or a licence's name; more
/// is a licence text that stands in the wrong field.
pub const MAX_LICENSE: usize = 512;

/// A licence, as an expression or by name (CycloneDX 1.7, `licenseChoice`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LicenseChoice {
    /// An SPDX expression (SPDX 2.3 annex D).
    Expression {
        /// The expression.
        expression: String,
        /// Who says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        acknowledgement: Option<Acknowledgement>,
        /// Texts of the licences in it.
        #[serde(
            rename = "expressionDetails",
            default,
            skip_serializing_if = "Vec::is_empty"
        )]
        details: Vec<ExpressionDetail>,
    },
    /// A licence that is no valid expression.
    License {
        /// The licence.
        license: License,
    },
}

/// A single licence (CycloneDX 1.7, `license`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct License {
    /// Its SPDX identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name, when SPDX has no identifier for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Attachment>,
    /// Where its text is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The text of one licence of an expression (CycloneDX 1.7, `expressionDetails`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpressionDetail {
    /// As it stands in the expression.
    pub license_identifier: String,
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Attachment>,
    /// Where its text is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A text (CycloneDX 1.7, `attachment`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How it is written; as it stands when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The text.
    pub content: String,
}

/// How a text is written (CycloneDX 1.7, `attachment.encoding`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 4648 §4.
    Base64,
}

/// Who says that a licence holds (CycloneDX 1.7, `licenseAcknowledgementEnumeration`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledgement {
    /// Whoever makes the document; first in a list, for some readers know one
    /// expression only.
    Concluded,
    /// The authors.
    Declared,
}

impl fmt::Display for LicenseChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expression { expression, .. } => expression,
            Self::License { license } => match (&license.id, &license.name) {
                (Some(text), _) | (None, Some(text)) => text,
                (None, None) => "",
            },
        })
    }
}

impl LicenseChoice {
    /// What the authors declare. Spellings of old manifests (`MIT/Apache-2.0`)
    /// become an expression; what cannot is kept as a name. Nothing, or a whole
    /// licence text, is no declaration.
    pub fn declared(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_LICENSE {
            return None;
        }
        let acknowledgement = Some(Acknowledgement::Declared);
        Some(match expression(text) {
            Some(expression) => Self::Expression {
                expression,
                acknowledgement,
                details: Vec::new(),
            },
            None => Self::License {
                license: License {
                    name: Some(text.to_owned()),
                    acknowledgement,
                    ..License::default()
                },
            },
        })
    }

    /// What the licence files of a package hold, by SPDX identifier. Of several
    /// files nothing says that one may choose, so all apply.
    pub fn of_texts(found: &BTreeSet<&str>) -> Option<Self> {
        let names: Vec<&str> = found.iter().copied().collect();
        (!names.is_empty()).then(|| Self::Expression {
            expression: names.join(" AND "),
            acknowledgement: Some(Acknowledgement::Concluded),
            details: Vec::new(),
        })
    }

    /// The same expression, concluded; a name that is none concludes nothing.
    pub fn concluded(&self) -> Option<Self> {
        let mut choice = self.clone();
        match &mut choice {
            Self::Expression {
                acknowledgement, ..
            } => *acknowledgement = Some(Acknowledgement::Concluded),
            Self::License { .. } => return None,
        }
        Some(choice)
    }
}

/// The expression that a text is, or that an old spelling of it means.
pub(super) fn expression(text: &str) -> Option<String> {
    let text = spdx::Expression::canonicalize(text)
        .ok()?
        .unwrap_or_else(|| text.to_owned());
    spdx::Expression::parse(&text).ok().map(|_| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_spellings_become_expressions() {
        for (given, wanted) in [
            ("MIT", "MIT"),
            ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
            (" MIT or Apache-2.0 ", "MIT OR Apache-2.0"),
            ("(MIT AND LicenseRef-x)", "(MIT AND LicenseRef-x)"),
        ] {
            let Some(LicenseChoice::Expression { expression, .. }) = LicenseChoice::declared(given)
            else {
                panic!("{given} is no expression");
            };
            assert_eq!(expression, wanted);
        }
    }

    #[test]
    fn what_is_no_expression_stays_a_name() {
        for given in ["My own terms", "MIT OR", "((((", "ÅÄÖ"] {
            assert!(matches!(
                LicenseChoice::declared(given),
                Some(LicenseChoice::License { .. })
            ));
        }
        assert_eq!(LicenseChoice::declared("  "), None);
        assert_eq!(LicenseChoice::declared(&"MIT OR ".repeat(100)), None);
    }
}
