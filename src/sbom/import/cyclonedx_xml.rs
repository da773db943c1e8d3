//! CycloneDX 1.3 to 1.7 as XML: brought into the shape of its JSON, and read as
//! that.

use serde_json::{Map, Number, Value};

use super::super::xml_shape::{BOM, EXPRESSION, EXPRESSION_DETAILED, LICENSE, Noun, Shape};
use super::xml::{self, Node};
use super::{Document, ImportError, cyclonedx};

/// The namespace of a version is this and the version (CycloneDX, `schema/bom-*.xsd`).
pub const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

/// Reads a document.
pub fn read(bytes: &[u8]) -> Result<Document, ImportError> {
    let tree = xml::parse(bytes)?;
    let Some(version) = tree.namespace.strip_prefix(NAMESPACE) else {
        return Err(ImportError::Unrecognised);
    };
    if tree.root.name != "bom" {
        return Err(ImportError::Unrecognised);
    }
    let mut document = object(&tree.root, &BOM, "")?;
    document.insert("bomFormat".to_owned(), "CycloneDX".into());
    document.insert("specVersion".to_owned(), version.into());
    if let Some(version) = document.get_mut("version") {
        *version = number("/version", version.as_str().unwrap_or_default())?;
    }
    let mut document = cyclonedx::read(&Value::Object(document))?;
    if tree.foreign > 0 {
        let what = "elements of other namespaces".to_owned();
        document.left_out.insert(what, tree.foreign);
    }
    Ok(document)
}

/// The members of an object. How deep it goes, the parser limits.
fn object(node: &Node, noun: &Noun, at: &str) -> Result<Map<String, Value>, ImportError> {
    let mut members = Map::new();
    for (name, value) in &node.attributes {
        let known = noun
            .fields
            .iter()
            .find(|field| field.element == name && matches!(field.shape, Shape::Attribute));
        let key = known.map_or(name.as_str(), |field| field.key);
        members.insert(key.to_owned(), value.as_str().into());
    }
    for field in noun.fields {
        if let Shape::Content(word) = field.shape {
            let text = match word {
                true => node.text.trim(),
                false => &node.text,
            };
            members.insert(field.key.to_owned(), text.into());
        }
    }
    for (index, child) in node.children.iter().enumerate() {
        let at = format!("{at}/{}", child.name);
        let known = noun.fields.iter().find(|field| {
            field.element == child.name
                && !matches!(field.shape, Shape::Attribute | Shape::Content(_))
        });
        let Some(field) = known else {
            // Not read; that it is there is told, with how much of it.
            let mark = match child.children.len() {
                0 if child.text.trim().is_empty() && child.attributes.is_empty() => Value::Null,
                0 => true.into(),
                count => vec![Value::Bool(true); count].into(),
            };
            members.insert(child.name.clone(), mark);
            continue;
        };
        let one = || -> Result<Value, ImportError> {
            Ok(match &field.shape {
                Shape::Text | Shape::Texts => text(child, &at)?.into(),
                Shape::Number => number(&at, text(child, &at)?)?,
                Shape::Object(noun) | Shape::Repeated(noun) => object(child, noun, &at)?.into(),
                Shape::List(item, noun) => list(child, item, &at, |each, at| {
                    Ok(object(each, noun, at)?.into())
                })?,
                Shape::Pointers(Some(item)) => list(child, item, &at, pointer)?,
                Shape::Pointers(None) => pointer(child, &at)?,
                Shape::Choices => choices(child, &at)?,
                Shape::Attribute | Shape::Content(_) => Value::Null,
            })
        };
        match field.shape {
            Shape::Texts | Shape::Repeated(_) | Shape::Pointers(None) => {
                let at = format!("{at}/{index}");
                match members
                    .entry(field.key)
                    .or_insert_with(|| Value::Array(Vec::new()))
                {
                    Value::Array(list) => list.push(one()?),
                    _ => return Err(ImportError::malformed(&at, "both attribute and element")),
                }
            }
            _ if members.contains_key(field.key) => {
                return Err(ImportError::malformed(&at, "stands twice"));
            }
            _ => {
                members.insert(field.key.to_owned(), one()?);
            }
        }
    }
    Ok(members)
}

fn text<'a>(node: &'a Node, at: &str) -> Result<&'a str, ImportError> {
    match node.children.is_empty() {
        true => Ok(node.text.trim()),
        false => Err(ImportError::malformed(at, "elements where text should be")),
    }
}

fn number(at: &str, text: &str) -> Result<Value, ImportError> {
    let whole = text.parse::<u64>().map(Number::from).ok();
    let number = whole.or_else(|| Number::from_f64(text.parse().ok()?));
    number
        .map(Value::Number)
        .ok_or_else(|| ImportError::malformed(at, format!("`{text}` is no number")))
}

fn list(
    node: &Node,
    item: &str,
    at: &str,
    read: impl Fn(&Node, &str) -> Result<Value, ImportError>,
) -> Result<Value, ImportError> {
    let mut list = Vec::new();
    for (index, child) in node.children.iter().enumerate() {
        let at = format!("{at}/{index}");
        if child.name != item {
            let what = format!("`{}` where `{item}` should be", child.name);
            // Tools were another list until 1.5, and are not read.
            if at.starts_with("/metadata/tools") {
                continue;
            }
            return Err(ImportError::malformed(&at, what));
        }
        list.push(read(child, &at)?);
    }
    Ok(list.into())
}

/// The attribute `ref`.
fn pointer(node: &Node, at: &str) -> Result<Value, ImportError> {
    let value = node.attributes.iter().find(|(name, _)| name == "ref");
    match value {
        Some((_, value)) => Ok(value.as_str().into()),
        None => Err(ImportError::Missing {
            at: at.to_owned(),
            what: "ref",
        }),
    }
}

fn choices(node: &Node, at: &str) -> Result<Value, ImportError> {
    let mut list = Vec::new();
    for (index, child) in node.children.iter().enumerate() {
        let at = format!("{at}/{index}");
        list.push(match &*child.name {
            "license" => serde_json::json!({ "license": object(child, &LICENSE, &at)? }),
            "expression" => object(child, &EXPRESSION, &at)?.into(),
            "expression-detailed" => object(child, &EXPRESSION_DETAILED, &at)?.into(),
            other => {
                let what = format!("`{other}` where a licence should be");
                return Err(ImportError::malformed(&at, what));
            }
        });
    }
    Ok(list.into())
}
