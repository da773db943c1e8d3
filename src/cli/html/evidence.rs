//! What is attached, what is missing, and what the policy says to each rule.

use super::artifact::backing;
use super::markup::{Count, Many, Markup};
use super::{icon, section};
use crate::audit::{Attestation, Audit, Judgement};
use crate::policy::{Finding, Outcome};

/// More findings than this are counted; the failed ones come first.
const FINDINGS: usize = 500;

/// Writes the evidence that was found, and what is missing.
pub(super) fn write(out: &mut Markup, audit: &Audit, number: usize) {
    section(out, number, "evidence", "wide", "Evidence that was found");
    if audit.attestations.is_empty() {
        out.raw("<p class=\"empty\">Nothing is attached to this artifact.</p>\n");
    } else {
        out.raw(
            "<div class=\"sheet\" role=\"group\" aria-label=\"Evidence\" tabindex=\"0\"><table>\
             <caption class=\"unseen\">Evidence about the artifact</caption><thead><tr>\
             <th scope=\"col\">Evidence</th><th scope=\"col\">Genuine</th><th scope=\"col\">Signed by</th>\
             <th scope=\"col\">Since</th><th scope=\"col\">Found in</th></tr></thead><tbody>\n",
        );
        for attestation in &audit.attestations {
            row(out, attestation);
        }
        out.raw("</tbody></table></div>\n");
    }
    out.raw("</section>\n");
    missing(out, audit, number);
}

fn row(out: &mut Markup, attestation: &Attestation) {
    out.raw("<tr><th scope=\"row\">");
    match &attestation.predicate_type {
        Some(predicate) => match name(predicate) {
            Some(name) => out.add("{}<span class=\"small\">{}</span>", &[&name, predicate]),
            None => out.text(predicate),
        },
        None => out.raw("Signature over the artifact’s bytes"),
    };
    if attestation.rejected.is_some() && attestation.predicate_type.is_some() {
        out.raw("<span class=\"small\">as it claims</span>");
    }
    out.raw("</th><td>");
    match (&attestation.rejected, attestation.trusted) {
        (Some(why), _) => {
            mark(out, "failed", "no");
            out.add("<span class=\"small\">{}</span>", &[why]);
        }
        (None, Some(true)) => mark(out, "passed", "yes, trusted"),
        (None, Some(false)) => mark(out, "unknown", "yes, but nobody whom the policy trusts"),
        (None, None) => mark(out, "passed", "yes"),
    }
    out.raw("</td><td>");
    match &attestation.signer {
        Some(signer) => out.link(signer),
        None => out.raw("<span class=\"empty\">not proved</span>"),
    };
    out.raw("</td><td>");
    match attestation.time {
        Some(time) => out.time(time),
        None => out.raw("<span class=\"empty\">not proved</span>"),
    };
    if attestation.logged {
        out.raw("<span class=\"small\">in a transparency log</span>");
    }
    out.add("</td><td><code>{}</code>", &[&attestation.origin]);
    out.raw("</td></tr>\n");
}

/// What people call a predicate type.
fn name(predicate: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 10] = [
        ("https://slsa.dev/provenance/", "SLSA provenance"),
        (
            "https://slsa.dev/verification_summary/",
            "SLSA verification summary",
        ),
        ("https://cyclonedx.org/bom", "SBOM (CycloneDX)"),
        ("https://spdx.dev/Document", "SBOM (SPDX)"),
        ("https://in-toto.io/attestation/release/", "Release"),
        (
            "https://in-toto.io/attestation/vulns/",
            "Vulnerability scan",
        ),
        ("https://in-toto.io/attestation/test-result/", "Test result"),
        ("https://openvex.dev/ns", "VEX"),
        (
            "https://docs.pypi.org/attestations/publish/",
            "PyPI publication",
        ),
        ("https://github.com/npm/attestation/", "npm publication"),
    ];
    let of = |(prefix, _): &&(&str, &str)| predicate.starts_with(prefix);
    NAMES.iter().find(of).map(|(_, name)| *name)
}

