//! Strict JSON for documents from outside.
//!
//! Two readers must never see two documents in the same bytes, so a key that
//! stands twice in an object is an error here (RFC 8259 §4 leaves it open), and
//! nesting, size and the number of values are limited.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most values that one document may hold. A statement about an SBOM of
/// 10,000 packages has about a third of this.
pub const MAX_VALUES: usize = 2_000_000;

/// Parses one document of at most `limit` bytes. Nesting stops at 128 levels.
pub fn parse(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
    parse_few(bytes, limit, MAX_VALUES)
}

/// The same, for a document that has at most so many `values`: each takes more memory
/// than the two bytes that it can be written in.
pub fn parse_few(bytes: &[u8], limit: usize, values: usize) -> Result<Value, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    let left = Cell::new(values);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict {
        left: &left,
        values,
    };
    let value = strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Why a document is no acceptable JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Larger than prov reads.
    #[error("{size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// Bytes seen.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not JSON, nested too deep, or a key stands twice.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    left: &'a Cell<usize>,
    values: usize,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(de::Error::custom(format_args!(
                "more than {} values",
                self.values
            )));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key `{key}` twice")));
            }
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_serde_json() {
        let text = r#"{"a":[1,-2,3.5,"é\n",null,true],"b":{"c":18446744073709551615}}"#;
        assert_eq!(
            parse(text.as_bytes(), 1000).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":{"a":1,"\u0061":2}}"#,
            "{} {}",
            "",
            "nul",
        ] {
            assert!(parse(bad.as_bytes(), 1000).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn refuses_depth_and_size() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(deep.as_bytes(), 1000).is_err());
        assert!(matches!(
            parse(b"[1]", 2),
            Err(JsonError::TooLarge { size: 3, limit: 2 })
        ));
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(parse(many.as_bytes(), usize::MAX).is_err());
        assert!(parse_few(b"[1,2]", 1000, 3).is_ok());
        assert!(parse_few(b"[1,2]", 1000, 2).is_err());
    }
}
