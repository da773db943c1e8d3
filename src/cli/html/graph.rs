//! Which packages the picture of the dependencies shows, and where.
//!
//! Columns are depths: the artifact, what it needs itself, what that needs. A column
//! that is too long keeps what matters most and counts the rest by ecosystem, so that
//! the picture of ten packages and that of ten thousand can both be read. The same
//! contents give the same picture.

use std::collections::{BTreeMap, VecDeque};

use crate::audit::Contents;

/// Up to this many packages, all are drawn one by one.
const SMALL: usize = 60;
/// Columns of a large picture behind the artifact; the last holds what lies deeper too.
const COLUMNS: usize = 4;
/// Columns of a small one.
const MOST_COLUMNS: usize = 12;
/// Places in a column of a large picture.
const ROWS: usize = 24;
/// Places in a column of a small one.
const SMALL_ROWS: usize = 40;
/// Groups in a column, the last for the rest of the ecosystems.
const GROUPS: usize = 5;
/// More lines than this are a thicket: then only the nearest way to a package is drawn.
const LINES: usize = 90;

/// How far each package is from the artifact.
#[derive(Debug)]
pub(super) struct Depths {
    /// 1 for what the artifact needs itself; `None` where nothing leads to it.
    pub(super) of: Vec<Option<usize>>,
    /// By which package it is reached first; `None` for the artifact.
    parent: Vec<Option<usize>>,
    /// The contents do not say what the artifact needs itself, so this begins with
    /// what nothing else needs.
    pub(super) guessed: bool,
}

impl Depths {
    pub(super) fn of(contents: &Contents) -> Self {
        let count = contents.packages.len();
        let mut needs = vec![Vec::new(); count];
        let mut needed = vec![false; count];
        for edge in &contents.edges {
            if let (Some(list), true) = (needs.get_mut(edge.from), edge.to < count) {
                list.push(edge.to);
                if edge.from != edge.to {
                    needed[edge.to] = true;
                }
            }
        }
        let mut first: Vec<_> = contents
            .direct
            .iter()
            .copied()
            .filter(|p| *p < count)
            .collect();
        let guessed = first.is_empty();
        if guessed {
            first = (0..count).filter(|package| !needed[*package]).collect();
        }
        let mut depths = Self {
            of: vec![None; count],
            parent: vec![None; count],
            guessed,
        };
        let mut queue = VecDeque::new();
        for package in first {
            if depths.of[package].is_none() {
                depths.of[package] = Some(1);
                queue.push_back((package, 1));
            }
        }
        while let Some((from, depth)) = queue.pop_front() {
            for &to in &needs[from] {
                if depths.of[to].is_none() {
                    depths.of[to] = Some(depth + 1);
                    depths.parent[to] = Some(from);
                    queue.push_back((to, depth + 1));
                }
            }
        }
        depths
    }
}

/// What stands at a place of the picture.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The artifact.
    Artifact,
    /// A package, by its place in the contents.
    Package(usize),
    /// Packages of one ecosystem that are not drawn one by one; `None` for those of
    /// several small ones.
    Group(Option<String>, usize),
}

/// A place of the picture.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) column: usize,
    /// Counted from 0 in its column.
    pub(super) row: usize,
}

/// A line between two places, and how many dependencies it stands for.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) weight: usize,
}

/// The plan of a picture.
#[derive(Debug)]
pub(super) struct Graph {
    /// The artifact first, then column by column.
    pub(super) nodes: Vec<Node>,
    pub(super) lines: Vec<Line>,
    /// How many places each column has.
    pub(super) columns: Vec<usize>,
    /// The last column holds what lies deeper too.
    pub(super) folded: bool,
    /// Packages drawn one by one.
    pub(super) drawn: usize,
    /// Packages in groups.
    pub(super) grouped: usize,
    /// Packages that nothing leads to.
    pub(super) apart: usize,
    /// Dependencies that are stated, and how many of them the lines stand for.
    pub(super) stated: usize,
    pub(super) shown: usize,
}

/// What a column is made from.
struct Known<'a> {
    contents: &'a Contents,
    depths: &'a Depths,
    marked: &'a [bool],
    weights: Vec<usize>,
}

