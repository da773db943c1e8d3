//! Where content is: a registry's repository or an image layout on disk.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::artifact::Digest;

use super::OciError;

/// The longest reference that is read, in bytes.
const MAX_REFERENCE: usize = 4096;

/// A place and what is meant there: `HOST/REPOSITORY[:TAG][@DIGEST]` for a registry,
/// `oci:DIR[:TAG][@DIGEST]` for a layout on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The registry or the layout.
    pub place: Place,
    /// What is meant there.
    pub name: Name,
    /// True when neither a tag nor a digest was written, so that `latest` is meant.
    pub implied: bool,
}

/// A store of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A repository of a registry.
    Registry(Repository),
    /// An OCI image layout on disk.
    Layout(PathBuf),
}

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `ghcr.io` or `127.0.0.1:5000`, as it was written.
    pub host: String,
    /// `owner/name`.
    pub path: String,
    /// True for plain HTTP, which is spoken with this machine alone.
    pub plain: bool,
}

/// What is meant in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Whatever the tag points at.
    Tag(String),
    /// That content and no other.
    Digest(Digest),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Tag(tag) => f.write_str(tag),
            Name::Digest(digest) => digest.fmt(f),
        }
    }
}

impl Reference {
    /// True when `text` is meant as a reference and not as a file: `oci:…`, or a
    /// first part that is a host (it has a `.` or a port, or is `localhost`) before
    /// a `/`, by the rule that every registry client has.
    pub fn looks_like(text: &str) -> bool {
        if ["oci:", "https://", "http://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return true;
        }
        text.split_once('/').is_some_and(|(host, rest)| {
            is_host(host)
                && !rest.is_empty()
                && (host.trim_start_matches('.').contains(['.', ':']) || host == "localhost")
        })
    }

    /// The same place with another name.
    pub fn with_name(&self, name: Name) -> Self {
        Self {
            place: self.place.clone(),
            name,
            implied: false,
        }
    }

