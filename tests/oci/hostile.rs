//! Registries that do what they should not: known bugs, known attacks.
//!
//! None of it may panic, hang, take memory without end, reach a place that it should
//! not, or turn "can't say" into "not signed".

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use prov::oci::Content;

use super::*;
use crate::honest::Honest;
use crate::server::{Reply, Request, Server};

/// An honest registry with one artifact and two bundles attached to it.
fn attached(api: bool) -> (Honest, String) {
    let registry = Honest::new(api);
    let (subject, _) = artifact(&registry, b"content", "v1");
    let mut entries = Vec::new();
    for number in 0..2 {
        let manifest = referrer(&registry, &subject, &bundle(number));
        let digest = registry.put_manifest(&manifest, None);
        entries.push(
            json!({"mediaType": IMAGE, "digest": digest, "artifactType": BUNDLE,
            "size": manifest.to_string().len()}),
        );
    }
    if !api {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        registry.put_manifest(&index, Some(&subject.replace(':', "-")));
    }
    (registry, subject)
}

/// How many bundles are found when `lie` is told.
fn found(
    api: bool,
    lie: impl Fn(&Request, &Honest) -> Option<Reply> + Send + Sync + 'static,
) -> Result<(usize, usize), OciError> {
    let (registry, _) = attached(api);
    let server = registry.serve_but(lie);
    count(&*store(&format!("{}/a", server.host())), "v1")
}

fn is_list(request: &Request) -> bool {
    request.path.contains("/referrers/")
}

fn is_tag(request: &Request) -> bool {
    request.path.contains("/manifests/sha256-")
}

#[test]
fn the_honest_one_has_two() {
    for api in [true, false] {
        assert_eq!(found(api, |_, _| None).unwrap(), (2, 0));
    }
}

// ------------------------------------------------ denial disguised as absence

/// Row b, case 15.
#[test]
fn a_refusal_is_no_empty_list() {
    for status in [401, 403, 429, 500, 502, 503, 418] {
        for (api, is_asked) in [(true, is_list as fn(&Request) -> bool), (false, is_tag)] {
            let answer = found(api, move |request, _| {
                is_asked(request).then(|| Reply::error(status, "DENIED"))
            });
            assert!(
                !answer.as_ref().unwrap_err().is_not_found(),
                "{status} {answer:?}"
            );
        }
    }
}

/// Case 15: a page for people, at every address.
#[test]
fn a_login_page_is_no_empty_list() {
    let page = |request: &Request| {
        (is_list(request) || is_tag(request))
            .then(|| Reply::status(200).body("text/html", "<html>please log in</html>"))
    };
    for api in [true, false] {
        assert!(found(api, move |request, _| page(request)).is_err());
    }
}

/// Row e: registries without the API say so in several ways.
#[test]
fn no_api_is_said_in_several_ways() {
    for status in [400, 404, 405, 406, 200] {
        let answer = found(false, move |request, _| {
            is_list(request).then(|| Reply::status(status).body("text/plain", "no"))
        });
        assert_eq!(answer.unwrap(), (2, 0), "{status}");
    }
}

#[test]
fn a_connection_that_ends_is_no_empty_list() {
    for api in [true, false] {
        let answer = found(api, |request, _| {
            (is_list(request) || is_tag(request)).then(|| Reply::raw(|_| {}))
        });
        assert!(
            matches!(answer, Err(OciError::Connection { .. })),
            "{answer:?}"
        );
    }
}