impl Graph {
    /// The plan; `marked` says which packages should be seen before others.
    pub(super) fn of(contents: &Contents, depths: &Depths, marked: &[bool]) -> Self {
        let reached = depths.of.iter().flatten().count();
        let small = reached <= SMALL;
        let most = if small { MOST_COLUMNS } else { COLUMNS };
        let deepest = depths.of.iter().flatten().copied().max().unwrap_or(0);
        let mut members = vec![Vec::new(); deepest.min(most)];
        for (package, depth) in depths.of.iter().enumerate() {
            if let Some(depth) = depth {
                members[(*depth).min(most) - 1].push(package);
            }
        }

        let known = Known {
            contents,
            depths,
            marked,
            weights: weights(contents, depths),
        };
        let mut graph = Self {
            nodes: vec![Node {
                what: What::Artifact,
                column: 0,
                row: 0,
            }],
            lines: Vec::new(),
            columns: vec![1],
            folded: deepest > most,
            drawn: 0,
            grouped: 0,
            apart: contents.packages.len() - reached,
            stated: 0,
            shown: 0,
        };
        // Where each package stands, alone or in a group.
        let mut place = vec![None; contents.packages.len()];
        for (index, members) in members.into_iter().enumerate() {
            let rows = if small { SMALL_ROWS } else { ROWS };
            graph.column(index + 1, members, rows, &known, &mut place);
        }
        graph.connect(contents, depths, &place);
        graph
    }

    fn column(
        &mut self,
        column: usize,
        mut members: Vec<usize>,
        rows: usize,
        known: &Known<'_>,
        place: &mut [Option<usize>],
    ) {
        let heavy = |package: &usize| {
            let marked = known.marked.get(*package).copied().unwrap_or(false);
            (!marked, usize::MAX - known.weights[*package], *package)
        };
        let rest = match members.len() > rows {
            true => {
                members.sort_by_key(heavy);
                members.split_off(rows - GROUPS)
            }
            false => Vec::new(),
        };
        // Beside what leads to them, so that lines seldom cross.
        members.sort_by_key(|package| {
            let parent = known.depths.parent[*package].and_then(|parent| place[parent]);
            (parent, heavy(package))
        });
        let mut row = 0;
        for package in members {
            place[package] = Some(self.nodes.len());
            self.nodes.push(Node {
                what: What::Package(package),
                column,
                row,
            });
            row += 1;
            self.drawn += 1;
        }
        for (kind, packages) in by_kind(known.contents, rest) {
            for package in &packages {
                place[*package] = Some(self.nodes.len());
            }
            self.grouped += packages.len();
            self.nodes.push(Node {
                what: What::Group(kind, packages.len()),
                column,
                row,
            });
            row += 1;
        }
        self.columns.push(row);
    }

    fn connect(&mut self, contents: &Contents, depths: &Depths, place: &[Option<usize>]) {
        let mut all = BTreeMap::new();
        let mut nearest = BTreeMap::new();
        let count = contents.packages.len();
        for (package, place_of) in place.iter().enumerate() {
            let (Some(to), Some(1)) = (*place_of, depths.of[package]) else {
                continue;
            };
            // What nothing else needs is not needed by the artifact for that.
            if !depths.guessed {
                self.stated += 1;
                *all.entry((0, to)).or_insert(0) += 1;
                *nearest.entry((0, to)).or_insert(0) += 1;
            }
        }
        for edge in &contents.edges {
            if edge.from >= count || edge.to >= count {
                continue;
            }
            self.stated += 1;
            let (Some(from), Some(to)) = (place[edge.from], place[edge.to]) else {
                continue;
            };
            if self.nodes[from].column < self.nodes[to].column {
                *all.entry((from, to)).or_insert(0) += 1;
                if depths.parent[edge.to] == Some(edge.from) {
                    *nearest.entry((from, to)).or_insert(0) += 1;
                }
            }
        }
        let lines = if all.len() <= LINES { all } else { nearest };
        for ((from, to), weight) in lines {
            self.shown += weight;
            self.lines.push(Line { from, to, weight });
        }
    }
}

/// How many packages are reached by way of each, itself included.
fn weights(contents: &Contents, depths: &Depths) -> Vec<usize> {
    let mut weights = vec![1; contents.packages.len()];
    let mut deepest_first: Vec<_> = (0..weights.len()).collect();
    deepest_first.sort_by_key(|package| usize::MAX - depths.of[*package].unwrap_or(0));
    for package in deepest_first {
        if let Some(parent) = depths.parent[package] {
            weights[parent] += weights[package];
        }
    }
    weights
}

