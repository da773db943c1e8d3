//! SBOMs that a package carries in `*.dist-info/sboms/` (PEP 770), in any format
//! that is imported.
//!
//! They are their authors' word about what lies inside the package: its parts.

use super::super::inventory::Inventory;
use super::super::note::{Note, Reason};
use super::super::{Ref, SbomError, import};
use crate::artifact::Digest;

/// The largest SBOM inside a package, in bytes.
pub const MAX_SBOM: u64 = 16 << 20;
/// The most SBOMs inside one package.
pub const MAX_SBOMS: usize = 64;

/// Adds what a document lists as parts of `owner`. `place` is where it lies.
/// Somebody else's document may be broken; the package is there all the same.
pub fn add(
    document: &[u8],
    place: &str,
    owner: &Ref,
    inventory: &mut Inventory,
) -> Result<(), SbomError> {
    match import::read(document) {
        Ok(read) => {
            read.add_to(place, &Digest::sha256(document), Some(owner), inventory)?;
        }
        Err(error) => {
            let what = format!("an SBOM: {error}");
            inventory.note(Note::new(place, Reason::NotUnderstood { what }));
        }
    }
    Ok(())
}
