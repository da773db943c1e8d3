//! A document as JSON or XML, in the version of CycloneDX that its reader knows.
//!
//! Pure and deterministic. What an older version has no field for is mapped or
//! left out, and told.

use std::collections::BTreeMap;

use super::SbomError;
use super::merge::serial_number;
use super::model::Bom;

mod downgrade;
mod xml;

#[cfg(test)]
mod tests;

/// A version of CycloneDX that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecVersion {
    /// 1.5, of 2023.
    V1_5,
    /// 1.6, of 2024 (ECMA-424, first edition).
    V1_6,
    /// 1.7, of 2025.
    #[default]
    V1_7,
}

impl SpecVersion {
    /// As it is written: `1.7`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// JSON, indented.
    #[default]
    Json,
    /// XML, indented.
    Xml,
}

/// A written document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its text, with a line end after it.
    pub text: String,
    /// What could not be said in it, with how often.
    pub lost: BTreeMap<String, usize>,
}

/// Writes a document. One of another version is another document, and has
/// another serial number; JSON and XML of the same are the same document.
pub fn write(bom: &Bom, version: SpecVersion, encoding: Encoding) -> Result<Written, SbomError> {
    let wrong = |error: serde_json::Error| SbomError::Write(error.into());
    let mut lost = BTreeMap::new();
    if version == SpecVersion::V1_7 && encoding == Encoding::Json {
        let text = String::from_utf8(bom.to_json()?);
        let text = text.map_err(|error| SbomError::Write(error.into()))?;
        return Ok(Written { text, lost });
    }
    let mut document = serde_json::to_value(bom).map_err(wrong)?;
    if version < SpecVersion::V1_7 {
        downgrade::to(version, &mut document, &mut lost);
        if let Some(members) = document.as_object_mut() {
            members.remove("serialNumber");
        }
        document["serialNumber"] = serial_number(&document)?.into();
    }
    let text = match encoding {
        Encoding::Json => serde_json::to_string_pretty(&document).map_err(wrong)? + "\n",
        Encoding::Xml => xml::write(&document, version, &mut lost),
    };
    Ok(Written { text, lost })
}
