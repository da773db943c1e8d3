//! What of a document's component has no place in prov's own.

use std::collections::BTreeMap;

use serde_json::Value;

/// Counts in `left_out` each field of `given` that is not in `kept`, by its
/// path. Nothing has to be listed here when the model grows.
pub(super) fn count(given: &Value, kept: &Value, left_out: &mut BTreeMap<String, usize>) {
    compare(given, kept, "", left_out);
}

fn compare(given: &Value, kept: &Value, path: &str, left_out: &mut BTreeMap<String, usize>) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (key, value) in given {
                let path = match path {
                    "" => key.clone(),
                    path => format!("{path}.{key}"),
                };
                match kept.get(key) {
                    // A name is another one in the document that is made of it.
                    _ if key == "bom-ref" || is_empty(value) => {}
                    Some(kept) => compare(value, kept, &path, left_out),
                    None => *left_out.entry(path).or_default() += 1,
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) => {
            for (given, kept) in given.iter().zip(kept) {
                compare(given, kept, path, left_out);
            }
            let missing = given.len().saturating_sub(kept.len());
            if missing > 0 {
                *left_out.entry(path.to_owned()).or_default() += missing;
            }
        }
        // An unknown kind became `other`.
        (Value::String(given), Value::String(kept)) if given != kept && path.ends_with("type") => {
            *left_out.entry(format!("{path} {given}")).or_default() += 1;
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        _ => value.as_f64() == Some(0.0),
    }
}
