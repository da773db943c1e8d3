//! The modules that a Go program was linked of, out of its own bytes.
//!
//! The linker puts the list as text between two marks (Go's
//! `cmd/go/internal/modload`, `ModInfoProg`). The marks are looked for in any
//! bytes, so it makes no difference whether they are ELF, Mach-O, PE, a
//! WebAssembly module or component, or what an engine compiled of one. The
//! list is what the program says of itself: evidence, no proof.

use std::ops::Range;

use memchr::memmem;

use super::SbomError;
use super::component::{Component, Kind};
use super::embeds;
use super::evidence::{Occurrence, Technique};
use super::go;
use super::inventory::{Inventory, Relation};
use super::model::Aggregate;
use super::purl::Purl;
use super::reference::Ref;
use super::tree::file_name;
use super::wasm;

const START: &[u8] = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: &[u8] = b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
/// The head of the build information of native programs (Go's `debug/buildinfo`).
const BUILD_INFO: &[u8] = b"\xff Go buildinf:";

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
    pub offset: usize,
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

/// Every list in `bytes`. One that stands in a program twice is one.
pub fn module_lists(bytes: &[u8]) -> Vec<ModuleList<'_>> {
    let mut lists: Vec<ModuleList<'_>> = Vec::new();
    let mut seen: Vec<&[u8]> = Vec::new();
    let end = memmem::Finder::new(END);
    for offset in memmem::find_iter(bytes, START).take(MAX_LISTS) {
        let start = offset + START.len();
        let limit = bytes.len().min(start + MAX_LIST);
        let rest = bytes.get(start..limit).unwrap_or_default();
        let Some(text) = end.find(rest).and_then(|size| rest.get(..size)) else {
            continue;
        };
        if seen.contains(&text) {
            continue;
        }
        if let Some(list) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| parse(text, offset))
        {
            seen.push(text);
            lists.push(list);
        }
    }
    lists
}

fn parse(text: &str, offset: usize) -> Option<ModuleList<'_>> {
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

/// The version of Go that a program was built with.
pub fn go_version(bytes: &[u8]) -> Option<String> {
    let version = if bytes.starts_with(wasm::MAGIC) {
        wasm::language(bytes, "Go")?
    } else {
        memmem::find_iter(bytes, BUILD_INFO)
            .take(MAX_LISTS)
            .find_map(|at| inline_version(bytes.get(at..)?))?
    };
    // Experiments and vendors may follow: `go1.26.8 X:…`.
    let version = version.split(' ').next()?.strip_prefix("go")?;
    (version.len() <= MAX_VERSION).then(|| version.to_owned())
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
        place.offset = u64::try_from(list.offset).ok();
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
            go::supply(None, name, version, &mut component);
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
pub fn is_inside(list: &ModuleList<'_>, part: &Range<usize>) -> bool {
    part.contains(&list.offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn blob(text: &str) -> Vec<u8> {
        [START, text.as_bytes(), END].concat()
    }

    #[test]
    fn a_list_is_found_in_any_bytes_and_once() {
        let text = "path\tx.org/a\nmod\tx.org/a\t(devel)\t\ndep\ty.org/b\tv1.0.0\th1:s=\n\
                    dep\tz.org/c\tv1.0.0\n=>\t../c\t(devel)\t\nbuild\tGOOS=wasip1\nnew\tthing\n";
        let mut bytes = vec![7; 1000];
        bytes.extend(blob(text));
        bytes.extend(blob(text));
        let lists = module_lists(&bytes);
        assert_eq!(lists.len(), 1);
        let list = &lists[0];
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
            assert_eq!(module_lists(&bytes), []);
        }
        for bytes in [
            &b"\xff Go buildinf:"[..],
            b"\xff Go buildinf:\x08\x02",
            b"\xff Go buildinf:\x08\x0200000000000000000\xffgo1",
        ] {
            assert_eq!(go_version(bytes), None);
        }
    }
}
