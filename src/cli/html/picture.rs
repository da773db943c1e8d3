//! The picture of what depends on what, and the same in words.

use super::artifact::left_out;
use super::contents::{colour, legend};
use super::graph::{Depths, Graph, Node, What};
use super::markup::{Count, Many, Markup};
use super::{Room, section};
use crate::audit::Contents;

// In units of the picture, which are pixels at its own size.
const ROW: usize = 28;
const HEIGHT: usize = 22;
const WIDTH: usize = 172;
const GAP: usize = 54;
const MARGIN: usize = 8;
const TOP: usize = 34;
/// Characters that a box holds in its fixed-width type.
const LETTERS: usize = 22;
/// Packages that the words name at each depth.
const NAMED: usize = 10;

/// Writes the picture, if the page has room for one more.
pub(super) fn write(
    out: &mut Markup,
    contents: &Contents,
    depths: &Depths,
    marked: &[bool],
    number: usize,
    room: &mut Room,
) {
    section(out, number, "graph", "wide", "What depends on what");
    if room.pictures == 0 {
        left_out(out, Many(1, "picture"));
        out.raw("</section>\n");
        return;
    }
    room.pictures -= 1;
    let graph = Graph::of(contents, depths, marked);
    explain(out, contents, depths, &graph, number);
    legend(out, contents, false);
    draw(out, contents, marked, &graph, number);
    words(out, contents, depths);
    out.raw("</section>\n");
}

fn explain(out: &mut Markup, contents: &Contents, depths: &Depths, graph: &Graph, number: usize) {
    out.add("<p class=\"note\" id=\"a{}-graph-note\">", &[&number]);
    if depths.guessed {
        out.raw(
            "The SBOM does not say what the artifact itself depends on: this begins with the \
             packages that no other one needs. ",
        );
    }
    if contents.edges.is_empty() {
        out.raw("It does not say which package needs which either. ");
    }
    out.add("{} drawn one by one", &[&Many(graph.drawn, "package")]);
    if graph.grouped > 0 {
        out.add(", {} counted by ecosystem", &[&Count(graph.grouped)]);
    }
    if graph.apart > 0 {
        out.add(
            ", {} left out because nothing leads to them",
            &[&Count(graph.apart)],
        );
    }
    if graph.stated > 0 {
        out.add(
            "; the lines stand for {} of {}",
            &[&Count(graph.shown), &Many(graph.stated, "dependency")],
        );
    }
    if graph.shown < graph.stated {
        out.raw(": the nearest way to each package");
    }
    if graph.folded {
        out.add(
            "; the last column also holds what lies deeper than {}",
            &[&(graph.columns.len() - 1)],
        );
    }
    out.raw(".</p>\n");
}

fn draw(out: &mut Markup, contents: &Contents, marked: &[bool], graph: &Graph, number: usize) {
    let rows = graph.columns.iter().copied().max().unwrap_or(1);
    let width = graph.columns.len() * (WIDTH + GAP) - GAP + 2 * MARGIN;
    let height = TOP + rows * ROW + MARGIN;
    out.raw("<div class=\"canvas\" role=\"group\" aria-label=\"Picture of the dependencies\" tabindex=\"0\">");
    out.add(
        "<svg class=\"graph\" role=\"img\" aria-labelledby=\"a{}-graph-title\" aria-describedby=\"a{}-graph-note\" \
         width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\">\
         <title id=\"a{}-graph-title\">Packages by how far they are from the artifact</title>\n",
        &[&number, &number, &width, &height, &width, &height, &number],
    );
    for column in 0..graph.columns.len() {
        let last = column + 1 == graph.columns.len();
        out.add("<text class=\"depth\" x=\"{}\" y=\"18\">", &[&left(column)]);
        match column {
            0 => out.raw("artifact"),
            1 => out.raw("direct"),
            _ if last && graph.folded => out.add("depth {} and deeper", &[&column]),
            _ => out.add("depth {}", &[&column]),
        };
        out.raw("</text>\n");
    }
    let middle = |node: &Node| top(graph, rows, node) + HEIGHT / 2;
    out.raw("<g class=\"lines\">\n");
    for line in &graph.lines {
        let (Some(from), Some(to)) = (graph.nodes.get(line.from), graph.nodes.get(line.to)) else {
            continue;
        };
        let (x, y) = (left(from.column) + WIDTH, middle(from));
        let (end, bottom) = (left(to.column), middle(to));
        let bend = x + (end - x) / 2;
        // 1, 2, 3 … for 1, 4, 16 … dependencies.
        let thickness = (line.weight.ilog2() / 2 + 1).min(5);
        out.add(
            "<path class=\"w{}\" d=\"M{} {}C{} {} {} {} {} {}\"/>\n",
            &[&thickness, &x, &y, &bend, &y, &bend, &bottom, &end, &bottom],
        );
    }
    out.raw("</g>\n");
    for node in &graph.nodes {
        place(out, contents, marked, node, top(graph, rows, node));
    }
    out.raw("</svg></div>\n");
}

