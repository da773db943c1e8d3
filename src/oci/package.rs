//! Artifacts as they are stored: WebAssembly by its own layout, native binaries and
//! other files as one layer, binaries for several platforms under an index.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::artifact::{Artifact, ArtifactError};

use super::{
    Content, Descriptor, EMPTY, EMPTY_TYPE, Manifest, OciError, Platform, Store, TITLE, put_bytes,
    read_back_root, wasm,
};

/// Artifact type of what is not WebAssembly.
pub const FILE_TYPE: &str = "application/vnd.prov.file.v1";
/// Media type of its layer.
const BINARY: &str = "application/octet-stream";
/// How many files are on their way at once.
const AT_ONCE: usize = 4;

/// A file that was looked at, and the manifest that stores it.
#[derive(Debug)]
pub struct Packed {
    path: PathBuf,
    /// The file, hashed.
    pub artifact: Artifact,
    /// The manifest that will store it.
    pub manifest: Manifest,
    config: Bytes,
    /// What it runs on, if it is a native binary.
    pub platform: Option<Platform>,
}

/// Why a file can't be stored.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Its manifest can't be made.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// It can't be looked into.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The name can't be a title.
    #[error("`{}` has no usable file name", .0.display())]
    Name(PathBuf),
    /// Several files that no index can tell apart.
    #[error("`{}` is no native binary, or another one is for the same platform", .0.display())]
    Platform(PathBuf),
}

/// Looks at a file: what it is, its digest, the manifest for it. `created` goes into
/// the config of WebAssembly, in RFC 3339.
pub fn pack(path: &Path, artifact_type: &str, created: &str) -> Result<Packed, PackError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let artifact = Artifact::from_reader(title(path)?, &file, false)?;
    pack_hashed(path, artifact, artifact_type, created)
}

