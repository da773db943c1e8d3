//! A reader of TOML that knows the closed set of keys and never guesses.
//!
//! Everything that is wrong is collected, so that one run tells all of it.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{PolicyError, PolicyErrors};

/// A value and the bytes of the text where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// The text, and what was found wrong with it so far.
pub(super) struct Reader {
    text: String,
    line_starts: Vec<usize>,
    errors: RefCell<Vec<PolicyError>>,
    format: &'static [(&'static str, &'static [&'static str])],
}

impl Reader {
    /// `format` lists the sections, and the keys of each.
    pub(super) fn new(
        text: &str,
        format: &'static [(&'static str, &'static [&'static str])],
    ) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text: text.to_owned(),
            line_starts: std::iter::once(0).chain(newlines).collect(),
            errors: RefCell::default(),
            format,
        }
    }

    /// The line of a span, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts
            .partition_point(|&start| start <= span.start)
    }

    /// Where a part of a string stands. `span` is the string with its quotes and
    /// `value` what it says; a string with escapes is pointed at as a whole.
    pub(super) fn inside(
        &self,
        span: &Range<usize>,
        value: &str,
        part: &Range<usize>,
    ) -> Range<usize> {
        let start = self.text.get(span.clone()).and_then(|raw| raw.find(value));
        match start {
            Some(start) => span.start + start + part.start..span.start + start + part.end,
            None => span.clone(),
        }
    }

    pub(super) fn refuse(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.errors.borrow_mut().push(PolicyError {
            message: message.into(),
            span: span.clone(),
            hint: hint.into(),
        });
    }

    /// `Err` when anything was refused.
    pub(super) fn finish(self) -> Result<(), PolicyErrors> {
        PolicyErrors::new(self.errors.into_inner()).map_or(Ok(()), Err)
    }

    fn keys(&self, section: &str) -> &'static [&'static str] {
        self.format
            .iter()
            .find(|(name, _)| *name == section)
            .map_or(&[], |(_, keys)| keys)
    }

    fn unknown_key(&self, section: &str, key: &str, span: &Range<usize>) {
        let keys = self.keys(section);
        let elsewhere = || {
            self.format
                .iter()
                .find(|(name, keys)| !name.is_empty() && keys.contains(&key))
                .map(|(name, _)| format!("`{key}` belongs under {}", heading(name)))
        };
        let hint = nearest(key, keys)
            .map(|near| format!("did you mean `{near}`?"))
            .or_else(elsewhere)
            .unwrap_or_else(|| format!("the keys here are `{}`", keys.join("`, `")));
        let place = heading(section);
        self.refuse(span, format!("unknown key `{key}` in {place}"), hint);
    }
}

/// A section in words.
fn heading(section: &str) -> String {
    match section {
        "" => "the policy".to_owned(),
        "trust.builder" | "trust.key" | "trust.verifier" | "rule" | "exception" => {
            format!("`[[{section}]]`")
        }
        _ => format!("`[{section}]`"),
    }
}

/// The candidate that is so near to `word` that it was probably meant.
pub(super) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.replace('_', "-").to_lowercase();
    candidates
        .iter()
        .map(|&each| {
            (
                strsim::damerau_levenshtein(&word, &each.to_lowercase()),
                each,
            )
        })
        .filter(|(distance, each)| *distance <= 1 + each.len() / 4)
        .min()
        .map(|(_, each)| each)
}

/// `64 MiB` and the like, in bytes.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number
        .parse::<u32>()
        .ok()
        .map(|number| u64::from(number) << shift)
}

/// An item of a list that may hold both.
pub(super) enum TextOrTable<'a> {
    Text(At<String>),
    Table(Section<'a>),
}

