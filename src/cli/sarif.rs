//! SARIF 2.1.0 (OASIS, 2020), as far as all documents of prov have it in common.

use serde_json::{Value, json};

/// A document of one run, by the address of the schema that it names.
pub(super) fn document(schema: &str, rules: Vec<Value>, results: Vec<Value>) -> Value {
    json!({
        "$schema": schema,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "prov",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

/// A result at one place. `text` holds nothing that would steer a terminal.
pub(super) fn result(rule: &str, level: &str, text: &str, location: &Value) -> Value {
    json!({
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [location],
    })
}

/// A relative reference (RFC 3986 §4.2) that is nothing else, whatever `name` holds:
/// what is neither unreserved, a slash nor one of `kept` is encoded, and a colon before
/// the first slash always, for it would make a scheme.
pub(super) fn uri(name: &str, kept: &[u8]) -> String {
    let mut uri = String::new();
    for byte in name.bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte if kept.contains(&byte) && (byte != b':' || uri.contains('/')) => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// The official schema as a judge.
#[cfg(test)]
pub(super) mod schema {
    #![allow(clippy::unwrap_used, clippy::panic)] // tests fail by panicking

    use std::path::Path;
    use std::process::Command;

    use jsonschema::Validator;
    use serde_json::Value;

    /// As `github.com/owenrumney/go-sarif` carries it in Go's module cache, where
    /// `tests/peers/install` puts it. Where it is not, that is said.
    pub(in crate::cli) fn judge() -> Option<Validator> {
        let go = Command::new("go").args(["env", "GOMODCACHE"]).output();
        let cache = go.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let path = "github.com/owenrumney/go-sarif/v3@v3.3.0/pkg/report/v210/sarif/schema.go";
        let Ok(source) = std::fs::read_to_string(Path::new(&cache.unwrap_or_default()).join(path))
        else {
            let said =
                "SKIPPED: SARIF is not judged, for `tests/peers/install` did not get its schema";
            crate::cli::ui::say(said);
            assert!(std::env::var_os("CI").is_none(), "{said}");
            return None;
        };
        let schema: Value = serde_json::from_str(source.split('`').nth(1).unwrap()).unwrap();
        Some(jsonschema::draft4::new(&schema).unwrap())
    }

    /// Panics with all that is wrong with `document`.
    pub(in crate::cli) fn accepts(judge: &Validator, document: &Value) {
        let errors = judge.iter_errors(document);
        let errors: Vec<String> = errors
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_an_address_of_its_own() {
        let reference = "ghcr.io/a/b:v1@sha256:00";
        assert_eq!(uri(reference, b"@+:"), reference);
        assert_eq!(uri(reference, b""), "ghcr.io/a/b%3Av1%40sha256%3A00");
        assert_eq!(uri("javascript:x", b":"), "javascript%3Ax");
        assert_eq!(uri("a b?#%\u{1b}ü", b"@+:"), "a%20b%3F%23%25%1B%C3%BC");
    }
}
