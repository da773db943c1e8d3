//! What is inside: ecosystems, how complete the SBOM is, embedded modules, ages.

use super::markup::{Count, Many, Markup, percent};
use super::{icon, section};
use crate::audit::{Contents, Package};

/// Ecosystems with a colour of their own; the others share one.
const COLOURS: usize = 5;
/// Up to this many packages in several versions are not folded away.
const TWINS: usize = 40;

/// Says that there is no SBOM.
pub(super) fn none(out: &mut Markup, number: usize) {
    section(out, number, "contents", "wide", "What is inside");
    out.raw(
        "<p class=\"empty\">Not known: no genuine SBOM lists it. Neither licences nor \
         vulnerabilities can be looked up.</p></section>\n",
    );
}

/// Writes the summary of the contents.
pub(super) fn write(out: &mut Markup, contents: &Contents, number: usize) {
    section(out, number, "contents", "", "What is inside");
    out.raw("<p class=\"fine\">");
    match contents.about_artifact {
        Some(true) => {
            out.raw("<span class=\"verdict passed\">");
            icon(out, "passed");
            out.raw("</span>");
            out.raw("The SBOM is about these very bytes.");
        }
        Some(false) => {
            out.raw("<span class=\"verdict failed\">");
            icon(out, "failed");
            out.raw("</span>");
            out.raw("The SBOM names another digest than this artifact’s: it may describe something else.");
        }
        None => {
            out.raw("<span class=\"verdict unknown\">");
            icon(out, "unknown");
            out.raw("</span>");
            out.raw("The SBOM does not say by digest which bytes it is about.");
        }
    }
    out.raw("</p>\n");
    ecosystems(out, contents);
    nested(out, contents);
    out.raw("</section>\n");

    section(out, number, "complete", "", "How complete the SBOM is");
    let whole = contents.packages.len();
    out.raw("<table class=\"bars\"><caption class=\"unseen\">Packages with each piece of information</caption>\
             <thead class=\"unseen\"><tr><th scope=\"col\">Information</th><th scope=\"col\">Share</th>\
             <th scope=\"col\">Packages</th></tr></thead><tbody>\n");
    for (name, part) in [
        ("Package URL", contents.with_purl),
        ("Hash", contents.with_hash),
        ("Licence", contents.with_licence),
        ("Supplier", contents.with_supplier),
    ] {
        out.add("<tr><th scope=\"row\">{}</th><td>", &[&name]);
        bar(out, part, whole, if part < whole { "part" } else { "full" });
        out.add(
            "</td><td class=\"number\">{} % <span class=\"dim\">{} of {}</span></td></tr>\n",
            &[&percent(part, whole), &Count(part), &Count(whole)],
        );
    }
    out.raw("</tbody></table>\n");
    ages(out, contents);
    out.raw("</section>\n");
    twins(out, contents, number);
}

