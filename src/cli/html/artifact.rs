//! One artifact: the verdict, what it is, who built it from what.

use super::answer::{class, reason, rejected, word};
use super::graph::Depths;
use super::markup::{Count, Many, Markup};
use super::{Room, contents, evidence, exposure, icon, licences, packages, picture, section};
use crate::audit::{Audit, Exposure, Fact, Judgement, Origin, Status, Subject};
use crate::cli::ui;
use crate::policy::Backing;

/// Writes the article of an artifact, which stands open when it is the only one.
pub(super) fn write(out: &mut Markup, audit: &Audit, number: usize, alone: bool, room: &mut Room) {
    let answer = audit.status();
    out.add(
        "<article class=\"artifact {}\" aria-labelledby=\"a{}\">\n",
        &[&class(answer), &number],
    );
    if !alone {
        out.raw(if number == 1 {
            "<details class=\"whole\" open>"
        } else {
            "<details class=\"whole\">"
        });
        out.raw("<summary>");
        icon(out, class(answer));
    }
    out.add("<h2 id=\"a{}\">{}</h2>\n", &[&number, &audit.subject.name]);
    if !alone {
        out.add(
            "<span class=\"answer\">{}</span></summary>\n",
            &[&word(answer)],
        );
    }
    hero(out, audit, number);
    out.raw("<div class=\"cards\">\n");
    origin(out, audit.origin.as_ref(), number);
    evidence::write(out, audit, number);
    match &audit.contents {
        Some(contents) => {
            contents::write(out, contents, number);
            licences::write(out, contents, number);
        }
        None => contents::none(out, number),
    }
    exposure::write(out, audit, number);
    evidence::checks(out, audit.judgement.as_ref(), number);
    if let Some(contents) = &audit.contents
        && !contents.packages.is_empty()
    {
        let depths = Depths::of(contents);
        let mut marked = vec![false; contents.packages.len()];
        for vulnerability in audit.exposure.open() {
            if let Some(mark) = marked.get_mut(vulnerability.package) {
                *mark = true;
            }
        }
        picture::write(out, contents, &depths, &marked, number, room);
        packages::write(out, contents, &depths, &marked, number, room);
    }
    out.raw("</div>\n");
    if !alone {
        out.raw("<p class=\"back\"><a href=\"#overview\">Back to all artifacts</a></p></details>");
    }
    out.raw("</article>\n");
}

/// The links to the sections of the only artifact.
pub(super) fn navigation<'a>(out: &'a mut Markup, audit: &Audit) -> &'a mut Markup {
    out.raw(
        "<nav aria-label=\"Sections\"><ul>\
         <li><a href=\"#a1-verdict\">Verdict</a></li>\
         <li><a href=\"#a1-origin\">Origin</a></li>\
         <li><a href=\"#a1-evidence\">Evidence</a></li>\
         <li><a href=\"#a1-contents\">Contents</a></li>",
    );
    let inside = audit.contents.as_ref();
    if inside.is_some() {
        out.raw("<li><a href=\"#a1-licences\">Licences</a></li>");
    }
    out.raw(
        "<li><a href=\"#a1-exposure\">Vulnerabilities</a></li>\
         <li><a href=\"#a1-checks\">Checks</a></li>",
    );
    if inside.is_some_and(|contents| !contents.packages.is_empty()) {
        out.raw("<li><a href=\"#a1-packages\">Packages</a></li>");
    }
    out.raw("</ul></nav>")
}

fn hero(out: &mut Markup, audit: &Audit, number: usize) {
    let answer = audit.status();
    out.add(
        "<section class=\"hero {}\"><div class=\"badge\">",
        &[&class(answer)],
    );
    icon(out, class(answer));
    out.add(
        "</div><div class=\"said\"><h3 id=\"a{}-verdict\">{}</h3>\n",
        &[&number, &word(answer)],
    );
    match &audit.judgement {
        None => {
            out.raw(
                "<p>There was no policy to judge by. What follows is what is known; nobody \
                 decided whether it is enough.</p>",
            );
        }
        Some(judgement) => {
            out.add("<p>by the policy <strong>{}</strong>", &[&judgement.policy]);
            if answer == Status::Refused {
                out.add(" because of {}", &[&reason(audit)]);
            }
            out.raw("</p>");
        }
    }
    subject(out, &audit.subject);
    out.raw("</div>\n");
    if let Some(judgement) = &audit.judgement {
        ladder(out, judgement);
    }
    tiles(out, audit);
    out.raw("</section>\n");
}

fn subject(out: &mut Markup, subject: &Subject) {
    out.raw("<dl class=\"subject\">");
    if let Some(kind) = &subject.media_type {
        out.add("<div><dt>Type</dt><dd>{}</dd></div>", &[kind]);
    }
    if let Some(size) = subject.size {
        out.add("<div><dt>Size</dt><dd>{}</dd></div>", &[&ui::bytes(size)]);
    }
    if let Some(platform) = &subject.platform {
        out.add("<div><dt>Platform</dt><dd>{}</dd></div>", &[platform]);
    }
    out.add(
        "<div class=\"digest\"><dt>Digest</dt><dd><code>{}</code></dd></div></dl>",
        &[&subject.digest],
    );
}