/// A busy registry says when to come again.
#[test]
fn a_busy_registry_is_asked_again() {
    let busy = AtomicUsize::new(0);
    let answer = found(true, move |request, _| {
        let first = is_list(request) && busy.fetch_add(1, Ordering::SeqCst) < 2;
        first.then(|| Reply::error(429, "TOOMANYREQUESTS").with("retry-after", 0))
    });
    assert_eq!(answer.unwrap(), (2, 0));
    // But not for ever, and not in an hour.
    let start = Instant::now();
    let answer = found(true, |request, _| {
        is_list(request).then(|| Reply::error(503, "BUSY").with("retry-after", 3600))
    });
    assert!(matches!(answer, Err(OciError::Answer { .. })), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

// ------------------------------------------------ lists that lie

/// Row l, case 11: some registries find the subject under its fallback tag.
#[test]
fn the_subject_is_no_list_of_its_referrers() {
    let (registry, subject) = attached(true);
    let manifest = registry.manifest(&subject).unwrap().to_string();
    let answer = found(false, move |request, _| {
        is_tag(request).then(|| Reply::status(200).body(IMAGE, manifest.clone()))
    });
    assert_eq!(answer.unwrap(), (0, 0));
}

/// `cosign copy` writes the subject under that tag; another image there is worse.
#[test]
fn a_fallback_tag_that_holds_an_image() {
    let registry = Honest::new(false);
    let (subject, _) = artifact(&registry, b"content", "v1");
    let tag = subject.replace(':', "-");
    registry.set_tag(&tag, &subject);
    let server = registry.serve();
    let store = store(&format!("{}/a", server.host()));
    attach(&*store, "v1", 0..2).unwrap();
    assert_eq!(count(&*store, "v1").unwrap(), (2, 0));

    let (other, _) = artifact(&registry, b"other", "other");
    registry.set_tag(&tag, &other);
    assert!(matches!(
        count(&*store, "v1"),
        Err(OciError::FallbackTag { .. })
    ));
    assert!(matches!(
        attach(&*store, "v1", 2..3),
        Err(OciError::FallbackTag { .. })
    ));
    assert_eq!(registry.tag(&tag).unwrap(), other);
}

/// Row c, case 12: a page that is missing is a list that is not whole.
#[test]
fn truncated_pages() {
    for status in [200, 404, 403, 500] {
        let answer = found(true, move |request, honest| {
            if request.query.contains("n=") {
                return Some(Reply::status(status).body("text/html", "gone"));
            }
            is_list(request).then(|| {
                let path = format!("<{}?n=2>; rel=\"next\"", request.path);
                honest.handle(request).with("link", path)
            })
        });
        assert!(answer.is_err(), "{status}: {answer:?}");
    }
}

/// Case 9: pages without end, each with something new or with nothing.
#[test]
fn endless_pages() {
    for new in [true, false] {
        let number = AtomicUsize::new(0);
        let answer = found(true, move |request, _| {
            is_list(request).then(|| {
                let number = number.fetch_add(1, Ordering::SeqCst);
                let digest = honest::sha256(&number.to_le_bytes());
                let entry = json!({"mediaType": IMAGE, "digest": digest, "size": 1});
                let entries = if new { vec![entry] } else { Vec::new() };
                let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
                let next = format!("<{}?n={number}>; rel=\"next\"", request.path);
                Reply::status(200)
                    .body(INDEX, index.to_string())
                    .with("link", next)
            })
        });
        assert!(
            matches!(answer, Err(OciError::TooMany { .. })),
            "{answer:?}"
        );
    }
}

/// Case 9 (CVE-2023-46737): so many referrers that nobody could read them.
#[test]
fn endless_referrers() {
    for count in [501usize, 4097, 60_000] {
        // Made beforehand: a list that comes slowly is refused for that.
        let entry = |number: usize| {
            let digest = honest::sha256(&number.to_le_bytes());
            json!({"mediaType": "a", "digest": digest, "size": 1})
        };
        let entries: Vec<_> = (0..count).map(entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        let index = index.to_string();
        let answer = found(true, move |request, _| {
            is_list(request).then(|| Reply::status(200).body(INDEX, index.clone()))
        });
        assert!(
            matches!(
                answer,
                Err(OciError::TooMany { .. } | OciError::TooLarge { .. })
            ),
            "{count}: {answer:?}"
        );
    }
}

#[test]
fn the_next_page_is_of_the_same_list() {
    let other = Server::start(|_| Reply::status(200));
    for next in [
        format!("http://{}/v2/a/referrers/x", other.host()),
        "/v2/b/referrers/x".to_owned(),
        "//example.com/x".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let link = format!("<{next}>; rel=\"next\"");
        let answer = found(true, move |request, honest| {
            is_list(request).then(|| honest.handle(request).with("link", &link))
        });
        assert!(
            matches!(answer, Err(OciError::Answer { .. })),
            "{next}: {answer:?}"
        );
    }
    assert!(other.asked().is_empty());
}

/// Case 13: a list that says something else than the manifests in it.
#[test]
fn only_a_referrers_own_manifest_counts() {
    let (registry, subject) = attached(true);
    let stranger = artifact(&registry, b"stranger", "stranger").0;
    let others = registry.put_manifest(&referrer(&registry, &stranger, &bundle(9)), None);
    let mut lying = registry.listed(&subject);
    // The type that is claimed is of no matter, either way.
    lying[0]["artifactType"] = json!("text/plain");
    lying[1]["annotations"] = json!({"dev.sigstore.bundle.predicateType": "x"});
    for digest in [&others, &stranger, &honest::sha256(b"gone")] {
        lying
            .push(json!({"mediaType": IMAGE, "digest": digest, "size": 1, "artifactType": BUNDLE}));
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": lying}).to_string();
    let server = registry.serve_but(move |request, _| {
        is_list(request).then(|| Reply::status(200).body(INDEX, index.clone()))
    });
    let answer = count(&*store(&format!("{}/a", server.host())), "v1");
    assert_eq!(answer.unwrap(), (2, 3));
}

/// What is attached and can't be had right now is not "nothing attached".
#[test]
fn a_referrer_that_is_denied_is_an_error() {
    let (registry, subject) = attached(true);
    let digest = registry.listed(&subject)[0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let server = registry.serve_but(move |request, _| {
        request
            .path
            .ends_with(&digest)
            .then(|| Reply::error(403, "DENIED"))
    });
    let answer = count(&*store(&format!("{}/a", server.host())), "v1");
    assert!(matches!(answer, Err(OciError::Denied { .. })), "{answer:?}");
}

// ------------------------------------------------ content that lies

/// Row f, case 8: a manifest without end, its size said or not.
#[test]
fn a_huge_manifest() {
    for said in [true, false] {
        let registry = Honest::new(true);
        let server = registry.serve_but(move |request, _| {
            (request.line() == "GET /v2/a/manifests/v1").then(|| {
                Reply::raw(move |stream| {
                    let length = if said {
                        "content-length: 600000000\r\n"
                    } else {
                        ""
                    };
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {IMAGE}\r\n{length}\r\n");
                    let _ = stream.write_all(head.as_bytes());
                    for _ in 0..600 {
                        if stream.write_all(&[b' '; 1_000_000]).is_err() {
                            return;
                        }
                    }
                })
            })
        });
        let start = Instant::now();
        let answer = find(&*store(&format!("{}/a", server.host())), "v1");
        assert!(
            matches!(answer, Err(OciError::TooLarge { .. })),
            "{answer:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

/// Case 7 (CVE-2021-41190), and JSON that two readers read differently.
#[test]
fn ambiguous_manifests() {
    let (registry, subject) = attached(true);
    let honest = registry.manifest(&subject).unwrap().to_string();
    let both = honest.replace("\"layers\"", "\"manifests\":[],\"layers\"");
    let twice = honest.replace("\"layers\"", "\"layers\":[],\"layers\"");
    for (media_type, body) in [
        (INDEX, honest.clone()),
        ("text/html", honest.clone()),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            honest.clone(),
        ),
        (IMAGE, both),
        (IMAGE, twice),
        (IMAGE, honest + "{}"),
        (IMAGE, "[".repeat(100_000)),
        (IMAGE, String::new()),
    ] {
        let said = body.clone();
        let server = registry.serve_but(move |request, _| {
            (request.line() == "GET /v2/a/manifests/v1")
                .then(|| Reply::status(200).body(media_type, said.clone()))
        });
        let answer = find(&*store(&format!("{}/a", server.host())), "v1");
        assert!(
            matches!(answer, Err(OciError::Manifest(_) | OciError::Json { .. })),
            "{media_type} {body:.80}: {answer:?}"
        );
    }
}

#[test]
fn another_manifest_than_was_asked_for() {
    let (registry, subject) = attached(true);
    let other = artifact(&registry, b"other", "other").0;
    let manifest = registry.manifest(&other).unwrap().to_string();
    let server = registry.serve_but(move |request, _| {
        request.path.contains("/manifests/").then(|| {
            Reply::status(200)
                .body(IMAGE, manifest.clone())
                .with("docker-content-digest", &subject)
        })
    });
    let store = store(&format!("{}/a", server.host()));
    let digest = attached(true).1.parse().unwrap();
    // By its digest, and by a tag whose digest the registry itself names.
    for name in [Name::Digest(digest), Name::Tag("v1".into())] {
        let answer = run(store.manifest(&name));
        assert!(
            matches!(answer, Err(OciError::OtherDigest { .. })),
            "{answer:?}"
        );
    }
}

/// Row h, case 3: a digest that is a path. Row i, case 4: `urls` that lead elsewhere.
#[test]
fn nothing_but_content_by_digest_is_asked_for() {
    let other = Server::start(|_| Reply::status(200).body("text/plain", "secret"));
    let registry = Honest::new(true);
    let (_, mut manifest) = artifact(&registry, b"content", "v1");
    manifest["layers"][0]["digest"] = json!("../../../../admin/secret?x=");
    registry.put_manifest(&manifest, Some("traversal"));
    manifest["layers"][0]["digest"] = json!(honest::sha256(b"not there"));
    manifest["layers"][0]["urls"] = json!([format!("http://{}/internal", other.host())]);
    registry.put_manifest(&manifest, Some("urls"));
    let server = registry.serve();
    let store = store(&format!("{}/a", server.host()));

    let answer = find(&*store, "traversal");
    assert!(matches!(answer, Err(OciError::Manifest(_))), "{answer:?}");
    let manifest = find(&*store, "urls").unwrap();
    let answer = run(async { store.blob(&manifest.layers()[0]).await?.read(100).await });
    assert!(answer.unwrap_err().is_not_found());
    assert!(other.asked().is_empty());
    assert!(
        server
            .asked()
            .iter()
            .all(|request| request.path.starts_with("/v2/a/"))
    );
}

fn blob(server: &Server, content: &[u8]) -> Result<Bytes, OciError> {
    let store = store(&format!("{}/a", server.host()));
    let descriptor = Descriptor::of("text/plain", content);
    run(async { store.blob(&descriptor).await?.read(1 << 30).await })
}

#[test]
fn other_content_than_was_asked_for() {
    for (said, longer) in [
        (&b"CONTENT"[..], false),
        (b"conten", false),
        (b"content+", true),
    ] {
        let server = Server::start(move |_| Reply::status(200).body("a", said));
        let answer = blob(&server, b"content");
        assert!(
            matches!(
                answer,
                Err(OciError::OtherDigest { .. } | OciError::OtherSize { .. })
            ),
            "{answer:?}"
        );
        // And when its length is not said.
        let server = Server::start(move |_| {
            Reply::raw(move |stream| {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                let _ = stream.write_all(said);
                if longer {
                    for _ in 0..600 {
                        let _ = stream.write_all(&[0; 1_000_000]);
                    }
                }
            })
        });
        let answer = blob(&server, b"content");
        assert!(
            matches!(
                answer,
                Err(OciError::OtherDigest { .. } | OciError::OtherSize { .. })
            ),
            "{answer:?}"
        );
    }
}

/// A connection that breaks is taken up again where it broke, and not for ever.
#[test]
fn broken_connections_are_taken_up() {
    let content: Vec<u8> = (0..1_000_000u32).map(|number| number as u8).collect();
    for (ranges, whole) in [(true, false), (false, true)] {
        let registry = Honest::new(true);
        registry.put_blob(&content);
        let (tries, bytes) = (AtomicUsize::new(0), content.clone());
        let server = registry.serve_but(move |request, _| {
            let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
            if first {
                let part = bytes[..400_000].to_vec();
                let length = bytes.len();
                return Some(Reply::raw(move |stream| {
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                    let _ = stream.write_all(head.as_bytes());
                    let _ = stream.write_all(&part);
                }));
            }
            (!ranges).then(|| {
                assert!(request.header("range").is_some());
                Reply::status(200).body("a", bytes.clone())
            })
        });
        assert_eq!(blob(&server, &content).unwrap(), content);
        assert_eq!(server.asked().len(), 2, "{whole}");
        assert!(server.asked()[1].header("range").is_some());
    }
    let always = Server::start(|_| {
        Reply::raw(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nc");
        })
    });
    assert!(blob(&always, b"content").is_err());
    assert!(always.asked().len() <= 4);
}

/// Another part than was asked for.
#[test]
fn a_wrong_part_is_refused() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::raw(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncon");
        }),
        _ => Reply::status(206)
            .with("content-range", "bytes 0-6/7")
            .body("a", "tent"),
    });
    assert!(matches!(
        blob(&server, b"content"),
        Err(OciError::Answer { .. })
    ));
}

/// Bodies that come so slowly that they never end.
#[test]
fn slow_bodies() {
    fn drip(head: &'static [u8]) -> Server {
        Server::start(move |_| {
            Reply::raw(move |stream| {
                let _ = stream.write_all(head);
                for _ in 0..100 {
                    thread::sleep(Duration::from_millis(300));
                    if stream.write_all(b" ").is_err() {
                        return;
                    }
                }
            })
        })
    }
    let silent = Server::start(|_| Reply::raw(|_| thread::sleep(Duration::from_secs(20))));
    let start = Instant::now();
    let manifest = drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    let answer = find(&*store(&format!("{}/a", manifest.host())), "v1");
    assert!(matches!(answer, Err(OciError::Slow { .. })), "{answer:?}");
    let content = drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    let answer = blob(&content, &[b' '; 1000]);
    assert!(matches!(answer, Err(OciError::Slow { .. })), "{answer:?}");
    let answer = find(&*store(&format!("{}/a", silent.host())), "v1");
    assert!(matches!(answer, Err(OciError::Slow { .. })), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

/// Row k.
#[test]
fn redirects_end() {
    let server = Server::start(|_| Reply::status(307).with("location", "/v2/again"));
    let answer = blob(&server, b"content");
    assert!(matches!(answer, Err(OciError::Answer { .. })), "{answer:?}");
    for target in [
        "file:///etc/passwd",
        "http://example.com/x",
        "http://10.0.0.1/x",
        "",
        "http://",
    ] {
        let server = Server::start(move |_| Reply::status(302).with("location", target));
        assert!(blob(&server, b"content").is_err(), "{target}");
        assert!(server.asked().len() <= 7);
    }
}

// ------------------------------------------------ writing

fn put(server: &Server, content: &'static [u8]) -> Result<bool, OciError> {
    let store = store(&format!("{}/a", server.host()));
    let bytes = Bytes::from_static(content);
    let descriptor = Descriptor::of("text/plain", &bytes);
    run(store.put_blob(&descriptor, Content::Bytes(&bytes)))
}

/// Rows a and j: registries that leave `Location` and other headers out.
#[test]
fn a_registry_of_few_words() {
    let registry = Honest::new(true);
    artifact(&registry, b"content", "v1");
    let server = registry.serve_but(|request, honest| {
        (request.method == "PUT").then(|| {
            let reply = honest.handle(request);
            Reply::status(reply.status)
        })
    });
    let store = store(&format!("{}/a", server.host()));
    attach(&*store, "v1", 0..2).unwrap();
    assert_eq!(count(&*store, "v1").unwrap(), (2, 0));
}

#[test]
fn an_upload_that_leads_nowhere() {
    for location in [
        None,
        Some("file:///x"),
        Some("http://example.com/x"),
        Some("http://["),
    ] {
        let registry = Honest::new(true);
        let server = registry.serve_but(move |request, _| {
            (request.method == "POST").then(|| {
                let reply = Reply::status(202);
                match location {
                    Some(location) => reply.with("location", location),
                    None => reply,
                }
            })
        });
        let answer = put(&server, b"content");
        assert!(
            matches!(
                answer,
                Err(OciError::Answer { .. } | OciError::Pointer { .. })
            ),
            "{location:?}: {answer:?}"
        );
    }
}

/// What is refused was not stored, whatever the status.
#[test]
fn refused_uploads() {
    for status in [200, 400, 403, 404, 413, 500] {
        for method in ["POST", "PUT"] {
            let registry = Honest::new(true);
            let server = registry.serve_but(move |request, _| {
                (request.method == method).then(|| Reply::error(status, "NO"))
            });
            let answer = put(&server, b"content");
            assert!(!answer.unwrap_err().is_not_found(), "{method} {status}");
        }
    }
}

/// A registry that says yes and keeps something else, or nothing.
#[test]
fn success_means_that_it_was_read_back() {
    let (registry, _) = attached(true);
    let server = registry.serve_but(|request, _| {
        (request.method == "PUT" && request.path.contains("/manifests/"))
            .then(|| Reply::status(201).with("docker-content-digest", honest::sha256(b"other")))
    });
    let store_of = |server: &Server| store(&format!("{}/a", server.host()));
    let answer = attach(&*store_of(&server), "v1", 5..6);
    assert!(
        matches!(answer, Err(OciError::NotReadBack { .. })),
        "{answer:?}"
    );
    for api in [true, false] {
        let (registry, _) = attached(api);
        let server = registry.serve_but(|request, _| {
            (request.method == "PUT" && request.path.contains("/manifests/"))
                .then(|| Reply::status(201))
        });
        let answer = attach(&*store_of(&server), "v1", 5..6);
        assert!(
            matches!(answer, Err(OciError::NotReadBack { .. })),
            "{api}: {answer:?}"
        );
    }
}

/// Case 14: the fallback tag has no lock, and yet no writer's entry is lost.
#[test]
fn writers_of_the_fallback_tag_lose_nothing() {
    let registry = Honest::new(false);
    let (subject, _) = artifact(&registry, b"content", "v1");
    // Another writer reads what is there, and writes it back with its own entry just
    // after prov's first write: prov's entry is gone.
    let stale = Mutex::new(None);
    let rival = json!({"mediaType": IMAGE, "digest": honest::sha256(b"rival"), "size": 5,
        "artifactType": BUNDLE});
    let (entry, tag) = (rival.clone(), subject.replace(':', "-"));
    let server = registry.serve_but(move |request, honest| {
        if request.method != "PUT" || !is_tag(request) || stale.lock().unwrap().is_some() {
            return None;
        }
        *stale.lock().unwrap() = Some(());
        let reply = honest.handle(request);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        honest.put_manifest(&index, Some(&tag));
        Some(reply)
    });
    let store = store(&format!("{}/a", server.host()));
    attach(&*store, "v1", 0..2).unwrap();
    let index = registry
        .manifest(&registry.tag(&subject.replace(':', "-")).unwrap())
        .unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    assert!(
        entries
            .iter()
            .any(|entry| entry["digest"] == rival["digest"])
    );
}

/// Case 14 with several of prov's own kind at once.
#[test]
fn several_attach_at_once() {
    let registry = Honest::new(false);
    artifact(&registry, b"content", "v1");
    let server = registry.serve_but(|_, _| {
        thread::sleep(Duration::from_millis(5));
        None
    });
    let host = server.host();
    thread::scope(|scope| {
        for number in 0..4 {
            let host = &host;
            scope.spawn(move || {
                let store = store(&format!("{host}/a"));
                attach(&*store, "v1", number..number + 1).unwrap();
            });
        }
    });
    assert_eq!(count(&*store(&format!("{host}/a")), "v1").unwrap(), (4, 0));
}

/// A writer that always overwrites can't be beaten, and prov says so.
#[test]
fn a_writer_that_never_stops() {
    let registry = Honest::new(false);
    artifact(&registry, b"content", "v1");
    let server = registry.serve_but(|request, _| {
        (request.method == "PUT" && is_tag(request)).then(|| Reply::status(201))
    });
    let answer = attach(&*store(&format!("{}/a", server.host())), "v1", 0..1);
    assert!(
        matches!(answer, Err(OciError::NotReadBack { .. })),
        "{answer:?}"
    );
}

// ------------------------------------------------ copying

/// A copy ends, however deep or wide it is made to look.
#[test]
fn copies_have_an_end() {
    let registry = Honest::new(true);
    let (mut last, manifest) = artifact(&registry, b"content", "leaf");
    let mut size = manifest.to_string().len();
    let mut media_type = IMAGE;
    for _ in 0..20 {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX,
            "manifests": [{"mediaType": media_type, "digest": last, "size": size}]});
        last = registry.put_manifest(&index, Some("deep"));
        size = index.to_string().len();
        media_type = INDEX;
    }
    // An index that says something else of what is in it.
    let index = json!({"schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{"mediaType": INDEX, "digest": registry.tag("leaf").unwrap(), "size": 1}]});
    registry.put_manifest(&index, Some("lying"));
    let server = registry.serve();
    let from = store(&format!("{}/a", server.host()));
    for (tag, many) in [("deep", true), ("lying", false)] {
        let to = oci::Memory::new();
        let answer = run(oci::copy(&*from, &Name::Tag(tag.into()), &to, Some("v1")));
        assert_eq!(
            matches!(answer, Err(OciError::TooMany { .. })),
            many,
            "{answer:?}"
        );
        assert!(answer.is_err());
        assert!(
            find(&to, "v1").unwrap_err().is_not_found(),
            "half a copy has a tag"
        );
    }
}

/// Case 10: a tag that moves between two looks. It is looked at once.
#[test]
fn a_tag_that_moves() {
    let (registry, subject) = attached(true);
    let other = artifact(&registry, b"other", "other").0;
    let server = registry.serve_but(move |request, honest| {
        (request.line() == "GET /v2/a/manifests/v1").then(|| {
            let reply = honest.handle(request);
            honest.set_tag("v1", &other);
            reply
        })
    });
    let to = oci::Memory::new();
    let from = store(&format!("{}/a", server.host()));
    let (root, report) = run(oci::copy(&*from, &Name::Tag("v1".into()), &to, Some("v1"))).unwrap();
    assert_eq!((root.digest().to_string(), report.referrers), (subject, 2));
    assert_eq!(server.count("GET /v2/a/manifests/v1"), 1);
}