/// The packages by ecosystem, the most first, small ones together.
fn by_kind(contents: &Contents, packages: Vec<usize>) -> Vec<(Option<String>, Vec<usize>)> {
    let mut kinds: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for package in packages {
        let kind = contents.packages[package].purl.as_ref();
        kinds
            .entry(kind.map_or("other", |purl| purl.kind()))
            .or_default()
            .push(package);
    }
    let mut groups: Vec<_> = kinds
        .into_iter()
        .map(|(kind, packages)| (Some(kind.to_owned()), packages))
        .collect();
    groups.sort_by_key(|(_, packages)| usize::MAX - packages.len());
    if groups.len() > GROUPS {
        let rest = groups.split_off(GROUPS - 1);
        groups.push((None, rest.into_iter().flat_map(|(_, list)| list).collect()));
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::{Edge, Package};

    fn contents(count: usize, direct: &[usize], edges: &[(usize, usize)]) -> Contents {
        let package = |index: usize| {
            let kind = ["cargo", "golang", "pypi"][index % 3];
            Package {
                purl: format!("pkg:{kind}/p{index}@1").parse().ok(),
                name: format!("p{index}"),
                version: Some("1".into()),
                licences: Vec::new(),
                scope: None,
                released: None,
            }
        };
        Contents {
            packages: (0..count).map(package).collect(),
            edges: edges.iter().map(|&(from, to)| Edge { from, to }).collect(),
            direct: direct.to_vec(),
            ..Contents::default()
        }
    }

    fn graph(contents: &Contents) -> Graph {
        Graph::of(contents, &Depths::of(contents), &[])
    }

    #[test]
    fn a_small_one_is_drawn_whole() {
        // 0 and 1 direct; 2 below both; 3 below 2; 4 and 5 apart, in a circle.
        let contents = contents(
            6,
            &[0, 1],
            &[(0, 2), (1, 2), (2, 3), (4, 5), (5, 4), (3, 0)],
        );
        let depths = Depths::of(&contents);
        assert_eq!(depths.of, [Some(1), Some(1), Some(2), Some(3), None, None]);
        let graph = graph(&contents);
        assert_eq!(graph.columns, [1, 2, 1, 1]);
        assert_eq!((graph.drawn, graph.grouped, graph.apart), (4, 0, 2));
        // Back lines and those between packages apart are stated, not shown.
        assert_eq!((graph.stated, graph.shown), (8, 5));
    }

    #[test]
    fn without_direct_ones_it_begins_with_what_nothing_needs() {
        let contents = contents(3, &[], &[(0, 1), (0, 2)]);
        let depths = Depths::of(&contents);
        assert!(depths.guessed);
        assert_eq!(depths.of, [Some(1), Some(2), Some(2)]);
        assert_eq!(graph(&contents).shown, 2);
    }

    #[test]
    fn a_large_one_keeps_what_is_marked_and_counts_the_rest() {
        let direct: Vec<_> = (0..500).collect();
        let edges: Vec<_> = (0..499).map(|n| (n, 500 + n)).collect();
        let contents = contents(1000, &direct, &edges);
        let mut marked = vec![false; 1000];
        marked[997] = true;
        let graph = Graph::of(&contents, &Depths::of(&contents), &marked);
        assert_eq!(graph.drawn + graph.grouped + graph.apart, 1000);
        assert!(graph.columns.iter().all(|rows| *rows <= ROWS));
        assert!(
            graph
                .nodes
                .iter()
                .any(|node| node.what == What::Package(997))
        );
        assert!(graph.lines.len() < 200);
    }

    proptest! {
        #[test]
        fn every_package_is_counted_once(
            count in 0_usize..200,
            direct in prop::collection::vec(0_usize..220, 0..20),
            edges in prop::collection::vec((0_usize..220, 0_usize..220), 0..400),
        ) {
            let contents = contents(count, &direct, &edges);
            let graph = graph(&contents);
            prop_assert_eq!(graph.drawn + graph.grouped + graph.apart, count);
            prop_assert!(graph.shown <= graph.stated);
            for line in &graph.lines {
                prop_assert!(graph.nodes[line.from].column < graph.nodes[line.to].column);
            }
            for (column, rows) in graph.columns.iter().enumerate() {
                let there = graph.nodes.iter().filter(|node| node.column == column).count();
                prop_assert_eq!(there, *rows);
            }
        }
    }
}