fn place(out: &mut Markup, contents: &Contents, marked: &[bool], node: &Node, top: usize) {
    let left = left(node.column);
    let (class, kind, label, whole) = match &node.what {
        What::Artifact => (
            "root",
            None,
            "this artifact".to_owned(),
            "this artifact".to_owned(),
        ),
        What::Package(package) => {
            let Some(it) = contents.packages.get(*package) else {
                return;
            };
            let kind = it.purl.as_ref().map_or("other", |purl| purl.kind());
            let vulnerable = marked.get(*package).copied().unwrap_or(false);
            let whole = match &it.version {
                Some(version) => format!("{} {version}", it.name),
                None => it.name.clone(),
            };
            match vulnerable {
                true => (
                    "bad",
                    Some(kind),
                    format!("! {}", it.name),
                    format!("{whole}: vulnerable"),
                ),
                false => ("", Some(kind), it.name.clone(), whole),
            }
        }
        What::Group(kind, count) => {
            let name = kind.as_deref().unwrap_or("other kinds");
            let label = format!("+ {} {name}", Count(*count));
            (
                "group",
                kind.as_deref(),
                label,
                format!(
                    "{} of {name}, not drawn one by one",
                    Many(*count, "package")
                ),
            )
        }
    };
    out.add("<g class=\"node {}\"><title>{}</title>", &[&class, &whole]);
    if class == "group" {
        out.add(
            "<rect class=\"behind\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
            &[&(left + 4), &(top + 3), &(WIDTH - 4), &HEIGHT],
        );
    }
    let wide = if class == "group" { WIDTH - 4 } else { WIDTH };
    out.add(
        "<rect class=\"box\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
        &[&left, &top, &wide, &HEIGHT],
    );
    if let Some(kind) = kind {
        out.add(
            "<rect class=\"k{}\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\"/>",
            &[
                &colour(contents, kind),
                &(left + 4),
                &(top + 5),
                &(HEIGHT - 10),
            ],
        );
    }
    out.add(
        "<text x=\"{}\" y=\"{}\">{}</text></g>\n",
        &[&(left + 13), &(top + 15), &short(&label)],
    );
}

fn left(column: usize) -> usize {
    MARGIN + column * (WIDTH + GAP)
}

/// Columns are centred against the longest.
fn top(graph: &Graph, rows: usize, node: &Node) -> usize {
    let own = graph.columns.get(node.column).copied().unwrap_or(1);
    TOP + (rows - own) * ROW / 2 + node.row * ROW
}

/// The end of a long name says more than its beginning, which is where it is hosted.
fn short(name: &str) -> String {
    let letters = name.chars().count();
    if letters <= LETTERS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(letters - (LETTERS - 1)).collect();
    format!("…{end}")
}

/// The same in words: how many packages at which depth, and which.
fn words(out: &mut Markup, contents: &Contents, depths: &Depths) {
    let deepest = depths.of.iter().flatten().copied().max().unwrap_or(0);
    let mut levels = vec![Vec::new(); deepest];
    let mut apart = Vec::new();
    for (package, depth) in contents.packages.iter().zip(&depths.of) {
        match depth.and_then(|depth| levels.get_mut(depth.saturating_sub(1))) {
            Some(level) => level.push(package),
            None => apart.push(package),
        }
    }
    out.raw("<details><summary>The same in words</summary><table><caption class=\"unseen\">\
             Packages by depth</caption><thead><tr><th scope=\"col\">Depth</th>\
             <th scope=\"col\" class=\"number\">Packages</th><th scope=\"col\">Which</th></tr></thead><tbody>\n");
    let rows = levels
        .iter()
        .enumerate()
        .map(|(depth, list)| (Some(depth + 1), list));
    for (depth, list) in rows.chain([(None, &apart)]) {
        if list.is_empty() {
            continue;
        }
        out.raw("<tr><th scope=\"row\">");
        match depth {
            Some(1) => out.raw("1, direct"),
            Some(depth) => out.text(&depth),
            None => out.raw("nothing leads to them"),
        };
        out.add(
            "</th><td class=\"number\">{}</td><td>",
            &[&Count(list.len())],
        );
        for (place, package) in list.iter().take(NAMED).enumerate() {
            out.raw(if place > 0 { ", " } else { "" })
                .text(&package.name);
        }
        if list.len() > NAMED {
            out.add(" and {} more", &[&Count(list.len() - NAMED)]);
        }
        out.raw("</td></tr>\n");
    }
    out.raw("</tbody></table></details>\n");
}
