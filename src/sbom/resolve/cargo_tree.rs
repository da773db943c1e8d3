//! The answer of `cargo tree`, as a graph.
//!
//! Cargo compiles a crate for the product and for the machine that builds it
//! as two different things, with features of their own (The Cargo Book,
//! Feature resolver version 2). The tree shows which is meant only by where it
//! stands: what lies under a build dependency or a macro is for building.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Between a package and its features, as the format that is asked for has it.
pub(super) const SEPARATOR: char = '\t';

/// What one build takes.
#[derive(Debug, Default)]
pub(super) struct CargoTree {
    /// Every package, as Cargo writes it.
    pub(super) packages: BTreeMap<Label, Taken>,
    /// Who needs whom; to be built, or else to run.
    pub(super) edges: BTreeSet<(Label, Label, bool)>,
    /// What is built.
    pub(super) roots: BTreeSet<Label>,
}

/// How a package is taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// It is linked into the product, not only run to build it.
    pub(super) linked: bool,
    /// Its features that are on: of the linked one, where there is one.
    pub(super) features: BTreeSet<String>,
}

/// A package: name, version and, unless it is of crates.io, its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) source: Option<String>,
}

/// A package with features; a place in the list of all of them.
type Node = usize;
/// A node as it is for building, or for the product.
type State = (Node, bool);

/// A node of the branch that is being read.
struct Open {
    state: State,
    /// What follows under it is for building.
    building: bool,
}

impl CargoTree {
    /// Reads the tree; what is not understood comes back as it is.
    pub(super) fn parse(text: &str) -> Result<Self, &str> {
        let mut nodes: Vec<(Label, &str)> = Vec::new();
        let mut known: BTreeMap<&str, Node> = BTreeMap::new();
        let mut below: BTreeMap<State, Vec<(Node, bool)>> = BTreeMap::new();
        let mut roots = Vec::new();
        let mut branch: Vec<Open> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (depth, text) = indent(line);
            branch.truncate(depth + 1);
            if text == "[build-dependencies]" {
                branch.get_mut(depth).ok_or(line)?.building = true;
                continue;
            }
            branch.truncate(depth);
            let text = text.strip_suffix(" (*)").unwrap_or(text);
            let (package, features) = text.split_once(SEPARATOR).ok_or(line)?;
            let (label, is_macro) = Label::parse(package).ok_or(line)?;
            let node = *known.entry(text).or_insert_with(|| {
                nodes.push((label, features));
                nodes.len() - 1
            });
            let parent = match depth {
                0 => None,
                depth => Some(branch.get(depth - 1).ok_or(line)?),
            };
            let building = parent.is_some_and(|parent| parent.building || is_macro);
            match parent {
                None => roots.push(node),
                Some(parent) => below
                    .entry(parent.state)
                    .or_default()
                    .push((node, building)),
            }
            let host = building || parent.is_some_and(|parent| parent.state.1);
            branch.push(Open {
                state: (node, host),
                building: false,
            });
        }
        Ok(Self::walk(&nodes, &below, &roots))
    }

    /// From the roots on: a node that was shown before is unfolded only there.
    fn walk(
        nodes: &[(Label, &str)],
        below: &BTreeMap<State, Vec<(Node, bool)>>,
        roots: &[Node],
    ) -> Self {
        let mut tree = Self::default();
        let label = |node: Node| nodes.get(node).map(|(label, _)| label.clone());
        tree.roots = roots.iter().filter_map(|root| label(*root)).collect();
        let mut todo: VecDeque<State> = roots.iter().map(|root| (*root, false)).collect();
        let mut seen: BTreeSet<State> = todo.iter().copied().collect();
        while let Some((node, host)) = todo.pop_front() {
            let Some((label, features)) = nodes.get(node) else {
                continue;
            };
            let taken = tree.packages.entry(label.clone()).or_default();
            if !host && !taken.linked {
                taken.linked = true;
                taken.features.clear();
            }
            if taken.linked != host {
                let features = features.split(',').filter(|each| !each.is_empty());
                taken.features.extend(features.map(str::to_owned));
            }
            // On one platform Cargo may show both as one, where they are equal.
            let needs = below.get(&(node, host)).or(below.get(&(node, !host)));
            for (need, building) in needs.into_iter().flatten() {
                let next = (*need, host || *building);
                if let Some((to, _)) = nodes.get(*need) {
                    tree.edges.insert((label.clone(), to.clone(), next.1));
                }
                if seen.insert(next) {
                    todo.push_back(next);
                }
            }
        }
        tree
    }
}

