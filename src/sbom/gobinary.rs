//! The modules that a Go program was linked of, out of its own bytes.
//!
//! The linker puts the list as text between two marks (Go's
//! `cmd/go/internal/modload`, `ModInfoProg`). The marks are looked for in any
//! bytes, so it makes no difference whether they are ELF, Mach-O, PE, a
//! WebAssembly module or component, or what an engine compiled of one. The
//! list is what the program says of itself: evidence, no proof.

use std::io::{self, Read, Seek};
use std::ops::Range;

use memchr::memmem;

use super::SbomError;
use super::component::{Component, Kind};
use super::embeds;
use super::evidence::{Occurrence, Technique};
use super::go;
use super::inventory::{Inventory, Relation};
use super::model::Aggregate;
use super::reference::Ref;
use super::tree::file_name;
use super::wasm;
use super::window::Window;
use crate::purl::Purl;

/// The mark before a list.
pub const START: &[u8] = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: &[u8] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
/// The head of the build information of native programs (Go's `debug/buildinfo`).
pub const BUILD_INFO: &[u8] = b"\xff Go buildinf:";

/// The longest list of modules, in bytes.
pub const MAX_LIST: usize = 4 << 20;
/// The most lists of one file.
pub const MAX_LISTS: usize = 64;
/// The longest name of a Go version.
const MAX_VERSION: usize = 128;

/// Settings of the build that tell what was built, and no path of a machine.
const SETTINGS: &[&str] = &[
    "CGO_ENABLED",
    "GOARCH",
    "GOOS",
    "vcs.modified",
    "vcs.revision",
    "vcs.time",
];

/// What one program says that it was linked of (Go's `runtime/debug.BuildInfo`).
#[derive(Debug, PartialEq, Eq)]
pub struct ModuleList<'a> {
    /// Where the list starts.
    pub offset: u64,
    /// The main package's path.
    pub path: &'a str,
    /// The main module.
    pub main: Option<Module<'a>>,
    /// Every other module.
    pub modules: Vec<Module<'a>>,
    /// Settings of the build.
    pub settings: Vec<(&'a str, &'a str)>,
}

/// One module of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its path.
    pub path: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its `h1:` sum.
    pub sum: &'a str,
    /// The path of the module that it stands in for.
    pub replaces: Option<&'a str>,
}

/// The text of every list that starts at one of `marks`, and where. One that
/// stands in a program twice is one.
pub fn texts<R: Read + Seek>(
    file: &mut Window<R>,
    marks: &[u64],
) -> io::Result<Vec<(u64, String)>> {
    let mut texts: Vec<(u64, String)> = Vec::new();
    for mark in marks {
        if let Some(text) = text(file, mark + START.len() as u64)?
            && !texts.iter().any(|(_, seen)| *seen == text)
        {
            texts.push((*mark, text));
        }
    }
    Ok(texts)
}

fn text<R: Read + Seek>(file: &mut Window<R>, start: u64) -> io::Result<Option<String>> {
    let end = memmem::Finder::new(END);
    // Most lists are short; a long one is read again.
    for size in [64 << 10, MAX_LIST] {
        let bytes = file.read(start..start + size as u64)?;
        if let Some(length) = end.find(&bytes) {
            let text = bytes.get(..length).unwrap_or_default().to_vec();
            return Ok(String::from_utf8(text).ok());
        }
    }
    Ok(None)
}

/// What a text says, when it is a list.
pub fn parse(text: &str, offset: u64) -> Option<ModuleList<'_>> {
    let mut list = ModuleList {
        offset,
        path: "",
        main: None,
        modules: Vec::new(),
        settings: Vec::new(),
    };
    let mut last_is_main = false;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (verb, rest) = line.split_once('\t')?;
        let mut words = rest.split('\t');
        let mut word = || words.next().unwrap_or_default();
        match verb {
            "path" => list.path = word(),
            "mod" | "dep" | "=>" => {
                let mut module = Module {
                    path: word(),
                    version: word(),
                    sum: word(),
                    replaces: None,
                };
                if verb == "=>" {
                    let replaced = match last_is_main {
                        true => list.main.take(),
                        false => list.modules.pop(),
                    };
                    module.replaces = Some(replaced?.path);
                } else {
                    last_is_main = verb == "mod";
                }
                match last_is_main {
                    true => list.main = Some(module),
                    false => list.modules.push(module),
                }
            }
            "build" => list.settings.extend(rest.split_once('=')),
            // A newer Go may say more.
            _ => {}
        }
    }
    (!list.path.is_empty() || list.main.is_some()).then_some(list)
}

/// The version of Go that the program in `range` was built with; `marks` are
/// where build information starts.
pub fn go_version<R: Read + Seek>(
    file: &mut Window<R>,
    range: Range<u64>,
    marks: &[u64],
) -> io::Result<Option<String>> {
    let head = file.read(range.start..range.start.saturating_add(4))?;
    let version = if head == wasm::MAGIC {
        wasm::language(file, range, "Go")?
    } else {
        let mut found = None;
        for mark in marks.iter().filter(|mark| range.contains(mark)) {
            let info = file.read(*mark..mark + 256)?;
            found = found.or_else(|| inline_version(&info));
        }
        found
    };
    // Experiments and vendors may follow: `go1.26.8 X:…`.
    let version = version.as_deref().and_then(|text| text.split(' ').next());
    let version = version.and_then(|text| text.strip_prefix("go"));
    Ok(version
        .filter(|version| version.len() <= MAX_VERSION)
        .map(str::to_owned))
}