fn ecosystems(out: &mut Markup, contents: &Contents) {
    let whole = contents.packages.len();
    if whole == 0 {
        out.raw("<p class=\"empty\">The SBOM lists no package.</p>\n");
        return;
    }
    // A bar whose parts are as wide as their shares, of 1,000.
    out.raw("<svg class=\"stack\" viewBox=\"0 0 1000 24\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    let mut from = 0;
    for (place, ecosystem) in contents.ecosystems.iter().enumerate() {
        let width = ecosystem.packages * 1000 / whole;
        out.add(
            "<rect class=\"k{}\" x=\"{}\" width=\"{}\" height=\"24\"/>",
            &[&place.min(COLOURS), &from, &width.saturating_sub(2).max(1)],
        );
        from += width;
    }
    out.raw("</svg>\n");
    legend(out, contents, true);
}

/// Which colour is which ecosystem, on request with how many packages it has.
pub(super) fn legend(out: &mut Markup, contents: &Contents, counts: bool) {
    out.raw("<ul class=\"legend\">\n");
    for (place, ecosystem) in contents.ecosystems.iter().enumerate() {
        out.add(
            "<li><svg class=\"dot\" viewBox=\"0 0 10 10\" aria-hidden=\"true\">\
             <circle class=\"k{}\" cx=\"5\" cy=\"5\" r=\"5\"/></svg>{}",
            &[&place.min(COLOURS), &ecosystem.kind],
        );
        if counts {
            out.add(
                " <strong>{}</strong> <span class=\"dim\">{} %</span>",
                &[
                    &Count(ecosystem.packages),
                    &percent(ecosystem.packages, contents.packages.len()),
                ],
            );
        }
        out.raw("</li>\n");
    }
    out.raw("</ul>\n");
}

/// The colour of an ecosystem, the same as in the summary.
pub(super) fn colour(contents: &Contents, kind: &str) -> usize {
    let place = contents.ecosystems.iter().position(|it| it.kind == kind);
    place.unwrap_or(COLOURS).min(COLOURS)
}

fn nested(out: &mut Markup, contents: &Contents) {
    if contents.nested.is_empty() {
        return;
    }
    out.raw("<h4>Modules inside of it</h4><ul class=\"tree\"><li>this artifact<ul>\n");
    for nested in &contents.nested {
        out.add(
            "<li><strong>{}</strong> <span class=\"dim\">{} below it</span>\
             <span class=\"small\"><code>sha256:{}</code></span></li>\n",
            &[
                &nested.name,
                &Many(nested.packages, "package"),
                &nested.sha256,
            ],
        );
    }
    out.raw("</ul></li></ul>\n");
}

/// A part of a whole as a bar; the number stands beside it.
pub(super) fn bar(out: &mut Markup, part: usize, whole: usize, class: &'static str) {
    out.add(
        "<svg class=\"bar {}\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"all\" width=\"100\" height=\"10\"/><rect class=\"share\" width=\"{}\" height=\"10\"/></svg>",
        &[&class, &percent(part, whole)],
    );
}

fn ages(out: &mut Markup, contents: &Contents) {
    let package = |place: Option<usize>| place.and_then(|place| contents.packages.get(place));
    let (oldest, newest) = (package(contents.oldest), package(contents.newest));
    out.raw("<h4>Oldest and newest</h4>\n");
    if oldest.is_none() && newest.is_none() {
        out.raw("<p class=\"empty\">No package states when it was released.</p>\n");
        return;
    }
    let dated = contents
        .packages
        .iter()
        .filter(|it| it.released.is_some())
        .count();
    out.raw("<dl class=\"ages\">");
    for (word, package) in [("Oldest", oldest), ("Newest", newest)] {
        if let Some((package, time)) = package.and_then(|it| Some((it, it.released?))) {
            out.add("<div><dt>{}</dt><dd>", &[&word]);
            full_name(out, package);
            out.raw(" <span class=\"dim\">")
                .timestamp(time)
                .raw("</span></dd></div>");
        }
    }
    out.add(
        "</dl><p class=\"note\">{} of {} state when they were released.</p>\n",
        &[&Count(dated), &Many(contents.packages.len(), "package")],
    );
}

fn full_name(out: &mut Markup, package: &Package) {
    out.text(&package.name);
    if let Some(version) = &package.version {
        out.add(" {}", &[version]);
    }
}

fn twins(out: &mut Markup, contents: &Contents, number: usize) {
    if contents.twins.is_empty() {
        return;
    }
    section(out, number, "twins", "wide", "In several versions");
    let fold = contents.twins.len() > TWINS;
    if fold {
        out.add(
            "<details><summary>{}</summary>",
            &[&Many(contents.twins.len(), "package")],
        );
    }
    out.raw("<ul class=\"plain\">\n");
    for twin in &contents.twins {
        out.add("<li><code>{}</code> ", &[&twin.package]);
        for version in &twin.versions {
            out.add("<span class=\"chip\">{}</span> ", &[version]);
        }
        out.raw("</li>\n");
    }
    out.raw(if fold {
        "</ul></details></section>\n"
    } else {
        "</ul></section>\n"
    });
}
