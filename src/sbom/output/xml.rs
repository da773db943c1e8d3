//! A document as XML, by the table of [`super::super::xml_shape`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::import::cyclonedx_xml::NAMESPACE;
use super::super::xml_shape::{BOM, EXPRESSION, EXPRESSION_DETAILED, LICENSE, Noun, Shape};
use super::SpecVersion;

/// Writes a document that has the shape of JSON.
pub(super) fn write(
    document: &Value,
    version: SpecVersion,
    lost: &mut BTreeMap<String, usize>,
) -> String {
    let mut writer = Writer {
        text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        replaced: 0,
    };
    let namespace = format!("{NAMESPACE}{}", version.as_str());
    writer.noun("bom", Some(&namespace), document, &BOM, 0);
    if writer.replaced > 0 {
        let what = "characters that XML can't hold".to_owned();
        *lost.entry(what).or_default() += writer.replaced;
    }
    writer.text
}

struct Writer {
    text: String,
    replaced: usize,
}

impl Writer {
    /// How deep it goes, whoever made the document has limited.
    fn noun(
        &mut self,
        element: &str,
        namespace: Option<&str>,
        value: &Value,
        noun: &Noun,
        depth: usize,
    ) {
        self.open(element, depth);
        if let Some(namespace) = namespace {
            self.attribute("xmlns", namespace);
        }
        let mut content = None;
        let mut is_empty = true;
        for field in noun.fields {
            match (&field.shape, value.get(field.key)) {
                (_, None) => {}
                (Shape::Attribute, Some(value)) => self.attribute(field.element, &scalar(value)),
                (Shape::Content(_), Some(value)) => content = Some(scalar(value)),
                _ => is_empty = false,
            }
        }
        match content {
            Some(content) => {
                self.text.push('>');
                self.escape(&content, false);
                self.close(element);
                return;
            }
            None if is_empty => {
                self.text.push_str("/>\n");
                return;
            }
            None => self.text.push_str(">\n"),
        }
        for field in noun.fields {
            if let Some(value) = value.get(field.key) {
                self.field(field.element, &field.shape, value, depth + 1);
            }
        }
        self.indent(depth);
        self.close(element);
    }

    fn field(&mut self, element: &str, shape: &Shape, value: &Value, depth: usize) {
        match shape {
            Shape::Attribute | Shape::Content(_) => {}
            Shape::Text | Shape::Number => self.leaf(element, &scalar(value), depth),
            Shape::Texts => {
                for each in all(value) {
                    self.leaf(element, &scalar(each), depth);
                }
            }
            Shape::Object(noun) => self.noun(element, None, value, noun, depth),
            Shape::Repeated(noun) => {
                for each in all(value) {
                    self.noun(element, None, each, noun, depth);
                }
            }
            Shape::List(item, noun) => self.wrapped(element, depth, |writer, depth| {
                for each in all(value) {
                    writer.noun(item, None, each, noun, depth);
                }
            }),
            Shape::Pointers(Some(item)) => self.wrapped(element, depth, |writer, depth| {
                writer.pointers(item, value, depth);
            }),
            Shape::Pointers(None) => self.pointers(element, value, depth),
            Shape::Choices => self.wrapped(element, depth, |writer, depth| {
                for each in all(value) {
                    match (each.get("license"), each.get("expressionDetails")) {
                        (Some(license), _) => {
                            writer.noun("license", None, license, &LICENSE, depth);
                        }
                        (None, Some(_)) => {
                            let noun = &EXPRESSION_DETAILED;
                            writer.noun("expression-detailed", None, each, noun, depth);
                        }
                        (None, None) => writer.noun("expression", None, each, &EXPRESSION, depth),
                    }
                }
            }),
        }
    }

    fn wrapped(&mut self, element: &str, depth: usize, inner: impl Fn(&mut Self, usize)) {
        self.open(element, depth);
        self.text.push_str(">\n");
        inner(self, depth + 1);
        self.indent(depth);
        self.close(element);
    }

    fn pointers(&mut self, element: &str, value: &Value, depth: usize) {
        for each in all(value) {
            self.open(element, depth);
            self.attribute("ref", &scalar(each));
            self.text.push_str("/>\n");
        }
    }

    fn leaf(&mut self, element: &str, text: &str, depth: usize) {
        self.open(element, depth);
        self.text.push('>');
        self.escape(text, false);
        self.close(element);
    }

    fn open(&mut self, element: &str, depth: usize) {
        self.indent(depth);
        self.text.push('<');
        self.text.push_str(element);
    }

    fn close(&mut self, element: &str) {
        self.text.push_str("</");
        self.text.push_str(element);
        self.text.push_str(">\n");
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.text.push(' ');
        self.text.push_str(name);
        self.text.push_str("=\"");
        self.escape(value, true);
        self.text.push('"');
    }

    /// XML 1.0 §2.2 and §2.4; white space in an attribute would become blanks
    /// (§3.3.3), and a carriage return a line end (§2.11).
    fn escape(&mut self, text: &str, attribute: bool) {
        for c in text.chars() {
            match c {
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '&' => self.text.push_str("&amp;"),
                '"' if attribute => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#13;"),
                '\n' if attribute => self.text.push_str("&#10;"),
                '\t' if attribute => self.text.push_str("&#9;"),
                '\n' | '\t' => self.text.push(c),
                '\0'..' ' | '\u{fffe}' | '\u{ffff}' => {
                    self.replaced += 1;
                    self.text.push('\u{fffd}');
                }
                c => self.text.push(c),
            }
        }
    }
}

fn all(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
