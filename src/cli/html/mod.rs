//! The page of `prov audit`: one HTML file that can be opened from a disk, mailed and
//! printed.
//!
//! Nothing of it comes from elsewhere and nothing is sent: a content security policy
//! allows its own style and script by their digests and forbids the rest. All content
//! is there without the script, which only sorts and filters. Without a clock, so the
//! same audits give the same bytes.

mod answer;
mod artifact;
mod contents;
mod evidence;
mod exposure;
mod graph;
mod licences;
mod markup;
mod overview;
mod packages;
mod picture;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::audit::{Audit, Broken};
use markup::{Many, Markup};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICONS: &str = include_str!("icons.svg");

/// Rows of package tables on one page; more make a browser slow.
const ROWS: usize = 20_000;
/// Pictures of dependencies on one page.
const PICTURES: usize = 50;

/// The page about `audits` and about what could not be audited, the worst first, as a
/// whole HTML document.
pub fn page(audits: &[Audit], broken: &[Broken]) -> String {
    let mut order: Vec<_> = audits.iter().collect();
    order.sort_by(|a, b| answer::worst_first(a, b));
    let mut broken: Vec<_> = broken.iter().collect();
    broken.sort_by_key(|it| (&it.name, &it.why));
    let alone = match (&order[..], &broken[..]) {
        ([only], []) => Some(*only),
        _ => None,
    };
    let mut out = Markup::default();
    head(&mut out, alone, order.len() + broken.len());
    out.raw("<main id=\"main\" tabindex=\"-1\">\n");
    if alone.is_none() {
        overview::write(&mut out, &order, &broken);
    }
    let mut room = Room {
        rows: ROWS,
        pictures: PICTURES,
    };
    for (number, audit) in order.iter().enumerate() {
        artifact::write(&mut out, audit, number + 1, alone.is_some(), &mut room);
    }
    out.raw("</main>\n");
    foot(&mut out);
    out.into_string()
}

/// What is left of the page's room.
struct Room {
    rows: usize,
    pictures: usize,
}

fn head(out: &mut Markup, alone: Option<&Audit>, count: usize) {
    out.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .add(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src {}; script-src {}; base-uri 'none'; form-action 'none'\">\n",
            &[&Source(STYLE), &Source(SCRIPT)],
        )
        .raw(
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n",
        )
        .add(
            "<meta name=\"generator\" content=\"prov {}\">\n",
            &[&env!("CARGO_PKG_VERSION")],
        );
    match alone {
        Some(only) => out.add(
            "<title>{}: {} – prov audit</title>\n",
            &[&answer::word(only.status()), &only.subject.name],
        ),
        None => out.add(
            "<title>Audit of {} – prov audit</title>\n",
            &[&Many(count, "artifact")],
        ),
    };
    out.raw("<style>")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n")
        .raw(ICONS)
        .raw("<header class=\"top\"><div class=\"brand\">")
        .raw("<svg class=\"mark\" aria-hidden=\"true\"><use href=\"#i-mark\"/></svg>prov</div>\n<h1>Supply-chain audit</h1>\n");
    if let Some(only) = alone {
        artifact::navigation(out, only);
    }
    out.raw("</header>\n");
}

fn foot(out: &mut Markup) {
    out.add(
        "<footer><p><strong>How to read it.</strong> \
         <span class=\"backing certificate\"><svg class=\"icon\" aria-hidden=\"true\"><use href=\"#i-certificate\"/></svg>certificate-backed</span> \
         facts come from a certificate that the signer could not choose; \
         <span class=\"backing key\"><svg class=\"icon\" aria-hidden=\"true\"><use href=\"#i-key\"/></svg>key-backed</span> \
         ones hold as far as the key is trusted; \
         <span class=\"backing stated\"><svg class=\"icon\" aria-hidden=\"true\"><use href=\"#i-stated\"/></svg>only stated</span> \
         ones are as true as their signer is honest. What was not looked at is said to be so.</p>\n\
         <p>This page is signed by nobody. <code>prov verify</code> answers for the artifact itself. \
         Made by prov {}.</p></footer>\n<script>",
        &[&env!("CARGO_PKG_VERSION")],
    )
    .raw(SCRIPT)
    .raw("</script>\n</body>\n</html>\n");
}

/// A source of the content security policy: the digest of what stands in the page.
struct Source(&'static str);

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digest = STANDARD.encode(Sha256::digest(self.0));
        // Base64 and this prefix have nothing that would be escaped but the quotes,
        // which an attribute in double quotes gives back as they were.
        write!(f, "'sha256-{digest}'")
    }
}

/// Begins a section of an artifact: `id` is its own, `number` the artifact's.
fn section(
    out: &mut Markup,
    number: usize,
    id: &'static str,
    class: &'static str,
    title: &'static str,
) {
    out.add(
        "<section class=\"card {}\"><h3 id=\"a{}-{}\">{}</h3>\n",
        &[&class, &number, &id, &title],
    );
}

/// An icon of the page's own; what it means stands beside it in words.
fn icon(out: &mut Markup, name: &'static str) {
    out.add(
        "<svg class=\"icon\" aria-hidden=\"true\"><use href=\"#i-{}\"/></svg>",
        &[&name],
    );
}
