//! Licences, those that nobody knows first.

use super::contents::bar;
use super::markup::{Count, Many, Markup};
use super::{icon, section};
use crate::audit::Contents;

/// More groups than this are folded away.
const SHOWN: usize = 8;
/// Packages of unknown licence that are named here; all are in the table.
const NAMED: usize = 12;

/// Writes the licences and how many packages are under each.
pub(super) fn write(out: &mut Markup, contents: &Contents, number: usize) {
    section(out, number, "licences", "wide", "Licences");
    if contents.licences.is_empty() {
        out.raw("<p class=\"empty\">There is no package that could have one.</p></section>\n");
        return;
    }
    for group in contents.licences.iter().filter(|it| it.licence.is_none()) {
        out.raw("<div class=\"alert warning\">");
        icon(out, "warning");
        out.add(
            "<div><strong>{} without a known licence</strong><span>",
            &[&Many(group.packages.len(), "package")],
        );
        let named = group.packages.iter().take(NAMED);
        for (place, package) in named
            .filter_map(|it| contents.packages.get(*it))
            .enumerate()
        {
            out.raw(if place > 0 { ", " } else { "" })
                .text(&package.name);
        }
        if group.packages.len() > NAMED {
            out.add(" and {} more", &[&Count(group.packages.len() - NAMED)]);
        }
        out.raw("</span></div></div>\n");
    }
    let known: Vec<_> = contents
        .licences
        .iter()
        .filter(|it| it.licence.is_some())
        .collect();
    let (shown, folded) = known.split_at(known.len().min(SHOWN));
    for (groups, fold) in [(shown, false), (folded, true)] {
        if groups.is_empty() {
            continue;
        }
        if fold {
            out.add(
                "<details><summary>{}</summary>",
                &[&Many(groups.len(), "further licence")],
            );
        }
        out.raw(
            "<table class=\"bars\"><caption class=\"unseen\">Packages by licence</caption>\
             <thead class=\"unseen\"><tr><th scope=\"col\">Licence</th><th scope=\"col\">Share</th>\
             <th scope=\"col\">Packages</th></tr></thead><tbody>\n",
        );
        for group in groups {
            let name = group.licence.as_deref().unwrap_or_default();
            out.add("<tr><th scope=\"row\">{}</th><td>", &[&name]);
            bar(out, group.packages.len(), contents.packages.len(), "plain");
            out.add(
                "</td><td class=\"number\">{}</td></tr>\n",
                &[&Many(group.packages.len(), "package")],
            );
        }
        out.raw(if fold {
            "</tbody></table></details>\n"
        } else {
            "</tbody></table>\n"
        });
    }
    out.raw("</section>\n");
}