/// A table of the text.
pub(super) struct Section<'a> {
    pub(super) reader: &'a Reader,
    pub(super) span: Range<usize>,
    name: &'static str,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// Refuses every key that the section does not know.
    pub(super) fn new(
        reader: &'a Reader,
        name: &'static str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
    ) -> Self {
        for key in table.keys() {
            if !reader.keys(name).contains(&key.get_ref().as_ref()) {
                reader.unknown_key(name, key.get_ref(), &key.span());
            }
        }
        Self {
            reader,
            span,
            name,
            table,
        }
    }

    /// The span of a key that is there.
    pub(super) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// Says that `key` is missing unless it is there.
    pub(super) fn demand(&self, key: &str, hint: &str) {
        if self.table.get(key).is_none() {
            self.reader.refuse(
                &self.span,
                format!("{} needs `{key}`", heading(self.name)),
                hint.to_owned(),
            );
        }
    }

    /// Text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<At<String>> {
        self.text_of(key, self.table.get(key)?)
    }

    /// A list of different texts, none of them empty.
    pub(super) fn texts(&self, key: &str) -> Option<At<Vec<At<String>>>> {
        let value = self.table.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, "a list of strings");
            return None;
        };
        if items.is_empty() {
            self.reader.refuse(
                &value.span(),
                format!("`{key}` is empty, so it says nothing"),
                "leave the key out, or list something".to_owned(),
            );
        }
        let mut texts: Vec<At<String>> = Vec::new();
        for text in items.iter().filter_map(|item| self.text_of(key, item)) {
            if texts.iter().any(|earlier| earlier.value == text.value) {
                let message = format!("`{}` stands twice in `{key}`", text.value);
                self.reader.refuse(&text.span, message, None);
            }
            texts.push(text);
        }
        Some(At {
            value: texts,
            span: value.span(),
        })
    }

    /// A whole number of the range.
    pub(super) fn number(&self, key: &str, range: Range<u8>) -> Option<At<u8>> {
        let value = self.table.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) => u8::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        let Some(number) = number.filter(|number| range.contains(number)) else {
            let wanted = format!("a number from {} to {}", range.start, range.end - 1);
            self.wrong_type(key, value, &wanted);
            return None;
        };
        Some(At {
            value: number,
            span: value.span(),
        })
    }

    /// A number of bytes that is not zero: `1000`, `"64 MiB"`.
    pub(super) fn size(&self, key: &str) -> Option<At<u64>> {
        let value = self.table.get(key)?;
        let size = match value.get_ref() {
            DeValue::Integer(integer) => {
                u64::from_str_radix(integer.as_str(), integer.radix()).ok()
            }
            DeValue::String(text) => bytes(text),
            _ => None,
        };
        let Some(size) = size.filter(|size| *size > 0) else {
            self.wrong_type(key, value, "a number of bytes, such as `\"64 MiB\"`");
            return None;
        };
        Some(At {
            value: size,
            span: value.span(),
        })
    }

    /// A list of texts and of tables, where a table says more than a text can;
    /// `name` is the table's whole name.
    pub(super) fn texts_or_tables(&self, key: &str, name: &'static str) -> Vec<TextOrTable<'a>> {
        let Some(value) = self.table.get(key) else {
            return Vec::new();
        };
        let tables = |items: &'a toml::de::DeArray<'a>| {
            items
                .iter()
                .any(|item| matches!(item.get_ref(), DeValue::Table(_)))
        };
        match value.get_ref() {
            DeValue::Array(items) if tables(items) => items
                .iter()
                .filter_map(|item| match item.get_ref() {
                    DeValue::Table(table) => Some(TextOrTable::Table(Section::new(
                        self.reader,
                        name,
                        table,
                        item.span(),
                    ))),
                    _ => self.text_of(key, item).map(TextOrTable::Text),
                })
                .collect(),
            _ => {
                let found = self.texts(key).map_or_else(Vec::new, |found| found.value);
                found.into_iter().map(TextOrTable::Text).collect()
            }
        }
    }

    /// One of the words.
    pub(super) fn word(&self, key: &str, words: &[&'static str]) -> Option<At<&'static str>> {
        let text = self.text(key)?;
        let Some(word) = words.iter().find(|word| **word == text.value) else {
            let hint = match nearest(&text.value, words) {
                Some(near) => format!("did you mean `\"{near}\"`?"),
                None => format!("the values are `\"{}\"`", words.join("\"`, `\"")),
            };
            let message = format!("`{key}` can't be `{}`", text.value);
            self.reader.refuse(&text.span, message, hint);
            return None;
        };
        Some(At {
            value: word,
            span: text.span,
        })
    }

    /// A date without a time.
    pub(super) fn date(&self, key: &str) -> Option<At<jiff::civil::Date>> {
        let value = self.table.get(key)?;
        let date = match value.get_ref() {
            DeValue::Datetime(time) if time.time.is_none() => time.date,
            _ => None,
        };
        let date = date.and_then(|date| {
            let year = i16::try_from(date.year).ok()?;
            let (month, day) = (i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?);
            jiff::civil::Date::new(year, month, day).ok()
        });
        let Some(date) = date else {
            self.wrong_type(key, value, "a date without quotes, such as 2027-01-31");
            return None;
        };
        Some(At {
            value: date,
            span: value.span(),
        })
    }

    /// `[name]` under this section; `name` is its whole name.
    pub(super) fn section(&self, key: &str, name: &'static str) -> Option<Section<'a>> {
        let value = self.table.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, value, &format!("a table, written `[{name}]`"));
            return None;
        };
        let section = Section::new(self.reader, name, table, value.span());
        if table.is_empty() {
            let message = format!("`[{name}]` is empty, so it says nothing");
            self.reader
                .refuse(&value.span(), message, "leave it out".to_owned());
        }
        Some(section)
    }

    /// Each `[[name]]` under this section; `name` is its whole name.
    pub(super) fn sections(&self, key: &str, name: &'static str) -> Vec<Section<'a>> {
        let Some(value) = self.table.get(key) else {
            return Vec::new();
        };
        let wanted = format!("a list of tables, each written `[[{name}]]`");
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(key, value, &wanted);
            return Vec::new();
        };
        if items.is_empty() {
            self.reader.refuse(
                &value.span(),
                format!("`{key}` is empty, so it says nothing"),
                "leave the key out".to_owned(),
            );
        }
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section::new(self.reader, name, table, item.span()));
                }
                _ => self.wrong_type(key, item, &wanted),
            }
        }
        sections
    }

    fn text_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(key, value, "a string");
            return None;
        };
        if text.trim().is_empty() {
            let message = format!("`{key}` holds an empty string");
            self.reader.refuse(&value.span(), message, None);
            return None;
        }
        Some(At {
            value: text.clone().into_owned(),
            span: value.span(),
        })
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let seen = match value.get_ref() {
            DeValue::String(text) => format!("the string {text:?}"),
            DeValue::Integer(integer) => format!("the number {integer}"),
            DeValue::Float(float) => format!("the number {float}"),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Datetime(time) => format!("the time {time}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let message = format!("`{key}` is {seen}, wanted {wanted}");
        self.reader.refuse(&value.span(), message, None);
    }
}
