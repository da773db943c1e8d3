//! Several artifacts at a glance, the worst first.

use super::answer::{class, reason, word};
use super::markup::{Count, Many, Markup};
use super::{exposure, icon};
use crate::audit::{Audit, Broken, Exposure, Status};

const STATUSES: [Status; 4] = [
    Status::Refused,
    Status::Broken,
    Status::NotJudged,
    Status::Passed,
];

/// Writes the counts and the table.
pub(super) fn write(out: &mut Markup, order: &[&Audit], broken: &[&Broken]) {
    out.raw("<section class=\"overview\" aria-labelledby=\"overview\">\n")
        .add(
            "<h2 id=\"overview\">{}</h2>\n<ul class=\"tiles\">",
            &[&Many(order.len() + broken.len(), "artifact")],
        );
    let count = |status| match status {
        Status::Broken => broken.len(),
        _ => order.iter().filter(|it| it.status() == status).count(),
    };
    for status in STATUSES {
        // What could not be audited is the exception.
        if status == Status::Broken && broken.is_empty() {
            continue;
        }
        out.add(
            "<li class=\"tile {}\"><strong>{}</strong><span>",
            &[&class(status), &Count(count(status))],
        );
        icon(out, class(status));
        out.add("{}</span></li>\n", &[&word(status)]);
    }
    let unchecked = |it: &&&Audit| it.exposure == Exposure::NotChecked;
    let unchecked = order.iter().filter(unchecked).count();
    if unchecked < order.len() {
        let open: usize = order.iter().map(|it| it.exposure.open().count()).sum();
        out.add(
            "<li class=\"tile {}\"><strong>{}</strong><span>known vulnerabilities</span></li>\n",
            &[&if open > 0 { "failed" } else { "" }, &Count(open)],
        );
    }
    if unchecked > 0 {
        out.add(
            "<li class=\"tile unknown\"><strong>{}</strong><span>not checked for \
             vulnerabilities</span></li>\n",
            &[&Count(unchecked)],
        );
    }
    out.raw("</ul>\n");
    if order.is_empty() && broken.is_empty() {
        out.raw("<p class=\"empty\">There was nothing to audit.</p></section>\n");
        return;
    }
    table(out, order, broken);
    out.raw("</section>\n");
}

fn table(out: &mut Markup, order: &[&Audit], broken: &[&Broken]) {
    out.raw(
        "<div class=\"sheet\" role=\"group\" aria-label=\"All artifacts\" tabindex=\"0\">\
         <table class=\"sortable\" data-noun=\"artifacts\"><caption>All artifacts, the worst first</caption><thead><tr>\
         <th scope=\"col\">Artifact</th><th scope=\"col\" class=\"filter\">Verdict</th>\
         <th scope=\"col\" class=\"filter\">Level</th><th scope=\"col\">Why</th>\
         <th scope=\"col\" class=\"number\">Packages</th><th scope=\"col\">Vulnerabilities</th>\
         <th scope=\"col\" class=\"number\">Missing</th></tr></thead><tbody>\n",
    );
    let refused = order.iter().filter(|it| it.status() < Status::Broken);
    let refused = refused.count();
    for (number, audit) in order.iter().enumerate() {
        if number == refused {
            broken.iter().for_each(|it| not_audited(out, it));
        }
        row(out, audit, number + 1);
    }
    if refused == order.len() {
        broken.iter().for_each(|it| not_audited(out, it));
    }
    out.raw("</tbody></table></div>\n");
}

fn not_audited(out: &mut Markup, broken: &Broken) {
    let status = Status::Broken;
    out.add(
        "<tr><th scope=\"row\">{}</th><td><span class=\"verdict {}\">",
        &[&broken.name, &class(status)],
    );
    icon(out, class(status));
    out.add(
        "{}</span></td><td>–</td><td>{}</td><td class=\"number\">?</td>\
         <td>not checked</td><td class=\"number\">?</td></tr>\n",
        &[&word(status), &broken.why],
    );
}

fn row(out: &mut Markup, audit: &Audit, number: usize) {
    let answer = audit.status();
    out.add(
        "<tr><th scope=\"row\"><a href=\"#a{}-verdict\">{}</a>",
        &[&number, &audit.subject.name],
    );
    if let Some(platform) = &audit.subject.platform {
        out.add(" <span class=\"chip\">{}</span>", &[platform]);
    }
    out.add("</th><td><span class=\"verdict {}\">", &[&class(answer)]);
    icon(out, class(answer));
    out.add("{}</span></td><td>", &[&word(answer)]);
    match &audit.judgement {
        Some(judgement) => out.add("L{}", &[&judgement.level]),
        None => out.raw("–"),
    };
    out.add("</td><td>{}</td><td class=\"number\">", &[&reason(audit)]);
    match &audit.contents {
        Some(contents) => out.text(&Count(contents.packages.len())),
        None => out.raw("no SBOM"),
    };
    out.raw("</td><td>");
    exposure::short(out, &audit.exposure);
    out.add(
        "</td><td class=\"number\">{}</td></tr>\n",
        &[&audit.missing.len()],
    );
}