/// The SLSA Build track (v1.2) as steps.
fn ladder(out: &mut Markup, judgement: &Judgement) {
    const STEPS: [(&str, &str); 4] = [
        ("L0", "no provenance"),
        ("L1", "provenance exists"),
        ("L2", "signed by a hosted platform"),
        ("L3", "out of the build’s reach"),
    ];
    out.add(
        "<div class=\"level\"><p class=\"reached\">SLSA Build Level <strong>{}</strong></p>\
         <ol class=\"ladder\">",
        &[&judgement.level],
    );
    for (level, (name, meaning)) in (0..).zip(STEPS) {
        let (class, word) = match judgement.level {
            reached if level == reached => ("here", "reached"),
            reached if level < reached => ("done", "passed"),
            _ => ("open", "not reached"),
        };
        out.add(
            "<li class=\"{}\"><strong>{}</strong> <span>{}</span><span class=\"unseen\"> ({})</span></li>",
            &[&class, &name, &meaning, &word],
        );
    }
    out.raw("</ol>");
    match &judgement.why_not_next {
        Some(why) => out.add(
            "<p class=\"why\"><strong>Why not L{}:</strong> {}</p>",
            &[&judgement.level.saturating_add(1), why],
        ),
        None => out.raw("<p class=\"why\">The highest level there is.</p>"),
    };
    out.raw("</div>\n");
}

fn tiles(out: &mut Markup, audit: &Audit) {
    let genuine = audit.attestations.len() - rejected(audit);
    out.add(
        "<ul class=\"tiles\"><li class=\"tile {}\"><strong>{}</strong><span>genuine evidence</span></li>",
        &[&if genuine == 0 { "failed" } else { "" }, &Count(genuine)],
    );
    if rejected(audit) > 0 {
        out.add(
            "<li class=\"tile failed\"><strong>{}</strong><span>not genuine</span></li>",
            &[&Count(rejected(audit))],
        );
    }
    out.add(
        "<li class=\"tile {}\"><strong>{}</strong><span>missing</span></li>",
        &[
            &if audit.missing.is_empty() {
                ""
            } else {
                "warning"
            },
            &Count(audit.missing.len()),
        ],
    );
    match &audit.contents {
        None => {
            out.raw(
                "<li class=\"tile unknown\"><strong>?</strong><span>packages: no SBOM</span></li>",
            );
        }
        Some(contents) => {
            let unknown = contents
                .packages
                .len()
                .saturating_sub(contents.with_licence);
            out.add(
                "<li class=\"tile\"><strong>{}</strong><span>packages</span></li>\
                 <li class=\"tile {}\"><strong>{}</strong><span>unknown licences</span></li>",
                &[
                    &Count(contents.packages.len()),
                    &if unknown > 0 { "warning" } else { "" },
                    &Count(unknown),
                ],
            );
        }
    }
    match &audit.exposure {
        Exposure::NotChecked => out.raw(
            "<li class=\"tile unknown\"><strong>?</strong><span>vulnerabilities: not checked</span></li>",
        ),
        exposure => {
            let count = exposure.open().count();
            out.add(
                "<li class=\"tile {}\"><strong>{}</strong><span>known vulnerabilities</span></li>",
                &[&if count > 0 { "failed" } else { "" }, &Count(count)],
            )
        }
    };
    out.raw("</ul>");
}

fn origin(out: &mut Markup, origin: Option<&Origin>, number: usize) {
    section(out, number, "origin", "wide", "Who built it, from what");
    let Some(origin) = origin else {
        out.raw(
            "<p class=\"empty\">No genuine provenance says who built this or from which \
             source.</p></section>\n",
        );
        return;
    };
    if origin.trusted == Some(false) {
        out.raw("<div class=\"alert warning\">");
        icon(out, "warning");
        out.raw(
            "<div><strong>The policy does not trust this signer</strong><span>Its signature is \
             genuine; what it says here is told, and counts for nothing.</span></div></div>\n",
        );
    }
    let rows: [(&'static str, &Option<Fact>, bool); 12] = [
        ("Signer", &origin.signer, true),
        ("Identity vouched for by", &origin.issuer, false),
        ("Repository", &origin.repository, true),
        ("Commit", &origin.commit, true),
        ("Branch or tag", &origin.reference, false),
        ("Workflow", &origin.workflow, false),
        ("Triggered by", &origin.trigger, false),
        ("Runner", &origin.runner, false),
        ("Run", &origin.run, false),
        ("Builder", &origin.builder, true),
        ("Build type", &origin.build_type, false),
        ("Built", &origin.built, false),
    ];
    out.raw("<dl class=\"facts\">\n");
    for (name, fact, expected) in rows {
        match fact {
            Some(fact) => {
                out.add("<div><dt>{}</dt><dd><span class=\"value\">", &[&name])
                    .link(&fact.value)
                    .raw("</span> ");
                backing(out, fact.backing);
                out.raw("</dd></div>\n");
            }
            None if expected => {
                out.add(
                    "<div><dt>{}</dt><dd class=\"empty\">nobody says</dd></div>\n",
                    &[&name],
                );
            }
            None => {}
        }
    }
    out.raw("<div><dt>Signed</dt>");
    match origin.signed {
        Some(time) => out
            .raw("<dd><span class=\"value\">")
            .time(time)
            .raw("</span> <span class=\"dim\">at the latest, by a log or a timestamp authority</span></dd>"),
        None => out.raw("<dd class=\"empty\">no log or timestamp authority says when</dd>"),
    };
    out.raw("</div>\n</dl></section>\n");
}

/// What vouches for a fact, by a word and an icon.
pub(super) fn backing(out: &mut Markup, backing: Backing) {
    let class = match backing {
        Backing::Certificate => "certificate",
        Backing::Key => "key",
        Backing::Stated => "stated",
    };
    out.add("<span class=\"backing {}\">", &[&class]);
    icon(out, class);
    out.add("{}</span>", &[&backing]);
}

/// Says that something was left out, and how to see it.
pub(super) fn left_out(out: &mut Markup, what: Many) {
    out.add(
        "<p class=\"note\">{} left out, because this page would be too large: \
         <code>--format json</code> has them, or an audit of fewer artifacts.</p>\n",
        &[&what],
    );
}
