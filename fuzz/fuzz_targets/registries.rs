//! Any bytes are a `registries.conf` or an error that points into it. No mirror is one that
//! is blocked, one without TLS elsewhere than on this machine, or one that tags are asked
//! of and must not be; and each place is read again as it is written.
#![no_main]

use std::net::IpAddr;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use prov::oci::registries::Registries;
use prov::oci::{Name, OciError, Place, Reference, Repository};

/// What is asked for; a comment in the first line asks for more.
const NAMES: [&str; 4] = [
    "docker.io/nginx:1",
    "a.example.com/team/app",
    "localhost:5000/app:v1",
    "ghcr.io/a/b@sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
];

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|byte| *byte == b'\n');
    let registries = match Registries::parse(Path::new("fuzz"), bytes) {
        Ok(registries) => registries,
        Err(OciError::Registries { line, .. }) => return assert!(line <= lines.count()),
        Err(_) => return,
    };
    let text = String::from_utf8_lossy(bytes);
    let first = text.lines().next().and_then(|line| line.strip_prefix("# "));
    for name in NAMES.into_iter().chain(first) {
        let Ok(Reference { place, name, .. }) = name.parse() else {
            continue;
        };
        let Place::Registry(repository) = place else {
            continue;
        };
        let Ok(Some(places)) = registries.places(&repository, &name) else {
            continue;
        };
        assert!(places.mirrors.len() + places.refused.len() <= 16);
        if places.origin != repository {
            assert_sound(&places.origin, &name);
        }
        for mirror in &places.mirrors {
            assert_sound(&mirror.repository, &name);
            let itself = registries.may_write(&mirror.repository, &Name::Tag("fuzz".to_owned()));
            assert!(itself.is_ok(), "{mirror:?} is blocked");
            assert!(mirror.tags || matches!(name, Name::Digest(_)));
        }
        let blocked = registries.may_write(&repository, &name).is_err();
        assert!(!blocked || places.blocked.is_some());
    }
});

fn assert_sound(repository: &Repository, name: &Name) {
    let host = match repository.host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => &repository.host,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let here = address
        .parse()
        .is_ok_and(|address: IpAddr| address.is_loopback());
    assert!(!repository.plain || here || host == "localhost");
    let written = Reference {
        place: Place::Registry(repository.clone()),
        name: name.clone(),
        implied: false,
    };
    assert_eq!(written.to_string().parse().ok(), Some(written));
}
