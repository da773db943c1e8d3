//! The honest registry is judged by the distribution specification's own suite: what
//! prov is tested with does what registries do.

use std::process::Command;

use crate::honest::Honest;
use crate::support::{peer, said};

#[test]
fn the_honest_registry_conforms() {
    let Some(suite) = peer("conformance") else {
        return;
    };
    for api in [true, false] {
        let registry = Honest::new(api);
        let server = registry.serve();
        let results = tempfile::tempdir().unwrap();
        let output = Command::new(&suite)
            .current_dir(results.path())
            .env("OCI_REGISTRY", server.host())
            .env("OCI_TLS", "disabled")
            .env("OCI_LOG", "error")
            .env("OCI_API_BLOBS_UPLOAD_CANCEL", "true")
            .env("OCI_API_REFERRER", api.to_string())
            .output()
            .unwrap();
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        // Each part was judged, but for what the specification does not have yet.
        let count = |word: &str| said.lines().filter(|line| line.ends_with(word)).count();
        assert_eq!((count("FAIL"), count("Skip")), (0, 0), "{said}");
        let parts = [
            "Blob chunked",
            "Blob mount",
            "Blob delete",
            "Manifest put",
            "Tag list",
        ];
        for part in parts.into_iter().chain(api.then_some("Referrers")) {
            let passed = |line: &&str| line.trim().starts_with(part) && line.ends_with("Pass");
            assert!(said.lines().any(|line| passed(&line)), "{part}: {said}");
        }
    }
}