impl Label {
    /// Reads `name v1.2.3 (proc-macro) (source)`; says whether it is a macro.
    fn parse(text: &str) -> Option<(Self, bool)> {
        let (name, rest) = text.split_once(" v")?;
        let (version, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let (is_macro, rest) = match rest.strip_prefix("(proc-macro)") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        let source = match rest {
            "" => None,
            rest => Some(rest.strip_prefix('(')?.strip_suffix(')')?.to_owned()),
        };
        let label = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            source,
        };
        (!name.is_empty() && !version.is_empty()).then_some((label, is_macro))
    }
}

/// How deep a line stands, and the line without its branches.
fn indent(line: &str) -> (usize, &str) {
    const BRANCHES: [&str; 4] = ["|   ", "    ", "|-- ", "`-- "];
    let (mut depth, mut rest) = (0, line);
    while let Some(next) = BRANCHES.iter().find_map(|each| rest.strip_prefix(each)) {
        depth += 1;
        rest = next;
    }
    (depth, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
a v1.0.0 (/a)\tdefault
|-- derive v1.0.0 (proc-macro)\t
|   `-- both v1.0.0\thost,std
|       `-- deep v1.0.0\t
|-- both v1.0.0\tstd
|-- git v1.0.0 (https://example.org/git?branch=x#01234567)\t
|   [build-dependencies]
|   `-- cc v1.0.0\t
|       `-- log v1.0.0\t
[build-dependencies]
`-- derive v1.0.0 (proc-macro)\t (*)

b v1.0.0 (/b)\t
`-- a v1.0.0 (/a)\tdefault (*)
";

    fn named(tree: &CargoTree, name: &str) -> (bool, String) {
        let found = tree.packages.iter().find(|(label, _)| label.name == name);
        let (_, taken) = found.unwrap();
        let features: Vec<&str> = taken.features.iter().map(String::as_str).collect();
        (taken.linked, features.join(","))
    }

    #[test]
    fn what_is_under_a_macro_or_a_build_script_is_for_building() {
        let tree = CargoTree::parse(TREE).unwrap();
        let roots: Vec<&str> = tree.roots.iter().map(|each| &each.name[..]).collect();
        assert_eq!(roots, ["a", "b"]);
        for (name, linked, features) in [
            ("a", true, "default"),
            ("b", true, ""),
            ("both", true, "std"),
            ("cc", false, ""),
            ("deep", false, ""),
            ("derive", false, ""),
            ("git", true, ""),
            ("log", false, ""),
        ] {
            assert_eq!(named(&tree, name), (linked, features.to_owned()), "{name}");
        }
        let edges: Vec<String> = tree
            .edges
            .iter()
            .map(|(from, to, build)| format!("{} {} {build}", from.name, to.name))
            .collect();
        assert_eq!(
            edges,
            [
                "a both false",
                "a derive true",
                "a git false",
                "b a false",
                // Only the one that macros use needs it.
                "both deep true",
                "cc log true",
                "derive both true",
                "git cc true",
            ]
        );
        let git = tree.packages.keys().find(|each| each.name == "git");
        let source = git.unwrap().source.as_deref();
        assert_eq!(source, Some("https://example.org/git?branch=x#01234567"));
    }

    #[test]
    fn the_order_of_the_branches_does_not_matter() {
        let tree = CargoTree::parse(
            "a v1.0.0 (/a)\t\n|-- x v1.0.0\tlinked\n`-- m v1.0.0 (proc-macro)\t\n    `-- x v1.0.0\thost\n",
        );
        assert_eq!(named(&tree.unwrap(), "x"), (true, "linked".to_owned()));
    }

    #[test]
    fn refuses_what_is_no_tree() {
        for bad in [
            "a",
            "a v1.0.0",
            "|-- a v1.0.0\t",
            "a v1.0.0\t\n|   |-- b v1.0.0\t",
            "[build-dependencies]",
            "a v1.0.0 proc-macro\t",
            " v1.0.0\t",
            "a v\t",
        ] {
            assert!(CargoTree::parse(bad).is_err(), "{bad} was taken");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_tree_or_none(text in "[|` \\-\\[\\]()*a-c0-9.\\tv\\n]{0,200}") {
            if let Ok(tree) = CargoTree::parse(&text) {
                assert!(tree.edges.iter().all(|(_, to, _)| tree.packages.contains_key(to)));
            }
        }
    }
}
