//! Known vulnerabilities, or that nobody looked.

use super::markup::{Many, Markup};
use super::{icon, section};
use crate::audit::{Audit, Contents, Exposure, Vulnerability};
use crate::osv::Rating;

/// In a few words, for a table.
pub(super) fn short(out: &mut Markup, exposure: &Exposure) {
    match exposure {
        Exposure::NotChecked => {
            out.raw("<span class=\"verdict unknown\">");
            icon(out, "unknown");
            out.raw("not checked</span>");
        }
        exposure => match exposure.open().count() {
            0 => {
                out.raw("none known");
            }
            count => {
                out.raw("<span class=\"verdict failed\">");
                icon(out, "failed");
                out.add("{} known</span>", &[&count]);
            }
        },
    }
}

/// Writes the section.
pub(super) fn write(out: &mut Markup, audit: &Audit, number: usize) {
    section(out, number, "exposure", "wide", "Known vulnerabilities");
    let Exposure::Checked {
        database,
        checked,
        unchecked,
        unreadable,
        vulnerabilities,
    } = &audit.exposure
    else {
        out.raw("<div class=\"alert unknown\">");
        icon(out, "unknown");
        out.raw(
            "<div><strong>Not checked</strong><span>Nobody looked for vulnerabilities, so there \
             may be any number of them. <code>prov audit --osv DIR</code> looks them up in a \
             copy of the OSV database.</span></div></div></section>\n",
        );
        return;
    };
    let open = audit.exposure.open().count();
    let class = match (open, unchecked + unreadable) {
        (1.., _) => "failed",
        (0, 1..) => "warning",
        (0, 0) => "passed",
    };
    out.add("<div class=\"alert {}\">", &[&class]);
    icon(out, class);
    match open {
        0 => out.raw("<div><strong>None known</strong><span>"),
        _ => out.add(
            "<div><strong>{}</strong><span>",
            &[&Many(open, "known vulnerability")],
        ),
    };
    out.add("{} looked up", &[&Many(*checked, "package")]);
    if *unchecked > 0 {
        out.add(
            "; <strong>{} could not be</strong> (no package URL, no version, or an ecosystem that \
             the database does not hold)",
            &[&Many(*unchecked, "package")],
        );
    }
    if *unreadable > 0 {
        out.add(
            "; <strong>{} could not be read</strong>, so nothing is known to be clean",
            &[&Many(*unreadable, "advisory")],
        );
    }
    match database {
        Some(day) => out.add(". Newest advisory of the database: {}.", &[day]),
        None => out.raw(". The database does not say how old it is."),
    };
    out.raw("</span></div></div>\n");
    if !vulnerabilities.is_empty() {
        table(out, vulnerabilities, audit.contents.as_ref());
    }
    out.raw("</section>\n");
}

fn table(out: &mut Markup, vulnerabilities: &[Vulnerability], contents: Option<&Contents>) {
    out.raw(
        "<div class=\"sheet\" role=\"group\" aria-label=\"Vulnerabilities\" tabindex=\"0\">\
         <table class=\"sortable\" data-noun=\"vulnerabilities\"><caption class=\"unseen\">Known vulnerabilities</caption><thead><tr>\
         <th scope=\"col\">Id</th><th scope=\"col\">Severity</th><th scope=\"col\">Package</th>\
         <th scope=\"col\">What</th><th scope=\"col\">Fixed in</th></tr></thead><tbody>\n",
    );
    for vulnerability in vulnerabilities {
        let ruled_out = vulnerability.is_waived();
        out.raw(if ruled_out {
            "<tr class=\"ruled-out\">"
        } else {
            "<tr>"
        });
        out.raw("<th scope=\"row\">");
        id(out, &vulnerability.id, ruled_out);
        for alias in &vulnerability.aliases {
            out.add("<span class=\"small\">{}</span>", &[alias]);
        }
        out.raw("</th><td>");
        let (class, word) = severity(vulnerability);
        match vulnerability.score.filter(|it| it.is_finite()) {
            Some(score) => {
                let score = format!("{score:.1}");
                out.add(
                    "<span class=\"severity {}\">{} {}</span>",
                    &[&class, &score, &word],
                )
            }
            None => out.add("<span class=\"severity {}\">{}</span>", &[&class, &word]),
        };
        out.raw("</td><td>");
        match contents.and_then(|it| it.packages.get(vulnerability.package)) {
            Some(package) => {
                out.text(&package.name);
                if let Some(version) = &package.version {
                    out.add(" {}", &[version]);
                }
            }
            None => {
                out.raw("not known");
            }
        }
        out.add("</td><td>{}", &[&vulnerability.summary]);
        if let Some(doubt) = &vulnerability.doubt {
            out.add(
                "<span class=\"fix\"><strong>Nobody can say</strong>: {}</span>",
                &[doubt],
            );
        }
        if let Some(waiver) = &vulnerability.waiver {
            out.add(
                "<span class=\"fix\"><strong>VEX: {}</strong>",
                &[&waiver.status.replace('_', " ")],
            );
            if let Some(why) = &waiver.justification {
                out.add(", {}", &[why]);
            }
            out.add(" (<code>{}</code>)</span>", &[&waiver.document]);
        }
        out.raw("</td><td>");
        match &vulnerability.fixed {
            Some(version) => out.text(version),
            None => out.raw("<span class=\"empty\">not known</span>"),
        };
        out.raw("</td></tr>\n");
    }
    out.raw("</tbody></table></div>\n");
}

/// The id as a link to its page, struck out where it does not matter here.
fn id(out: &mut Markup, id: &str, ruled_out: bool) {
    out.raw(if ruled_out { "<s>" } else { "" });
    // An id with anything else in it leads nowhere.
    if id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        out.add(
            "<a href=\"https://osv.dev/vulnerability/{}\" rel=\"noreferrer noopener external\">{}</a>",
            &[&id, &id],
        );
    } else {
        out.text(&id);
    }
    out.raw(if ruled_out { "</s>" } else { "" });
}

/// The words of CVSS v3.1, section 5.
fn severity(vulnerability: &Vulnerability) -> (&'static str, &'static str) {
    let score = vulnerability.score;
    let by_score = score.filter(|score| (0.0..=10.0).contains(score));
    match by_score.map(Rating::of).or(vulnerability.rating) {
        None => ("unknown", "not rated"),
        Some(Rating::Critical) => ("critical", "critical"),
        Some(Rating::High) => ("high", "high"),
        Some(Rating::Medium) => ("medium", "medium"),
        Some(Rating::Low) => ("low", "low"),
        Some(Rating::None) => ("unknown", "none"),
    }
}
