//! Every package in a table.

use super::artifact::left_out;
use super::graph::Depths;
use super::markup::{Count, Many, Markup};
use super::{Room, icon, section};
use crate::audit::{Contents, Package};

/// Writes the table, as far as the page has room.
pub(super) fn write(
    out: &mut Markup,
    contents: &Contents,
    depths: &Depths,
    vulnerable: &[bool],
    number: usize,
    room: &mut Room,
) {
    section(out, number, "packages", "wide", "Packages");
    let shown = contents.packages.len().min(room.rows);
    room.rows -= shown;
    if shown > 0 {
        let dated = contents.packages.iter().any(|it| it.released.is_some());
        head(out, contents.packages.len(), dated);
        for (place, package) in contents.packages.iter().take(shown).enumerate() {
            let depth = depths.of.get(place).copied().flatten();
            let vulnerable = vulnerable.get(place).copied().unwrap_or(false);
            row(out, package, depth, vulnerable, dated);
        }
        out.raw("</tbody></table></div>\n");
    }
    if shown < contents.packages.len() {
        let rest = contents.packages.len() - shown;
        left_out(out, Many(rest, "package"));
    }
    out.raw("</section>\n");
}

fn head(out: &mut Markup, count: usize, dated: bool) {
    out.raw(
        "<div class=\"sheet tall\" role=\"group\" aria-label=\"Packages\" tabindex=\"0\">\
         <table class=\"sortable packages\" data-noun=\"packages\">",
    );
    out.add(
        "<caption>{}, by package URL. Depth 1 is what the artifact itself depends on.</caption>",
        &[&Many(count, "package")],
    );
    out.raw(
        "<thead><tr><th scope=\"col\">Package</th><th scope=\"col\">Version</th>\
         <th scope=\"col\" class=\"filter\">Ecosystem</th>\
         <th scope=\"col\" class=\"filter\">Licence</th>\
         <th scope=\"col\" class=\"number\">Depth</th>",
    );
    if dated {
        out.raw("<th scope=\"col\">Released</th>");
    }
    out.raw("</tr></thead><tbody>\n");
}

fn row(out: &mut Markup, package: &Package, depth: Option<usize>, vulnerable: bool, dated: bool) {
    out.add("<tr><th scope=\"row\">{}", &[&package.name]);
    if vulnerable {
        out.raw(" <span class=\"verdict failed\">");
        icon(out, "failed");
        out.raw("vulnerable</span>");
    }
    if let Some(scope) = package.scope.as_deref().filter(|it| *it != "required") {
        out.add(" <span class=\"chip\">{}</span>", &[&scope]);
    }
    out.raw("</th><td>");
    match &package.version {
        Some(version) => out.text(version),
        None => out.raw("<span class=\"empty\">none</span>"),
    };
    let kind = package.purl.as_ref().map_or("other", |purl| purl.kind());
    out.add("</td><td>{}</td>", &[&kind]);
    match &package.licences[..] {
        [] => out.raw("<td class=\"gap\">unknown</td>"),
        licences => out.add("<td>{}</td>", &[&licences.join(", ")]),
    };
    match depth {
        Some(depth) => out.add("<td class=\"number\">{}</td>", &[&Count(depth)]),
        None => out.raw("<td class=\"number\">–</td>"),
    };
    if dated {
        match package.released {
            Some(time) => out.add("<td>{}</td>", &[&time.strftime("%Y-%m-%d")]),
            None => out.raw("<td></td>"),
        };
    }
    out.raw("</tr>\n");
}