/// The same for a file that was hashed already: `artifact`, known by its SHA-256 digest.
pub fn pack_hashed(
    path: &Path,
    artifact: Artifact,
    artifact_type: &str,
    created: &str,
) -> Result<Packed, PackError> {
    let title = title(path)?;
    let unreadable = |source| unreadable(path, source);
    let mut file = File::open(path).map_err(unreadable)?;
    let layer = |media_type: &str| {
        Descriptor::new(media_type, artifact.digest().clone(), artifact.size())
            .with_annotation(TITLE, title)
    };
    let config = wasm::config(&mut file, artifact.digest(), created).map_err(unreadable)?;
    let none = BTreeMap::new();
    let (manifest, config, platform) = match config {
        Some(config) => {
            let described = Descriptor::of(wasm::CONFIG_TYPE, &config);
            let layers = [layer(wasm::LAYER_TYPE)];
            let manifest = Manifest::image(None, &described, &layers, None, &none)?;
            (manifest, Bytes::from(config), None)
        }
        None => {
            let mut head = Vec::new();
            file.rewind().map_err(unreadable)?;
            file.take(4096).read_to_end(&mut head).map_err(unreadable)?;
            let described = Descriptor::of(EMPTY_TYPE, EMPTY);
            let layers = [layer(BINARY)];
            let manifest = Manifest::image(Some(artifact_type), &described, &layers, None, &none)?;
            (manifest, Bytes::from_static(EMPTY), platform(&head))
        }
    };
    Ok(Packed {
        path: path.to_owned(),
        artifact,
        manifest,
        config,
        platform,
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> PackError {
    PackError::Read {
        path: path.to_owned(),
        source,
    }
}

/// The file name that it has, and will have when it is pulled.
fn title(path: &Path) -> Result<&str, PackError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| PackError::Name(path.to_owned()))
}

/// Stores the files, several of them under an index, and reads back that the tag
/// means just that.
pub async fn push(
    store: &dyn Store,
    files: &[Packed],
    artifact_type: &str,
    tag: Option<&str>,
) -> Result<Manifest, PackError> {
    let root = match files {
        [one] => one.manifest.clone(),
        several => index(several, artifact_type)?,
    };
    let puts: Vec<_> = files
        .iter()
        .map(|file| async move {
            for layer in file.manifest.layers() {
                store.put_blob(layer, Content::File(&file.path)).await?;
            }
            put_bytes(store, EMPTY_TYPE, &file.config).await?;
            match files.len() {
                1 => Ok(()),
                _ => store.put_manifest(&file.manifest, None).await,
            }
        })
        .collect();
    stream::iter(puts)
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    store.put_manifest(&root, tag).await?;
    read_back_root(store, &root, tag).await?;
    Ok(root)
}

fn index(files: &[Packed], artifact_type: &str) -> Result<Manifest, PackError> {
    let mut platforms = Vec::new();
    let mut entries = Vec::new();
    for file in files {
        let platform = file
            .platform
            .clone()
            .filter(|platform| !platforms.contains(platform))
            .ok_or_else(|| PackError::Platform(file.path.clone()))?;
        platforms.push(platform.clone());
        let mut entry = file.manifest.descriptor();
        entry.artifact_type = file.manifest.artifact_type.clone();
        entry.platform = Some(platform);
        entries.push(entry);
    }
    entries.sort_by_key(|entry| entry.platform.as_ref().map(ToString::to_string));
    Ok(Manifest::index(
        Some(artifact_type),
        &entries,
        &BTreeMap::new(),
    )?)
}

/// What a native binary runs on, by its first bytes: ELF, Mach-O, PE.
fn platform(head: &[u8]) -> Option<Platform> {
    let at = |offset: usize| head.get(offset..offset + 4)?.try_into().ok();
    let (os, architecture) = if head.starts_with(b"\x7fELF") {
        // e_machine, in the byte order that EI_DATA says (System V ABI, "ELF Header").
        let machine = [*head.get(18)?, *head.get(19)?];
        let machine = match head.get(5)? {
            2 => u16::from_be_bytes(machine),
            _ => u16::from_le_bytes(machine),
        };
        let architecture = match machine {
            3 => "386",
            40 => "arm",
            62 => "amd64",
            183 => "arm64",
            243 => "riscv64",
            _ => return None,
        };
        ("linux", architecture)
    } else if head.starts_with(&0xfeed_facf_u32.to_le_bytes()) {
        let architecture = match u32::from_le_bytes(at(4)?) {
            0x0100_0007 => "amd64",
            0x0100_000c => "arm64",
            _ => return None,
        };
        ("darwin", architecture)
    } else if head.starts_with(b"MZ") {
        let header = u32::from_le_bytes(at(0x3c)?) as usize;
        let header = head.get(header..)?.strip_prefix(b"PE\0\0")?;
        let architecture = match u16::from_le_bytes([*header.first()?, *header.get(1)?]) {
            0x8664 => "amd64",
            0xaa64 => "arm64",
            _ => return None,
        };
        ("windows", architecture)
    } else {
        return None;
    };
    Some(Platform {
        architecture: architecture.to_owned(),
        os: os.to_owned(),
        variant: None,
        rest: serde_json::Map::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{IMAGE_INDEX, Memory, wait};

    const EPOCH: &str = "1970-01-01T00:00:00Z";

    fn elf(machine: u8) -> Vec<u8> {
        let mut head = b"\x7fELF\x02\x01".to_vec();
        head.resize(18, 0);
        head.extend([machine, 0]);
        head
    }

    #[test]
    fn platforms() {
        let name = |head: &[u8]| platform(head).map(|platform| platform.to_string());
        assert_eq!(name(&elf(62)).unwrap(), "linux/amd64");
        assert_eq!(name(&elf(183)).unwrap(), "linux/arm64");
        assert_eq!(
            name(b"\xcf\xfa\xed\xfe\x0c\0\0\x01").unwrap(),
            "darwin/arm64"
        );
        let mut pe = b"MZ".to_vec();
        pe.resize(0x3c, 0);
        pe.extend([0x40, 0, 0, 0]);
        pe.extend(b"PE\0\0\x64\x86");
        assert_eq!(name(&pe).unwrap(), "windows/amd64");
        for other in [
            &b""[..],
            b"\x7fELF",
            b"MZ",
            b"#!/bin/sh",
            &elf(200),
            &pe[..0x41],
        ] {
            assert_eq!(name(other), None);
        }
    }

    #[test]
    fn one_file_is_an_image_and_several_are_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            pack(&path, FILE_TYPE, EPOCH).unwrap()
        };
        let store = Memory::new();
        let put = |files: &[Packed]| wait(push(&store, files, FILE_TYPE, Some("v1"))).unwrap();

        let module = file("app.wasm", &wat::parse_str("(module)").unwrap());
        let root = put(&[module]).unwrap();
        assert_eq!(root.kind_of_artifact(), Some(wasm::CONFIG_TYPE));
        assert_eq!(root.layers()[0].media_type, wasm::LAYER_TYPE);
        assert_eq!(root.layers()[0].annotations[TITLE], "app.wasm");

        let root = put(&[file("a", &elf(183)), file("b", &elf(62))]).unwrap();
        assert_eq!(root.media_type(), IMAGE_INDEX);
        let platforms: Vec<_> = root
            .manifests()
            .iter()
            .map(|entry| entry.platform.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);

        for other in [&elf(62)[..], b"text"] {
            let twice = [file("b", &elf(62)), file("c", other)];
            assert!(matches!(put(&twice), Err(PackError::Platform(_))));
        }
    }
}
