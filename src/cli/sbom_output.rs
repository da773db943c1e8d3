//! Writing a bill of materials in the form and version that was asked for.

use crate::sbom::model::Bom;
use crate::sbom::output::{self, Encoding};

use super::error::{Failure, reasons};
use super::ui;

/// Versions of CycloneDX that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SpecVersion {
    /// Of 2025
    #[value(name = "1.7")]
    V1_7,
    /// Of 2024
    #[value(name = "1.6")]
    V1_6,
    /// Of 2023
    #[value(name = "1.5")]
    V1_5,
}

/// The document's text; what an older version can't say is told.
pub(super) fn render(
    bom: &Bom,
    version: Option<SpecVersion>,
    encoding: Encoding,
) -> Result<String, Failure> {
    let version = match version {
        None | Some(SpecVersion::V1_7) => output::SpecVersion::V1_7,
        Some(SpecVersion::V1_6) => output::SpecVersion::V1_6,
        Some(SpecVersion::V1_5) => output::SpecVersion::V1_5,
    };
    let written = output::write(bom, version, encoding).map_err(|error| {
        Failure::cant_say("cannot write the document").with("reason", reasons(&error))
    })?;
    if !written.lost.is_empty() {
        let lost = written.lost.iter();
        let lost: Vec<String> = lost.map(|(what, n)| format!("{what} ({n})")).collect();
        let form = match encoding {
            Encoding::Json => "JSON",
            Encoding::Xml => "XML",
        };
        ui::say(&format!(
            "{}note:{:#} CycloneDX {} as {form} can't say: {}",
            ui::DIM,
            ui::DIM,
            version.as_str(),
            ui::clean(&lost.join(", "))
        ));
    }
    Ok(written.text)
}
