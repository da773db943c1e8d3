//! The page of `prov audit` in a browser: nothing is asked for, nothing complains, an
//! accessibility engine finds nothing, and everything is there without scripts and on paper.
//!
//! `tests/pages/install` installs the browser and its driver. Without them the test is
//! skipped, said aloud, but for CI, where that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking
#![allow(clippy::print_stderr)] // what is skipped is said

mod fixtures;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prov::audit::{Audit, Broken};
use prov::cli::html;
use sha2::{Digest as _, Sha256};

fn page(audits: &[Audit]) -> String {
    html::page(audits, &[])
}

/// Where `tests/pages/install` puts the driver, and the browser; or nothing, said aloud.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let peers = match std::env::var_os("PROV_PEERS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peers"),
    };
    let driver = peers.join("pages");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let chromium = std::env::split_paths(&path)
        .map(|folder| folder.join("chromium"))
        .find(|program| program.is_file());
    match chromium {
        Some(chromium) if driver.join("node_modules/playwright-core").is_dir() => {
            return Some((driver, chromium));
        }
        _ => {}
    }
    let said = "no browser looked at the pages; `tests/pages/install` installs one";
    assert!(std::env::var_os("CI").is_none(), "{said}");
    eprintln!("SKIPPED: {said}");
    None
}

#[test]
fn a_browser_finds_nothing_to_complain_about() {
    let Some((driver, chromium)) = browser() else {
        return;
    };
    // Where the pages and their screenshots are kept, for people to look at.
    let kept = std::env::var_os("PROV_PAGES").map(PathBuf::from);
    let scratch = tempfile::tempdir().unwrap();
    let folder = kept.as_deref().unwrap_or(scratch.path());
    for (name, audits) in [
        ("program", vec![fixtures::program()]),
        ("bare", vec![fixtures::bare("app.wasm")]),
        ("release", fixtures::release()),
        ("hostile", vec![fixtures::hostile()]),
        ("large", vec![fixtures::large(5_000)]),
        ("nothing", vec![]),
    ] {
        fs::write(folder.join(name).with_extension("html"), page(&audits)).unwrap();
    }
    let broken = Broken {
        name: "<b>wash.exe".into(),
        why: "cannot read the artifact".into(),
        hint: None,
    };
    let broken = html::page(&[fixtures::refused(), fixtures::bare("a")], &[broken]);
    assert!(broken.contains("&lt;b&gt;wash.exe") && broken.contains("3 artifacts"));
    fs::write(folder.join("broken.html"), broken).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages/look.mjs");
    let output = Command::new("node")
        .arg(script)
        .args([&*driver, &*chromium, folder])
        .args(kept.is_some().then_some("--keep"))
        .output()
        .unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn the_same_audits_give_the_same_bytes_in_any_order() {
    let mut audits = fixtures::release();
    let first = page(&audits);
    audits.reverse();
    assert_eq!(first, page(&audits));
}

#[test]
fn the_page_allows_its_own_style_and_script_and_nothing_else() {
    let page = page(&[fixtures::program()]);
    let between = |from: &str, to: &str| {
        let (_, rest) = page.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let hash = |text: &str| format!("&#39;sha256-{}&#39;", STANDARD.encode(Sha256::digest(text)));
    assert_eq!(
        between("http-equiv=\"Content-Security-Policy\" content=\"", "\""),
        format!(
            "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
            hash(&between("<style>", "</style>")),
            hash(&between("<script>", "</script>"))
        )
    );
    for from in [
        "src=", "url(", "@import", "style=", " on", "<iframe", "<form", "http://",
    ] {
        let there = page.match_indices(from);
        let words: Vec<_> = there.map(|(at, _)| &page[at..at + 20]).collect();
        // ` on` is a word too.
        assert!(
            words.iter().all(|it| from == " on" && !it.contains('=')),
            "{words:?}"
        );
    }
}

#[test]
fn what_is_from_outside_stays_text() {
    let hostile = page(&[fixtures::hostile()]);
    assert!(hostile.contains("&lt;script&gt;window.owned=1&lt;/script&gt;"));
    for markup in [
        "<script>window",
        "<img",
        "<svg onload",
        "<b>",
        "javascript:window.owned=1\"",
    ] {
        assert!(!hostile.contains(markup), "{markup}");
    }
    // Every tag is one that a harmless page has too.
    let tags = |page: &str| -> BTreeSet<String> {
        let tag = |it: &str| it.split([' ', '>', '\n']).next().unwrap().to_owned();
        page.split('<').skip(1).map(tag).collect()
    };
    let harmless = tags(&(page(&fixtures::release()) + &page(&[fixtures::program()])));
    let strange: Vec<_> = tags(&hostile).difference(&harmless).cloned().collect();
    assert!(strange.is_empty(), "{strange:?}");
    let unseen = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    };
    assert!(!hostile.contains(unseen));
    assert!(hostile.contains("a⟨U+202E⟩gpj.exe"));
    assert!(hostile.contains("(10,002 characters)"));
    // An address with a user name that looks like a host is no link.
    assert!(!hostile.contains("href=\"https://good"));
}

#[test]
fn what_is_not_known_never_looks_clean() {
    let bare = page(&[fixtures::bare("app.wasm")]);
    for said in [
        "Not judged",
        "no policy to judge by",
        "No genuine provenance says who built this",
        "Nothing is attached",
        "vulnerabilities: not checked",
        "Nobody looked for vulnerabilities",
        "no genuine SBOM lists it",
        "packages: no SBOM",
    ] {
        assert!(bare.contains(said), "{said}");
    }
    for said in [
        "None known",
        "none known",
        ">Passed<",
        "Nothing that a reader would look for",
    ] {
        assert!(!bare.contains(said), "{said}");
    }
}

#[test]
fn the_worst_come_first_and_too_much_is_said_to_be_left_out() {
    let release = page(&fixtures::release());
    let places: Vec<_> = [
        "ghcr.io/wasmcloud/wash:2.0.1",
        "wash-docs.tar.gz",
        "wash-x86_64-unknown-linux-musl",
    ]
    .map(|name| release.find(&format!("\">{name}</a>")).unwrap())
    .into();
    assert!(places.is_sorted());
    assert!(!release.contains("left out, because"));

    let many: Vec<_> = (0..5).map(|_| fixtures::large(5_000)).collect();
    let many = page(&many);
    assert!(many.contains("5,000 packages left out, because this page would be too large"));
    assert_eq!(
        many.matches("<tr><th scope=\"row\">package-").count(),
        20_000
    );
}
