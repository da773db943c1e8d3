//! Wheels and sdists as artifacts: their digests, what their metadata says, and
//! the SBOMs inside (PyPA specifications, binary and source distribution format).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::str::FromStr;

use flate2::read::GzDecoder;
use pep440_rs::Version;

use super::super::SbomError;
use super::super::component::{Component, Hash};
use super::super::evidence::{Occurrence, Technique};
use super::super::inventory::Inventory;
use super::super::note::{Note, Reason};
use super::super::tree::{Tree, file_name, parent};
use super::embedded;
use super::metadata::{MAX_METADATA, Metadata};
use super::resolution::{Package, Resolution};
use super::source::Origin;
use crate::artifact::Artifact;
use crate::purl::normalize_python_name;
use crate::zip::Zip;

/// The largest unpacked sdist that is read to its end, in bytes.
pub const MAX_UNPACKED: u64 = 1 << 30;
/// The most entries of one archive.
pub const MAX_ENTRIES: usize = 200_000;

/// What an archive holds of interest.
#[derive(Default)]
struct Content {
    metadata: Vec<u8>,
    sboms: Vec<(String, Vec<u8>)>,
}

/// Why an archive is not what its name says.
#[derive(Debug, thiserror::Error)]
enum ArtifactFault {
    #[error("a file name that is not `name-version`")]
    Name,
    #[error("{found} files of core metadata, where one should be")]
    Metadata { found: usize },
    #[error("its metadata is of `{name}` {version}")]
    Other { name: String, version: String },
}

/// Any `.tar.gz` could be an sdist by its name, so those count only where a
/// build puts them, or alone.
pub fn is_artifact(path: &str) -> bool {
    let name = file_name(path);
    let place = matches!(file_name(parent(path)), "" | "dist");
    name.ends_with(".whl") || place && name.ends_with(".tar.gz") && stem(name).is_some()
}

/// Name and version by the file's name.
fn stem(file: &str) -> Option<(String, Version)> {
    let (name, version) = match file.strip_suffix(".whl") {
        Some(stem) => {
            let mut parts = stem.split('-');
            (parts.next()?, parts.next()?)
        }
        None => file.strip_suffix(".tar.gz")?.rsplit_once('-')?,
    };
    Some((
        normalize_python_name(name),
        Version::from_str(version).ok()?,
    ))
}

/// Reads one wheel or sdist.
pub fn collect(tree: &Tree, path: &str, inventory: &mut Inventory) -> Result<(), SbomError> {
    let syntax = |fault: ArtifactFault| SbomError::syntax(path, fault);
    let read = |source| SbomError::Read {
        path: path.to_owned(),
        source,
    };
    let name = file_name(path);
    let (project, version) = stem(name).ok_or_else(|| syntax(ArtifactFault::Name))?;
    let mut file = tree.open(path)?;
    let artifact = Artifact::from_reader(name, &mut file, true)
        .map_err(|error| SbomError::syntax(path, error))?;
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    let content = match name.ends_with(".whl") {
        true => wheel(path, file)?,
        false => match sdist(path, file, MAX_UNPACKED)? {
            Some(content) => content,
            None => {
                let what = "a .tar.gz without `PKG-INFO`".to_owned();
                inventory.note(Note::new(path, Reason::NotUnderstood { what }));
                return Ok(());
            }
        },
    };
    let metadata = Metadata::parse(&String::from_utf8_lossy(&content.metadata))
        .map_err(|error| SbomError::syntax(path, error))?;
    // An index files it under its name, so its metadata must say the same.
    let same = normalize_python_name(&metadata.name) == project
        && Version::from_str(&metadata.version).is_ok_and(|other| other == version);
    if !same {
        let (name, version) = (metadata.name, metadata.version);
        return Err(syntax(ArtifactFault::Other { name, version }));
    }
    let pythons = metadata.pythons();
    let package = Package {
        origin: Origin::File(name.to_owned()),
        ..metadata.package(&pythons)
    };
    let purl = package.origin.purl(&metadata.name, &metadata.version);
    let mut resolution = Resolution::of_product(path, package);
    let mut wanted = BTreeSet::new();
    for requirement in &metadata.requires {
        if wanted.insert(normalize_python_name(&requirement.name)) {
            resolution.packages.push(Package {
                name: requirement.name.clone(),
                origin: requirement.url.as_deref().map_or(Origin::PyPi, Origin::url),
                ..Package::default()
            });
        }
    }
    resolution.drop_unneeded();
    let ids = resolution.write(inventory)?;
    let mut component = Component::package(&metadata.name, purl.map_err(SbomError::purl(path))?)
        .seen(Occurrence::at(path), Technique::HashComparison);
    component.version = Some(metadata.version);
    component.mime_type = Some(match name.ends_with(".whl") {
        true => "application/zip".to_owned(),
        false => "application/gzip".to_owned(),
    });
    let digests = [artifact.sha256(), artifact.sha512()];
    component.hashes = digests.into_iter().flatten().map(Hash::from).collect();
    inventory.add(component)?;
    for (place, bytes) in content.sboms {
        if let Some(owner) = ids.first() {
            embedded::add(&bytes, &format!("{path}/{place}"), owner, inventory)?;
        }
    }
    Ok(())
}

