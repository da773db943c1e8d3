//! `go.mod`, `go.work`, `go.sum` and `vendor/modules.txt` (Go Modules Reference).

use std::collections::{BTreeMap, BTreeSet};

/// What a `go.mod` or a `go.work` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GoMod {
    /// The module's path; a `go.work` has none.
    pub module: Option<String>,
    /// The oldest Go that it builds with: the `toolchain` directive, else `go`.
    pub go: Option<String>,
    /// What it requires.
    pub requires: Vec<Require>,
    /// What stands in for what.
    pub replaces: Vec<Replace>,
    /// Versions that are never chosen.
    pub excludes: BTreeSet<(String, String)>,
    /// Folders of the modules of a workspace.
    pub uses: Vec<String>,
}

/// One requirement.
#[derive(Debug, PartialEq, Eq)]
pub struct Require {
    /// The module's path.
    pub path: String,
    /// Its version.
    pub version: String,
    /// True when only other modules need it.
    pub indirect: bool,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replace {
    path: String,
    version: Option<String>,
    /// The path of a module, or of a folder when there is no version.
    pub to: String,
    /// Its version.
    pub to_version: Option<String>,
}

impl Replace {
    /// True when it stands in for this version of this module.
    pub fn is_for(&self, path: &str, version: &str) -> bool {
        self.path == path && self.version.as_deref().is_none_or(|each| each == version)
    }
}

/// A line that no Go reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is malformed")]
pub struct GoModError {
    /// Which one, from 1.
    pub line: usize,
}

impl GoMod {
    /// Reads either file. What a newer Go may have added is passed over.
    pub fn parse(text: &str) -> Result<Self, GoModError> {
        let mut file = Self::default();
        let mut toolchain = None;
        let mut block: Option<String> = None;
        let mut line = 0;
        for text in text.lines() {
            line += 1;
            let bad = || GoModError { line };
            let (code, comment) = text.split_once("//").unwrap_or((text, ""));
            let mut words = words(code).ok_or_else(bad)?;
            let verb = match (&block, words.first().map(String::as_str)) {
                (_, None) => continue,
                (Some(_), Some(")")) => {
                    block = None;
                    continue;
                }
                (Some(verb), _) => verb.clone(),
                (None, _) => words.remove(0),
            };
            if block.is_none() && words == ["("] {
                block = Some(verb);
                continue;
            }
            match (verb.as_str(), words.as_slice()) {
                ("module", [path]) => file.module = Some(path.clone()),
                ("go", [version]) => file.go = Some(version.clone()),
                ("toolchain", [name]) => {
                    toolchain = name.strip_prefix("go").map(str::to_owned);
                }
                ("use", [folder]) => file.uses.push(folder.clone()),
                ("require", [path, version]) => file.requires.push(Require {
                    path: path.clone(),
                    version: version.clone(),
                    indirect: comment.trim().split([' ', ';']).next() == Some("indirect"),
                }),
                ("exclude", [path, version]) => {
                    file.excludes.insert((path.clone(), version.clone()));
                }
                ("replace", words) => file.replaces.push(replace(words).ok_or_else(bad)?),
                ("module" | "go" | "toolchain" | "use" | "require" | "exclude", _) => {
                    return Err(bad());
                }
                _ => {}
            }
        }
        if block.is_some() {
            return Err(GoModError { line });
        }
        file.go = toolchain.or(file.go);
        Ok(file)
    }
}

fn replace(words: &[String]) -> Option<Replace> {
    let arrow = words.iter().position(|word| word == "=>")?;
    let pair = |words: &[String]| match words {
        [path] => Some((path.clone(), None)),
        [path, version] => Some((path.clone(), Some(version.clone()))),
        _ => None,
    };
    let (path, version) = pair(words.get(..arrow)?)?;
    let (to, to_version) = pair(words.get(arrow + 1..)?)?;
    Some(Replace {
        path,
        version,
        to,
        to_version,
    })
}

/// The words of a line; a word may be quoted (Go Modules Reference, Lexical elements).
fn words(code: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = code.trim();
    while let Some(first) = rest.chars().next() {
        let (word, tail) = match first {
            '"' | '`' => rest.get(1..)?.split_once(first)?,
            _ => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = tail.trim_start();
    }
    Some(words)
}

/// The `h1:` sums of a `go.sum`, by module and version. A sum is that of a list
/// of files, so it is the digest of no file that anybody could fetch.
pub fn sums(text: &str) -> BTreeMap<(String, String), String> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (path, version, sum) = (words.next()?, words.next()?, words.next()?);
            let whole = !version.ends_with("/go.mod") && sum.starts_with("h1:");
            whole.then(|| ((path.to_owned(), version.to_owned()), sum.to_owned()))
        })
        .collect()
}

/// The modules that give packages to a vendored build, by `vendor/modules.txt`.
pub fn vendored(text: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    let mut module = None;
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("#", rest)) => module = rest.split(' ').next(),
            Some(("##", _)) => {}
            _ if !line.is_empty() => modules.extend(module.map(str::to_owned)),
            _ => {}
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_quotes_and_comments_are_read() {
        let file = GoMod::parse(
            "// x\nmodule \"example.org/a\" // c\ngo 1.26.0\ntoolchain go1.26.8\n\
             require (\n\tb.org/b v1.0.0\n\tc.org/c v1.2.0 // indirect; why\n)\n\
             replace b.org/b v1.0.0 => `../b`\nexclude c.org/c v1.1.0\n\
             retract [v1.0.0, v1.1.0]\ngodebug x=y\n",
        )
        .unwrap();
        assert_eq!(file.module.as_deref(), Some("example.org/a"));
        assert_eq!(file.go.as_deref(), Some("1.26.8"));
        assert_eq!(file.requires.len(), 2);
        assert!(file.requires[1].indirect && !file.requires[0].indirect);
        assert!(file.replaces[0].is_for("b.org/b", "v1.0.0"));
        assert!(!file.replaces[0].is_for("b.org/b", "v1.0.1"));
        assert_eq!(file.excludes.len(), 1);
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (bad, line) in [
            ("require (\n", 1),
            ("\nrequire a\n", 2),
            ("module \"a\n", 1),
            ("replace a b\n", 1),
            ("replace => b\n", 1),
            ("go 1 2\n", 1),
        ] {
            assert_eq!(GoMod::parse(bad), Err(GoModError { line }), "{bad}");
        }
    }

    #[test]
    fn only_modules_with_packages_are_vendored() {
        let text =
            "# a v1.0.0\n## explicit; go 1.20\na/x\n# b v1.0.0\n## explicit\n# c v1 => ./c\nc\n";
        assert_eq!(vendored(text).into_iter().collect::<Vec<_>>(), ["a", "c"]);
    }
}
