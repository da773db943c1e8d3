//! What the makers of something say about its known vulnerabilities: OpenVEX 0.2.0,
//! and the analyses of a CycloneDX document.
//!
//! A document that is not signed is as good as where it came from: whoever can write it
//! can talk a vulnerability away. So a statement only speaks of the products that it names,
//! and what it says is shown beside the vulnerability, never instead of it.

mod cyclonedx;
mod openvex;

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use crate::artifact::Digest;
use crate::json::{self, JsonError};
use crate::purl::Purl;

/// The largest document, in bytes.
pub const MAX_VEX: usize = 32 << 20;
/// The most statements of one document.
pub const MAX_STATEMENTS: usize = 100_000;

/// A VEX document.
#[derive(Debug, Default)]
pub struct Vex {
    statements: Vec<Statement>,
    parties: Vec<Party>,
    by_id: HashMap<String, Vec<usize>>,
}

/// What a document says of some vulnerabilities in some products.
#[derive(Debug)]
pub struct Statement {
    /// In one word.
    pub status: Status,
    /// Why; the document's own words, without control characters.
    pub justification: Option<String>,
    /// Since when it is so; `None` is before any other.
    pub time: Option<Timestamp>,
    subjects: Vec<Subject>,
}

/// The status of a vulnerability in a product (OpenVEX 0.2.0, status labels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It can't be exploited there.
    NotAffected,
    /// It can.
    Affected,
    /// This version has it no more.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

/// The artifact that a statement must be about.
#[derive(Clone, Debug, Default)]
pub struct Product {
    /// Names that are its alone, such as a reference with a digest.
    pub names: Vec<String>,
    /// Its package URLs.
    pub purls: Vec<Purl>,
    /// Its digests.
    pub digests: Vec<Digest>,
}

/// Of what a statement speaks, by places in [`Vex::parties`].
#[derive(Debug)]
struct Subject {
    /// The product; `None` is whatever the document comes with.
    product: Option<usize>,
    /// The packages in it. Without any the product as a whole is meant, which may be a
    /// package itself.
    parts: Vec<usize>,
}

/// A product or a package, by any of its names.
#[derive(Debug, Default)]
struct Party {
    names: Vec<String>,
    purls: Vec<Purl>,
    digests: Vec<Digest>,
}

impl Vex {
    /// Reads a document of either format.
    pub fn parse(bytes: &[u8]) -> Result<Self, VexError> {
        let value = json::parse(bytes, MAX_VEX)?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        match (text("bomFormat"), text("@context")) {
            ("CycloneDX", _) => cyclonedx::read(value),
            (_, context) if context.starts_with("https://openvex.dev/ns") => openvex::read(value),
            _ => Err(VexError::Format),
        }
    }

    /// The latest statement about a vulnerability, by any of its ids, of a package in a
    /// product; of two of the same time the one that comes later in the document.
    pub fn statement(
        &self,
        ids: &[String],
        package: &Purl,
        product: &Product,
    ) -> Option<&Statement> {
        let places = ids.iter().filter_map(|id| self.by_id.get(id)).flatten();
        let statements = places.filter_map(|&at| Some((at, self.statements.get(at)?)));
        statements
            .filter(|(_, statement)| {
                let subjects = &statement.subjects;
                subjects
                    .iter()
                    .any(|subject| self.is_about(subject, package, product))
            })
            .max_by_key(|(at, statement)| (statement.time, *at))
            .map(|(_, statement)| statement)
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// True when it says nothing.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    fn is_about(&self, subject: &Subject, package: &Purl, product: &Product) -> bool {
        let party = |at: &usize| self.parties.get(*at);
        let whole = subject.product.as_ref().map(party);
        let is_product = match whole {
            None => true,
            Some(whole) => whole.is_some_and(|whole| whole.is_product(product)),
        };
        match subject.parts.as_slice() {
            [] => {
                let whole = whole.flatten();
                whole.is_some_and(|whole| whole.is_product(product) || whole.is_package(package))
            }
            parts => {
                let mut parts = parts.iter().filter_map(party);
                is_product && parts.any(|part| part.is_package(package))
            }
        }
    }

    fn party(&mut self, party: Party) -> usize {
        self.parties.push(party);
        self.parties.len() - 1
    }

    fn add(&mut self, ids: Vec<String>, statement: Statement) -> Result<(), VexError> {
        if self.statements.len() == MAX_STATEMENTS {
            return Err(VexError::TooMany);
        }
        let at = self.statements.len();
        self.statements.push(statement);
        for id in ids {
            self.by_id.entry(id).or_default().push(at);
        }
        Ok(())
    }
}

impl Party {
    /// A name may be a package URL.
    fn name(&mut self, name: &str) {
        match name.parse() {
            Ok(purl) => self.purls.push(purl),
            Err(_) => self.names.push(name.to_owned()),
        }
    }

    fn is_package(&self, package: &Purl) -> bool {
        self.purls.iter().any(|purl| purl.covers(package))
    }

    fn is_product(&self, product: &Product) -> bool {
        self.names.iter().any(|name| product.names.contains(name))
            || self
                .digests
                .iter()
                .any(|digest| product.digests.contains(digest))
            || self.purls.iter().any(|purl| {
                // The version of an `oci` package is its digest.
                let digest = purl.version().filter(|_| purl.kind() == "oci");
                let digest = digest.and_then(|version| version.parse().ok());
                product.purls.iter().any(|own| purl.covers(own))
                    || digest.is_some_and(|digest| product.digests.contains(&digest))
            })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        })
    }
}

/// What was said, in one line that a terminal can show.
fn reason(texts: &[Option<&str>]) -> Option<String> {
    let said: Vec<&str> = texts.iter().flatten().map(|text| text.trim()).collect();
    let said = said.into_iter().filter(|text| !text.is_empty());
    let joined = said.collect::<Vec<_>>().join(": ");
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    (!joined.is_empty()).then(|| joined.chars().map(printable).collect())
}

fn time(text: &str) -> Result<Timestamp, VexError> {
    text.parse().map_err(|_| VexError::Time(text.to_owned()))
}

/// Why something is no VEX document that is read.
#[derive(Debug, thiserror::Error)]
pub enum VexError {
    /// Too large, too deep, no JSON, or a key stands twice.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Neither OpenVEX nor CycloneDX.
    #[error("neither an OpenVEX nor a CycloneDX document")]
    Format,
    /// Not as its format demands.
    #[error("{0}")]
    Shape(serde_json::Error),
    /// A status that the format does not have.
    #[error("the status `{0}` is not known")]
    Status(String),
    /// Not affected, and no word why (OpenVEX 0.2.0, statement).
    #[error("`{0}` is said not to be affected, and no reason is given")]
    NoReason(String),
    /// A time that is none.
    #[error("`{0}` is no time")]
    Time(String),
    /// More than [`MAX_STATEMENTS`].
    #[error("more than {MAX_STATEMENTS} statements")]
    TooMany,
}

#[cfg(test)]
mod tests;
