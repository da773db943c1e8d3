//! Packages as OSV names them.

use crate::purl::{Purl, normalize_python_name};

/// An ecosystem whose versions can be compared (OSV schema 1.7, defined ecosystems).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// `crates.io`, by Semantic Versioning.
    CratesIo,
    /// `Go`, by Semantic Versioning; its library and its tools too.
    Go,
    /// `PyPI`, by PEP 440.
    PyPi,
    /// `npm`, by Semantic Versioning.
    Npm,
}

impl Ecosystem {
    /// By its name, which may have a suffix after a colon.
    pub fn named(name: &str) -> Option<Self> {
        match name.split(':').next()? {
            "crates.io" => Some(Self::CratesIo),
            "Go" => Some(Self::Go),
            "PyPI" => Some(Self::PyPi),
            "npm" => Some(Self::Npm),
            _ => None,
        }
    }

    /// The type of its package URLs.
    pub fn kind(self) -> &'static str {
        match self {
            Self::CratesIo => "cargo",
            Self::Go => "golang",
            Self::PyPi => "pypi",
            Self::Npm => "npm",
        }
    }
}

/// A package of an ecosystem, by one spelling of its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Package {
    /// Where it is from.
    pub ecosystem: Ecosystem,
    name: String,
}

impl Package {
    /// The package that an advisory names.
    pub fn named(ecosystem: Ecosystem, name: &str) -> Self {
        let name = match ecosystem {
            // Package URLs of Go are in lower case, so its modules can only be told apart so.
            Ecosystem::Go | Ecosystem::Npm => name.to_lowercase(),
            Ecosystem::PyPi => normalize_python_name(name),
            Ecosystem::CratesIo => name.to_owned(),
        };
        Self { ecosystem, name }
    }

    /// The package that a package URL names; `None` for an ecosystem not known here.
    pub fn of(purl: &Purl) -> Option<Self> {
        let ecosystem = match purl.kind() {
            "cargo" => Ecosystem::CratesIo,
            "golang" => Ecosystem::Go,
            "pypi" => Ecosystem::PyPi,
            "npm" => Ecosystem::Npm,
            _ => return None,
        };
        let name = match (ecosystem, purl.namespace(), purl.name()) {
            // Go's source calls its own modules `std` and `cmd`, its advisories otherwise.
            (Ecosystem::Go, None, "std") => "stdlib".to_owned(),
            (Ecosystem::Go, None, "cmd") => "toolchain".to_owned(),
            (_, Some(namespace), name) => format!("{namespace}/{name}"),
            (_, None, name) => name.to_owned(),
        };
        Some(Self::named(ecosystem, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_and_an_advisory_mean_the_same() {
        for (purl, ecosystem, name, same) in [
            (
                "pkg:cargo/serde_json@1.0.0",
                "crates.io",
                "serde_json",
                true,
            ),
            ("pkg:cargo/serde_json", "crates.io", "serde-json", false),
            ("pkg:cargo/serde", "npm", "serde", false),
            (
                "pkg:golang/github.com/BurntSushi/toml@v1",
                "Go",
                "github.com/BurntSushi/toml",
                true,
            ),
            (
                "pkg:golang/github.com/a/b/v2@v2.0.0",
                "Go",
                "github.com/a/b",
                false,
            ),
            ("pkg:golang/std@1.26.8", "Go", "stdlib", true),
            ("pkg:golang/stdlib@1.26.8", "Go", "stdlib", true),
            ("pkg:golang/cmd@1.26.8", "Go", "toolchain", true),
            ("pkg:golang/example.org/std@1.0.0", "Go", "stdlib", false),
            ("pkg:pypi/Foo_Bar@1", "PyPI", "foo.bar", true),
            ("pkg:npm/%40scope/a@1", "npm", "@scope/a", true),
        ] {
            let found = Package::of(&purl.parse().unwrap());
            let named = Ecosystem::named(ecosystem).map(|at| Package::named(at, name));
            assert_eq!(found == named, same, "{purl} and {ecosystem} {name}");
        }
        assert!(Package::of(&"pkg:deb/debian/curl@1".parse().unwrap()).is_none());
        assert!(Ecosystem::named("Debian:12").is_none());
    }
}
