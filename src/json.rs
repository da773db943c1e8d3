//! Strict JSON for documents from outside.
//!
//! Two readers must never see two documents in the same bytes, so a key that
//! stands twice in an object is an error here (RFC 8259 §4 leaves it open), and
//! nesting, size and the number of values are limited.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The most values that one document may hold. A statement about an SBOM of
/// 10,000 packages has about a third of this.
pub const MAX_VALUES: usize = 2_000_000;
/// The most keys that [`check`] remembers at once: those of an object and of all round it.
pub const MAX_KEYS: usize = 250_000;

/// Parses one document of at most `limit` bytes. Nesting stops at 128 levels.
pub fn parse(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    let left = Cell::new(MAX_VALUES);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { left: &left }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Checks a document of at most so many bytes and `values` as strictly as [`parse`] does,
/// and makes no tree of it. The answer is about how many bytes of memory its tree would
/// take: a hundred times those that it is written in, if somebody wants that.
pub fn check(bytes: &[u8], limit: usize, values: usize) -> Result<usize, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError::TooLarge {
            size: bytes.len(),
            limit,
        });
    }
    let mut check = Check {
        values,
        left: values,
        weight: 0,
        keys: Vec::new(),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    check.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(check.weight)
}

/// The start of a text from outside, for an error: the text itself may be megabytes.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
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
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            return Err(too_many(MAX_VALUES));
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
                return Err(twice(&key));
            }
            let value = entries.next_value_seed(self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

fn too_many<E: de::Error>(values: usize) -> E {
    E::custom(format_args!("more than {values} values"))
}

fn twice<E: de::Error>(key: &str) -> E {
    E::custom(format_args!("the key `{}` twice", excerpt(key)))
}

/// A walk through a document that keeps nothing but the keys of the objects it is in.
struct Check<'de> {
    values: usize,
    left: usize,
    weight: usize,
    keys: Vec<Cow<'de, str>>,
}

/// What an allocation of so many bytes takes.
fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => bytes.next_multiple_of(16) + 16,
    }
}

impl<'de> DeserializeSeed<'de> for &mut Check<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| too_many(self.values))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Check<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.weight += allocated(text.len());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let mut count: usize = 0;
        while sequence.next_element_seed(&mut *self)?.is_some() {
            count += 1;
        }
        if count > 0 {
            // A vector doubles, and starts with four.
            let capacity = count.next_power_of_two().max(4);
            self.weight += allocated(capacity * size_of::<Value>());
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        /// A node of a B-tree has room for so many entries, and is half full.
        const ROOM: usize = 11;
        let start = self.keys.len();
        while let Some(key) = entries.next_key_seed(Key)? {
            if self.keys.len() >= MAX_KEYS {
                let message = format_args!("more than {MAX_KEYS} keys in one object");
                return Err(de::Error::custom(message));
            }
            self.weight += allocated(key.len());
            self.keys.push(key);
            entries.next_value_seed(&mut *self)?;
        }
        let own = self.keys.get_mut(start..).unwrap_or_default();
        own.sort_unstable();
        if let Some(same) = own.windows(2).find(|two| two[0] == two[1]) {
            return Err(twice(&same[0]));
        }
        if !own.is_empty() {
            let nodes = own.len() / (ROOM / 2) + 1;
            let node = ROOM * (size_of::<String>() + size_of::<Value>());
            self.weight += nodes * allocated(node);
        }
        self.keys.truncate(start);
        Ok(())
    }
}

/// A key, as it stands in the document where that is possible.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both readers say, without the tree.
    fn parse(bytes: &[u8], limit: usize) -> Result<Value, JsonError> {
        let checked = check(bytes, limit, MAX_VALUES);
        let parsed = super::parse(bytes, limit);
        assert_eq!(checked.is_ok(), parsed.is_ok(), "{checked:?} {parsed:?}");
        parsed
    }

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
        assert!(check(b"[1,2]", 1000, 3).is_ok());
        assert!(check(b"[1,2]", 1000, 2).is_err());
    }

    #[test]
    fn keys_are_many_but_not_endless() {
        let object = |keys: usize| {
            let keys: Vec<_> = (0..keys).map(|key| format!(r#""{key}":0"#)).collect();
            format!("{{{}}}", keys.join(","))
        };
        let most = object(MAX_KEYS);
        assert!(check(most.as_bytes(), usize::MAX, MAX_VALUES).is_ok());
        let error = check(object(MAX_KEYS + 1).as_bytes(), usize::MAX, MAX_VALUES).unwrap_err();
        assert!(error.to_string().contains("keys"), "{error}");
        // Those of an object that ended are forgotten.
        let two = format!("[{most},{most}]");
        assert!(check(two.as_bytes(), usize::MAX, MAX_VALUES).is_ok());
    }

    #[test]
    fn what_a_tree_takes_is_told_beforehand() {
        let weight = |text: &str| check(text.as_bytes(), usize::MAX, MAX_VALUES).unwrap();
        assert_eq!(weight("1"), 0);
        assert!((100..200).contains(&weight(r#"["abc"]"#)));
        // An object takes a whole node, whatever is in it.
        assert!((600..1000).contains(&weight(r#"{"a":{}}"#)));
        let heavy = format!("[{}0]", r#"{"a":{}},"#.repeat(1000));
        assert!((600_000..1_000_000).contains(&weight(&heavy)));
    }
}