fn wheel(path: &str, file: File) -> Result<Content, SbomError> {
    let broken = |error| SbomError::syntax(path, error);
    let mut zip = Zip::open(BufReader::new(file)).map_err(broken)?;
    let entries = std::mem::take(&mut zip.entries);
    let mut content = Content::default();
    let mut found = 0;
    for entry in &entries {
        check_name(path, &entry.name)?;
        let mut parts = entry.name.splitn(3, '/');
        let in_info = parts
            .next()
            .is_some_and(|folder| folder.ends_with(".dist-info"));
        match (parts.next(), parts.next()) {
            (Some("METADATA"), None) if in_info => {
                check_link(path, &entry.name, entry.is_link)?;
                found += 1;
                content.metadata = zip.read(entry, MAX_METADATA).map_err(broken)?;
            }
            (Some("sboms"), Some(rest)) if in_info && !rest.is_empty() => {
                check_link(path, &entry.name, entry.is_link)?;
                if content.sboms.len() >= embedded::MAX_SBOMS {
                    return Err(SbomError::TooMany {
                        what: "SBOMs in one package",
                        limit: embedded::MAX_SBOMS,
                    });
                }
                let bytes = zip.read(entry, embedded::MAX_SBOM).map_err(broken)?;
                content.sboms.push((entry.name.clone(), bytes));
            }
            _ => {}
        }
    }
    match found {
        1 => Ok(content),
        found => Err(SbomError::syntax(path, ArtifactFault::Metadata { found })),
    }
}

/// None for an archive that is no sdist.
fn sdist(path: &str, file: impl Read, limit: u64) -> Result<Option<Content>, SbomError> {
    let mut content = Content::default();
    let mut found = 0;
    let mut unpacked = GzDecoder::new(BufReader::new(file)).take(limit);
    let mut archive = tar::Archive::new(&mut unpacked);
    let mut walk = || -> Result<(), SbomError> {
        let broken = |error: std::io::Error| SbomError::syntax(path, error);
        for (count, entry) in archive.entries().map_err(broken)?.enumerate() {
            if count >= MAX_ENTRIES {
                return Err(SbomError::TooMany {
                    what: "entries of an archive",
                    limit: MAX_ENTRIES,
                });
            }
            let entry = entry.map_err(broken)?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            check_name(path, &name)?;
            let name = name.trim_start_matches("./");
            if file_name(name) == "PKG-INFO" && name.matches('/').count() == 1 {
                check_link(path, name, !entry.header().entry_type().is_file())?;
                found += 1;
                content.metadata.clear();
                let mut entry = entry.take(MAX_METADATA);
                entry.read_to_end(&mut content.metadata).map_err(broken)?;
            }
        }
        Ok(())
    };
    let walked = walk();
    // Where the limit cuts the archive off, the archive looks broken.
    if unpacked.limit() == 0 {
        return Err(SbomError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    walked?;
    match found {
        0 => Ok(None),
        1 => Ok(Some(content)),
        found => Err(SbomError::syntax(path, ArtifactFault::Metadata { found })),
    }
}

/// Nothing is unpacked to disk, but who installs it would.
fn check_name(archive: &str, name: &str) -> Result<(), SbomError> {
    let leaves = name.starts_with('/')
        || name.contains(['\\', '\0'])
        || name.split('/').any(|part| part == "..")
        || name.as_bytes().get(1) == Some(&b':');
    match leaves {
        false => Ok(()),
        true => Err(SbomError::Outside {
            base: archive.to_owned(),
            path: name.escape_default().take(200).collect(),
        }),
    }
}

fn check_link(archive: &str, name: &str, is_link: bool) -> Result<(), SbomError> {
    match is_link {
        false => Ok(()),
        true => Err(SbomError::NotAFile {
            path: format!("{archive}/{name}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut header = tar::Header::new_gnu();
        header.set_path("bad-1.0/zeros").unwrap();
        header.set_size(64 << 20);
        header.set_cksum();
        let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
        bomb.write_all(header.as_bytes()).unwrap();
        for _ in 0..64 {
            bomb.write_all(&[0; 1 << 20]).unwrap();
        }
        let bomb = bomb.finish().unwrap();
        let error = sdist("bad-1.0.tar.gz", bomb.as_slice(), 1 << 20);
        assert!(matches!(error, Err(SbomError::TooLarge { limit, .. }) if limit == 1 << 20));
    }

    #[test]
    fn names_that_leave_are_refused() {
        for bad in ["../x", "a/../../x", "/x", "C:/x", "a\\..\\x", "a\0b"] {
            assert!(check_name("x.whl", bad).is_err(), "{bad} was taken");
        }
        assert!(check_name("x.whl", "a/b..c/d").is_ok());
    }
}