/// Since Go 1.18 flag 2 says that the version follows the 32 bytes of the head.
fn inline_version(info: &[u8]) -> Option<String> {
    if info.get(15)? & 2 == 0 {
        return None;
    }
    let size = usize::from(*info.get(32)?);
    let version = info.get(33..33 + size)?;
    // A longer number would be a longer version than there is.
    (size < 0x80).then(|| String::from_utf8(version.to_vec()).ok())?
}

/// Adds what `list` names as parts of `file`, in which it stands.
pub fn add(
    inventory: &mut Inventory,
    file: &Ref,
    path: &str,
    list: &ModuleList<'_>,
    go: Option<&str>,
) -> Result<(), SbomError> {
    let seen = |component: Component| {
        let mut place = Occurrence::at(path);
        place.offset = Some(list.offset);
        component.seen(place, Technique::BinaryAnalysis)
    };
    let modules = list.modules.iter().map(|module| (module, Kind::Library));
    let main = list.main.iter().map(|module| (module, Kind::Application));
    for (module, kind) in main.chain(modules) {
        let mut component = seen(module.component(path)?).of_kind(kind);
        if kind == Kind::Application {
            for (name, value) in list
                .settings
                .iter()
                .filter(|(name, _)| SETTINGS.contains(name))
            {
                component.property(format!("prov:go:build:{name}"), *value);
            }
        }
        let id = inventory.add(component)?;
        inventory.relate(file, Relation::Contains, &id)?;
        if kind == Kind::Application {
            embeds::tie(inventory, file, file_name(path), &id)?;
        }
    }
    if let Some(version) = go {
        let id = inventory.add(seen(go::go_itself("std", version, path)?))?;
        inventory.relate(file, Relation::Contains, &id)?;
        inventory.know_dependencies(&id, Aggregate::Complete);
    }
    let parts = match go {
        Some(_) => Aggregate::Complete,
        None => Aggregate::Incomplete,
    };
    inventory.know_parts(file, parts);
    Ok(())
}

impl Module<'_> {
    fn component(&self, place: &str) -> Result<Component, SbomError> {
        // What is built from a folder has no version, and the folder is nobody's business.
        let local = self.path.starts_with(['.', '/']) || self.path.contains('\\');
        let name = match self.replaces {
            Some(path) if local => path,
            _ => self.path,
        };
        let version = match self.version {
            "(devel)" => "",
            version => version,
        };
        let mut purl = Purl::golang(name, version).map_err(SbomError::purl(place))?;
        if local {
            purl = purl.with("download_url", "file://");
        }
        let mut component = Component::package(name, purl);
        if !local && !version.is_empty() {
            go::supply(name, version, &mut component);
        }
        if !self.sum.is_empty() {
            component.property("prov:go:h1", self.sum);
        }
        if let Some(path) = self.replaces {
            component.property("prov:go:replaces", path);
        }
        Ok(component)
    }
}

/// True when a list stands inside of a part of the file.
pub fn is_inside(list: &ModuleList<'_>, part: &Range<u64>) -> bool {
    part.contains(&list.offset)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn blob(text: &str) -> Vec<u8> {
        [START, text.as_bytes(), END].concat()
    }

    fn texts_of(bytes: &[u8]) -> Vec<(u64, String)> {
        let marks: Vec<u64> = memmem::find_iter(bytes, START)
            .take(MAX_LISTS)
            .map(|at| at as u64)
            .collect();
        texts(&mut Window::new(Cursor::new(bytes)).unwrap(), &marks).unwrap()
    }

    #[test]
    fn a_list_is_found_in_any_bytes_and_once() {
        let text = "path\tx.org/a\nmod\tx.org/a\t(devel)\t\ndep\ty.org/b\tv1.0.0\th1:s=\n\
                    dep\tz.org/c\tv1.0.0\n=>\t../c\t(devel)\t\nbuild\tGOOS=wasip1\nnew\tthing\n";
        let mut bytes = vec![7; 1000];
        bytes.extend(blob(text));
        bytes.extend(blob(text));
        let texts = texts_of(&bytes);
        assert_eq!(texts.len(), 1);
        let list = parse(&texts[0].1, texts[0].0).unwrap();
        assert_eq!(list.offset, 1000);
        assert_eq!(list.modules[0].sum, "h1:s=");
        assert_eq!(list.modules[1].path, "../c");
        let local = list.modules[1].component("x").unwrap();
        let purl = "pkg:golang/z.org/c?download_url=file:%2F%2F";
        assert_eq!(local.purl.unwrap().to_string(), purl);
    }

    #[test]
    fn hostile_lists_are_passed_over() {
        for bytes in [
            START.to_vec(),
            START.repeat(1000),
            [START, &vec![b'x'; MAX_LIST + 1], END].concat(),
            [START, b"\xff\xff", END].concat(),
            blob(""),
            blob("no tab"),
            blob("=>\tx\tv1\t"),
            blob("path\ta\n=>\tx\tv1\t"),
        ] {
            let texts = texts_of(&bytes);
            let lists: Vec<_> = texts
                .iter()
                .filter_map(|(at, text)| parse(text, *at))
                .collect();
            assert_eq!(lists, []);
        }
        for bytes in [
            &b"\xff Go buildinf:"[..],
            b"\xff Go buildinf:\x08\x02",
            b"\xff Go buildinf:\x08\x0200000000000000000\xffgo1",
        ] {
            let mut file = Window::new(Cursor::new(bytes)).unwrap();
            let all = 0..bytes.len() as u64;
            assert_eq!(go_version(&mut file, all, &[0]).unwrap(), None);
        }
    }
}
