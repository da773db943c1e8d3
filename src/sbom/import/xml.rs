//! XML as a tree, strictly and with limits.
//!
//! No document type definition is read: there are no entities but the five of
//! XML itself and characters by number, so nothing expands and nothing is fetched.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// How deep elements may lie in each other, as in JSON.
pub const MAX_DEPTH: usize = 128;
/// The most elements and attributes of one document.
pub const MAX_NODES: usize = 2_000_000;

/// An element of the document's own namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name, without a prefix.
    pub name: String,
    /// Attributes without a prefix.
    pub attributes: Vec<(String, String)>,
    /// The elements in it.
    pub children: Vec<Node>,
    /// The text in it, all pieces joined.
    pub text: String,
}

/// A document's root, and its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The namespace of the root.
    pub namespace: String,
    /// The root.
    pub root: Node,
    /// Elements of other namespaces, which are left out.
    pub foreign: usize,
}

/// Reads a document.
pub fn parse(bytes: &[u8]) -> Result<Tree, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut parser = Parser::default();
    loop {
        let at = reader.buffer_position();
        let (resolved, event) = reader
            .read_resolved_event()
            .map_err(|error| XmlError::syntax(at, error))?;
        match event {
            Event::Start(start) => {
                let namespace = match resolved {
                    ResolveResult::Bound(namespace) => {
                        let name: &str = namespace.as_ref();
                        name.to_owned()
                    }
                    _ => String::new(),
                };
                parser.start(namespace, &start, at)?;
            }
            Event::End(_) => parser.end(),
            Event::Text(text) => parser.text(&text.xml10_content(), at)?,
            Event::CData(text) => parser.text(&text.xml10_content(), at)?,
            Event::GeneralRef(entity) => {
                let character = entity
                    .resolve_char_ref()
                    .map_err(|error| XmlError::syntax(at, error))?;
                match character {
                    Some(character) => parser.text(character.encode_utf8(&mut [0; 4]), at)?,
                    None => match quick_xml::escape::resolve_predefined_entity(&entity) {
                        Some(text) => parser.text(text, at)?,
                        None => return Err(XmlError::Entity { at }),
                    },
                }
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose();
                let encoding = encoding.map_err(|error| XmlError::syntax(at, error))?;
                if encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")) {
                    return Err(XmlError::NotUtf8);
                }
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::PI(_) => {}
            Event::Eof => return parser.finish(),
            Event::Empty(_) => {}
        }
    }
}

/// Why a text is not taken as XML.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Another encoding.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not well-formed.
    #[error("at byte {at}: {what}")]
    Syntax {
        /// Where.
        at: u64,
        /// How.
        what: String,
    },
    /// A document type definition could name and nest entities.
    #[error("a document type definition, which is never read")]
    DocumentType,
    /// An entity that XML itself does not know.
    #[error("at byte {at}: an entity that XML does not know")]
    Entity {
        /// Where.
        at: u64,
    },
    /// Elements lie deeper in each other than [`MAX_DEPTH`].
    #[error("elements more than {MAX_DEPTH} deep")]
    TooDeep,
    /// More elements and attributes than [`MAX_NODES`].
    #[error("more than {MAX_NODES} elements and attributes")]
    TooMany,
}

impl XmlError {
    fn syntax(at: u64, error: impl ToString) -> Self {
        Self::Syntax {
            at,
            what: error.to_string(),
        }
    }
}

#[derive(Default)]
struct Parser {
    namespace: Option<String>,
    /// Elements that are open, with whether they are of the root's namespace.
    open: Vec<(Node, bool)>,
    root: Option<Node>,
    foreign: usize,
    nodes: usize,
}

impl Parser {
    fn start(
        &mut self,
        namespace: String,
        start: &BytesStart<'_>,
        at: u64,
    ) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::syntax(at, "a second root"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        let own = self.namespace.get_or_insert_with(|| namespace.clone()) == &namespace;
        let mut node = Node {
            name: start.local_name().as_ref().to_owned(),
            ..Node::default()
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| XmlError::syntax(at, error))?;
            self.nodes += 1;
            let key: &str = attribute.key.as_ref();
            if key == "xmlns" || key.contains(':') {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| XmlError::syntax(at, error))?;
            node.attributes.push((key.to_owned(), value.into_owned()));
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(XmlError::TooMany);
        }
        self.open.push((node, own));
        Ok(())
    }

    fn end(&mut self) {
        // That ends match starts, the reader has seen.
        let Some((node, own)) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some((parent, _)) if own => parent.children.push(node),
            Some(_) => self.foreign += 1,
            None => self.root = Some(node),
        }
    }

    fn text(&mut self, text: &str, at: u64) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some((node, _)) => node.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::syntax(at, "text outside of the root")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Tree, XmlError> {
        match self.root {
            Some(root) if self.open.is_empty() => Ok(Tree {
                namespace: self.namespace.unwrap_or_default(),
                root,
                foreign: self.foreign,
            }),
            _ => Err(XmlError::syntax(0, "no whole document")),
        }
    }
}