    /// The reference by digest: what is printed for others to pin.
    pub fn pinned(&self, digest: &Digest) -> String {
        self.with_name(Name::Digest(digest.clone())).to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Registry(repository) => {
                // Elsewhere TLS is understood; and a registry called `oci` is no layout.
                let host = &repository.host;
                if !repository.plain && (is_loopback(host) || host.starts_with("oci:")) {
                    f.write_str("https://")?;
                }
                write!(f, "{}/{}", repository.host, repository.path)?;
            }
            Place::Layout(folder) => write!(f, "oci:{}", folder.display())?,
        }
        match &self.name {
            Name::Tag(tag) => write!(f, ":{tag}"),
            Name::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

impl FromStr for Reference {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let refuse = |why: &'static str| OciError::Reference {
            text: text.chars().take(200).collect(),
            why,
        };
        if text.len() > MAX_REFERENCE {
            return Err(refuse("it is too long"));
        }
        let (rest, digest) = match text.rsplit_once('@') {
            Some((rest, digest)) => {
                let digest = digest
                    .parse()
                    .map_err(|_| refuse("no digest after the `@`"))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let named = |tag: Option<&str>| {
            let implied = tag.is_none() && digest.is_none();
            let name = match &digest {
                Some(digest) => Name::Digest(Digest::clone(digest)),
                None => Name::Tag(tag.unwrap_or("latest").to_owned()),
            };
            (name, implied)
        };
        if let Some(rest) = rest.strip_prefix("oci:") {
            let (folder, tag) = match rest.rsplit_once(':') {
                Some((folder, tag)) if is_tag(tag) => (folder, Some(tag)),
                _ => (rest, None),
            };
            if folder.is_empty() {
                return Err(refuse("no folder after `oci:`"));
            }
            if folder
                .rsplit('/')
                .next()
                .is_some_and(|name| name.contains(':'))
            {
                return Err(refuse("no tag after the last `:`"));
            }
            let (name, implied) = named(tag);
            return Ok(Self {
                place: Place::Layout(folder.into()),
                name,
                implied,
            });
        }
        let (rest, scheme) = match (rest.strip_prefix("https://"), rest.strip_prefix("http://")) {
            (Some(rest), _) => (rest, Some("https")),
            (_, Some(rest)) => (rest, Some("http")),
            _ => (rest, None),
        };
        let (host, rest) = rest
            .split_once('/')
            .ok_or_else(|| refuse("no `/` after the registry's host"))?;
        if !is_host(host) {
            return Err(refuse("it does not start with a registry's host"));
        }
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if !is_repository(path) {
            return Err(refuse("the repository is not lower case words between `/`"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refuse("the tag has letters that no tag has"));
        }
        let plain = match scheme {
            Some("https") => false,
            Some(_) if !is_loopback(host) => {
                return Err(refuse("plain http is spoken with this machine alone"));
            }
            _ => is_loopback(host),
        };
        let (name, implied) = named(tag);
        Ok(Self {
            place: Place::Registry(Repository {
                host: host.to_owned(),
                // Docker Hub's own images are called by their last name alone.
                path: match is_docker_hub(host) && !path.contains('/') {
                    true => format!("library/{path}"),
                    false => path.to_owned(),
                },
                plain,
            }),
            name,
            implied,
        })
    }
}

/// The one registry whose name is not its address.
pub(super) fn is_docker_hub(host: &str) -> bool {
    ["docker.io", "index.docker.io"].contains(&host)
}

/// A host name or address, with a port or without.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    let name = !host.is_empty()
        && !host.starts_with(['.', '-'])
        && !host.contains("..")
        && host
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || [b'.', b'-'].contains(&c));
    (address || name) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// True for this very machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => host,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Tags by the distribution specification: at most 128 letters.
pub(super) fn is_tag(text: &str) -> bool {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    (1..=128).contains(&text.len())
        && word(text.as_bytes()[0])
        && text.bytes().all(|c| word(c) || [b'.', b'-'].contains(&c))
}

/// Repository names by the distribution specification: words of lower case letters
/// and digits, parted by `.`, `_`, `__` or dashes, between slashes.
fn is_repository(text: &str) -> bool {
    let word = |text: &str| {
        let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| alphanumeric(*first) && alphanumeric(*last))
            && bytes
                .chunk_by(|a, b| alphanumeric(*a) == alphanumeric(*b))
                .all(|run| {
                    alphanumeric(run[0])
                        || [&b"."[..], b"_", b"__"].contains(&run)
                        || run.iter().all(|c| *c == b'-')
                })
    };
    text.len() <= 255 && text.split('/').all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn parse(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[test]
    fn registries_and_layouts() {
        for text in [
            "ghcr.io/owner/name:v1.2",
            "127.0.0.1:5000/a/b__c/d--e.f:x",
            "[::1]:5000/a:latest",
            "https://127.0.0.1:5000/a:v1",
            "oci:dir:v1",
            "oci:/tmp/a.b/c:v1",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
        let pinned = format!("ghcr.io/owner/name@{DIGEST}");
        assert_eq!(parse(&pinned).to_string(), pinned);
        assert_eq!(
            parse(&format!("ghcr.io/owner/name:v1@{DIGEST}")).to_string(),
            pinned
        );
        assert_eq!(
            parse(&format!("oci:d:v1@{DIGEST}")).name,
            Name::Digest(DIGEST.parse().unwrap())
        );
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/references");
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
        assert!(files.len() >= 5);
        for file in files {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let mut again = parse(&parse(&text).to_string());
            again.implied = parse(&text).implied;
            assert_eq!(again, parse(&text), "{text}");
        }
    }

    #[test]
    fn what_is_left_out() {
        assert_eq!(parse("ghcr.io/a").to_string(), "ghcr.io/a:latest");
        assert!(parse("ghcr.io/a").implied && !parse("ghcr.io/a:latest").implied);
        assert_eq!(parse("oci:./a:b/c").to_string(), "oci:./a:b/c:latest");
        let alpine = "docker.io/library/alpine:3";
        assert_eq!(parse("docker.io/alpine:3").to_string(), alpine);
        assert_eq!(parse(alpine).to_string(), alpine);
        assert_eq!(parse("docker.io/a/b:3").to_string(), "docker.io/a/b:3");
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let plain = |text: &str| match parse(text).place {
            Place::Registry(repository) => repository.plain,
            Place::Layout(_) => panic!("{text}"),
        };
        for text in [
            "localhost/a",
            "localhost:1/a",
            "127.9.9.9:1/a",
            "[::1]/a",
            "http://[::1]:1/a",
        ] {
            assert!(plain(text), "{text}");
        }
        for text in [
            "ghcr.io/a",
            "localhost.example/a",
            "https://127.0.0.1:1/a",
            "10.0.0.1/a",
        ] {
            assert!(!plain(text), "{text}");
        }
        assert!("http://ghcr.io/a".parse::<Reference>().is_err());
    }

    #[test]
    fn refused() {
        let long = format!("ghcr.io/{}", "a".repeat(256));
        for bad in [
            "",
            "a",
            "oci:",
            "oci::v1",
            "oci:a:b:c",
            "oci:a:b c",
            "ghcr.io/",
            "ghcr.io/A",
            "ghcr.io/a//b",
            "ghcr.io/../b",
            "ghcr.io/a:",
            "ghcr.io/a:-x",
            "ghcr.io/a@sha256:12",
            "ghcr.io/a?x=1",
            "ghcr.io/a#b",
            "user:pass@ghcr.io/a",
            "ghcr.io:99999/a",
            "../x/a",
            "-x.y/a",
            "ghcr.io/a___b",
            "ghcr.io/a%2fb",
            &long,
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad} was taken");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_alike(text in "(oci:|https://|[a-z.]{1,5}/)?[a-zA-Z0-9./:@_-]{0,20}(@sha256:[0-9a-f]{64})?") {
            if let Ok(reference) = text.parse::<Reference>() {
                let again = parse(&reference.to_string());
                assert_eq!((again.place, again.name), (reference.place, reference.name));
            }
        }
    }

    #[test]
    fn files_do_not_look_like_references() {
        for text in [
            "app.wasm",
            "./a/b",
            "../a/b",
            "dir/app.wasm",
            "/a.b/c",
            "a.b/",
        ] {
            assert!(!Reference::looks_like(text), "{text}");
        }
        for text in ["oci:x", "ghcr.io/a", "localhost/a", "host:1/a"] {
            assert!(Reference::looks_like(text), "{text}");
        }
    }
}