fn missing(out: &mut Markup, audit: &Audit, number: usize) {
    section(out, number, "missing", "wide", "What is missing");
    if audit.missing.is_empty() {
        out.raw("<p class=\"fine\"><span class=\"verdict passed\">");
        icon(out, "passed");
        out.raw("</span>Nothing that a reader would look for.</p></section>\n");
        return;
    }
    out.raw("<ul class=\"missing\">\n");
    for missing in &audit.missing {
        out.raw("<li>");
        icon(out, "warning");
        out.add(
            "<div><strong>{}</strong><span>{}</span></div></li>\n",
            &[&missing.what, &missing.why],
        );
    }
    out.raw("</ul></section>\n");
}

/// Writes the policy's findings, the failed ones first.
pub(super) fn checks(out: &mut Markup, judgement: Option<&Judgement>, number: usize) {
    section(out, number, "checks", "wide", "Policy checks");
    let Some(judgement) = judgement else {
        out.raw(
            "<p class=\"empty\">Not judged: there was no policy. \
             <code>--policy FILE</code> names one.</p></section>\n",
        );
        return;
    };
    let mut findings: Vec<_> = judgement.findings.iter().collect();
    findings.sort_by_key(|finding| rank(&finding.outcome));
    out.add(
        "<p class=\"counts\">by <strong>{}</strong>: ",
        &[&judgement.policy],
    );
    let mut first = true;
    for (place, word) in [(0, "failed"), (1, "waived"), (2, "passed"), (3, "noted")] {
        let count = findings
            .iter()
            .filter(|it| rank(&it.outcome) == place)
            .count();
        if count > 0 {
            out.raw(if first { "" } else { ", " });
            out.add("{} {}", &[&Count(count), &word]);
            first = false;
        }
    }
    out.raw(if first {
        "no rule spoke.</p>\n"
    } else {
        "</p>\n"
    });
    out.raw(
        "<div class=\"sheet\" role=\"group\" aria-label=\"Policy checks\" tabindex=\"0\"><table class=\"checks\">\
         <caption class=\"unseen\">What each rule of the policy saw and wanted</caption><thead><tr>\
         <th scope=\"col\">Result</th><th scope=\"col\">Rule</th><th scope=\"col\">Seen</th>\
         <th scope=\"col\">Wanted</th></tr></thead><tbody>\n",
    );
    for finding in findings.iter().take(FINDINGS) {
        check(out, finding);
    }
    out.raw("</tbody></table></div>\n");
    if findings.len() > FINDINGS {
        out.add(
            "<p class=\"note\">{} left out: the failed ones come first.</p>\n",
            &[&Many(findings.len() - FINDINGS, "finding")],
        );
    }
    out.raw("</section>\n");
}

fn check(out: &mut Markup, finding: &Finding) {
    out.raw("<tr><td>");
    match &finding.outcome {
        Outcome::Passed => mark(out, "passed", "passed"),
        Outcome::Failed => mark(out, "failed", "failed"),
        Outcome::Waived { .. } => mark(out, "warning", "waived"),
        Outcome::Noted => mark(out, "noted", "noted"),
    }
    out.add("</td><th scope=\"row\"><code>{}</code>", &[&finding.rule]);
    if let Some(line) = finding.line {
        out.add("<span class=\"small\">line {}</span>", &[&line]);
    }
    out.raw("</th><td>").text(&finding.seen);
    if let Some(component) = &finding.component {
        out.add(
            "<span class=\"small\">in <code>{}</code></span>",
            &[component],
        );
    }
    if let Some(by) = finding.backing {
        out.raw(" ");
        backing(out, by);
    }
    if let Some(why) = &finding.why {
        out.add("<span class=\"small\">why: {}</span>", &[why]);
    }
    if let Outcome::Waived {
        reason,
        owner,
        until,
    } = &finding.outcome
    {
        out.add(
            "<span class=\"small\">accepted by {} until {}: {}</span>",
            &[owner, until, reason],
        );
    }
    out.add("</td><td>{}", &[&finding.wanted]);
    if let Some(fix) = &finding.fix {
        out.add(
            "<span class=\"fix\"><strong>fix:</strong> {}</span>",
            &[fix],
        );
    }
    out.raw("</td></tr>\n");
}

fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Failed => 0,
        Outcome::Waived { .. } => 1,
        Outcome::Passed => 2,
        Outcome::Noted => 3,
    }
}

/// A result by a word and an icon.
fn mark(out: &mut Markup, class: &'static str, word: &'static str) {
    out.add("<span class=\"verdict {}\">", &[&class]);
    icon(out, class);
    out.add("{}</span>", &[&word]);
}
