//! A target triple as Go names it.

/// An operating system and an architecture in Go's words (`go tool dist list`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `GOOS`.
    pub os: &'static str,
    /// `GOARCH`.
    pub arch: &'static str,
}

/// The first part of a triple, and `GOARCH`.
const ARCHITECTURES: &[(&str, &str)] = &[
    ("x86_64", "amd64"),
    ("aarch64", "arm64"),
    ("i386", "386"),
    ("i586", "386"),
    ("i686", "386"),
    ("loongarch64", "loong64"),
    ("mips", "mips"),
    ("mipsel", "mipsle"),
    ("mips64", "mips64"),
    ("mips64el", "mips64le"),
    ("powerpc64", "ppc64"),
    ("powerpc64le", "ppc64le"),
    ("riscv64", "riscv64"),
    ("riscv64gc", "riscv64"),
    ("s390x", "s390x"),
    ("wasm32", "wasm"),
];

/// Another part of a triple, and `GOOS`; Android before Linux, which it also names.
const SYSTEMS: &[(&str, &str)] = &[
    ("android", "android"),
    ("androideabi", "android"),
    ("linux", "linux"),
    ("darwin", "darwin"),
    ("ios", "ios"),
    ("windows", "windows"),
    ("freebsd", "freebsd"),
    ("netbsd", "netbsd"),
    ("openbsd", "openbsd"),
    ("dragonfly", "dragonfly"),
    ("illumos", "illumos"),
    ("solaris", "solaris"),
    ("wasip1", "wasip1"),
    ("wasi", "wasip1"),
];

impl Platform {
    /// The platform of a Rust target triple, where Go has it.
    pub fn of(triple: &str) -> Option<Self> {
        let parts: Vec<&str> = triple.split('-').collect();
        let first = *parts.first()?;
        let arch = ARCHITECTURES
            .iter()
            .find(|(name, _)| *name == first)
            .map(|(_, arch)| *arch)
            .or_else(|| first.starts_with("arm").then_some("arm"))?;
        let (_, os) = SYSTEMS.iter().find(|(name, _)| parts.contains(name))?;
        Some(Self { os, arch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_are_known_by_their_parts() {
        for (triple, wanted) in [
            ("x86_64-unknown-linux-gnu", Some(("linux", "amd64"))),
            ("aarch64-apple-darwin", Some(("darwin", "arm64"))),
            ("aarch64-linux-android", Some(("android", "arm64"))),
            ("armv7-unknown-linux-musleabihf", Some(("linux", "arm"))),
            ("x86_64-pc-windows-msvc", Some(("windows", "amd64"))),
            ("wasm32-wasip1", Some(("wasip1", "wasm"))),
            // Go has neither of these.
            ("wasm32-wasip2", None),
            ("wasm32-unknown-unknown", None),
            ("sparc64-unknown-linux-gnu", None),
            ("all", None),
            ("", None),
        ] {
            let platform = Platform::of(triple).map(|each| (each.os, each.arch));
            assert_eq!(platform, wanted, "{triple}");
        }
    }
}
