//! How CycloneDX's XML and JSON differ, as one table that reads and writes.
//!
//! Each noun lists its fields in the order of the XML schema
//! (`schema/bom-1.7.xsd`, whose order earlier versions share).

use Shape::{Attribute, Choices, Content, List, Number, Object, Pointers, Repeated, Text, Texts};

/// A type of the schema.
pub(super) struct Noun {
    /// Its fields, attributes first, then in the order of the schema.
    pub(super) fields: &'static [Field],
}

/// A field: its key in JSON, its name in XML, and how it is written there.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) element: &'static str,
    pub(super) shape: Shape,
}

/// How a field is written in XML.
pub(super) enum Shape {
    /// As an attribute.
    Attribute,
    /// As the text of the noun itself; white space around it is no part of it
    /// where true.
    Content(bool),
    /// As an element with text.
    Text,
    /// As an element with a number.
    Number,
    /// As one element with text for each.
    Texts,
    /// As an element.
    Object(&'static Noun),
    /// As one element for each.
    Repeated(&'static Noun),
    /// As an element that holds one of this name for each.
    List(&'static str, &'static Noun),
    /// As an element that holds one of this name for each, with the attribute
    /// `ref`; without a name, there is no element around them.
    Pointers(Option<&'static str>),
    /// As an element that holds licences and expressions.
    Choices,
}

const fn field(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        element: key,
        shape,
    }
}

const fn renamed(key: &'static str, element: &'static str, shape: Shape) -> Field {
    Field {
        key,
        element,
        shape,
    }
}

pub(super) static BOM: Noun = Noun {
    fields: &[
        field("serialNumber", Attribute),
        field("version", Attribute),
        field("metadata", Object(&METADATA)),
        field("components", List("component", &COMPONENT)),
        field("services", List("service", &SERVICE)),
        field("dependencies", List("dependency", &DEPENDENCY)),
        field("compositions", List("composition", &COMPOSITION)),
    ],
};

static METADATA: Noun = Noun {
    fields: &[
        field("timestamp", Text),
        field("lifecycles", List("lifecycle", &LIFECYCLE)),
        field("tools", Object(&TOOLS)),
        field("authors", List("author", &CONTACT)),
        field("component", Object(&COMPONENT)),
        field("manufacturer", Object(&ORGANIZATION)),
        field("manufacture", Object(&ORGANIZATION)),
        field("supplier", Object(&ORGANIZATION)),
        field("properties", List("property", &PROPERTY)),
    ],
};

static LIFECYCLE: Noun = Noun {
    fields: &[
        field("phase", Text),
        field("name", Text),
        field("description", Text),
    ],
};

static TOOLS: Noun = Noun {
    fields: &[field("components", List("component", &COMPONENT))],
};

static COMPONENT: Noun = Noun {
    fields: &[
        field("type", Attribute),
        field("mime-type", Attribute),
        field("bom-ref", Attribute),
        field("supplier", Object(&ORGANIZATION)),
        field("manufacturer", Object(&ORGANIZATION)),
        field("authors", List("author", &CONTACT)),
        field("author", Text),
        field("publisher", Text),
        field("group", Text),
        field("name", Text),
        field("version", Text),
        field("description", Text),
        field("scope", Text),
        field("hashes", List("hash", &HASH)),
        field("licenses", Choices),
        field("copyright", Text),
        field("cpe", Text),
        field("purl", Text),
        field("pedigree", Object(&PEDIGREE)),
        field("externalReferences", List("reference", &REFERENCE)),
        field("properties", List("property", &PROPERTY)),
        field("components", List("component", &COMPONENT)),
        field("evidence", Object(&EVIDENCE)),
    ],
};

static ORGANIZATION: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("name", Text),
        field("url", Texts),
        field("contact", Repeated(&CONTACT)),
    ],
};

static CONTACT: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("name", Text),
        field("email", Text),
        field("phone", Text),
    ],
};

static HASH: Noun = Noun {
    fields: &[field("alg", Attribute), field("content", Content(true))],
};

pub(super) static LICENSE: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("acknowledgement", Attribute),
        field("id", Text),
        field("name", Text),
        field("text", Object(&ATTACHMENT)),
        field("url", Text),
    ],
};

pub(super) static EXPRESSION: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("acknowledgement", Attribute),
        field("expression", Content(true)),
    ],
};

pub(super) static EXPRESSION_DETAILED: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("acknowledgement", Attribute),
        field("expression", Attribute),
        renamed("expressionDetails", "details", Repeated(&DETAIL)),
    ],
};

static DETAIL: Noun = Noun {
    fields: &[
        renamed("licenseIdentifier", "license-identifier", Attribute),
        field("bom-ref", Attribute),
        field("text", Object(&ATTACHMENT)),
        field("url", Text),
    ],
};

static ATTACHMENT: Noun = Noun {
    fields: &[
        renamed("contentType", "content-type", Attribute),
        field("encoding", Attribute),
        field("content", Content(false)),
    ],
};

static PEDIGREE: Noun = Noun {
    fields: &[
        field("ancestors", List("component", &COMPONENT)),
        field("descendants", List("component", &COMPONENT)),
        field("variants", List("component", &COMPONENT)),
        field("commits", List("commit", &COMMIT)),
        field("patches", List("patch", &PATCH)),
        field("notes", Text),
    ],
};

static COMMIT: Noun = Noun {
    fields: &[
        field("uid", Text),
        field("url", Text),
        field("message", Text),
    ],
};

static PATCH: Noun = Noun {
    fields: &[field("type", Attribute), field("diff", Object(&DIFF))],
};

static DIFF: Noun = Noun {
    fields: &[field("text", Object(&ATTACHMENT)), field("url", Text)],
};

static REFERENCE: Noun = Noun {
    fields: &[
        field("type", Attribute),
        field("url", Text),
        field("comment", Text),
        field("hashes", List("hash", &HASH)),
    ],
};

static PROPERTY: Noun = Noun {
    fields: &[field("name", Attribute), field("value", Content(false))],
};

static EVIDENCE: Noun = Noun {
    fields: &[
        field("identity", Repeated(&IDENTITY)),
        field("occurrences", List("occurrence", &OCCURRENCE)),
        field("licenses", Choices),
        field("copyright", List("text", &COPYRIGHT)),
    ],
};

static IDENTITY: Noun = Noun {
    fields: &[
        field("field", Text),
        field("confidence", Number),
        field("methods", List("method", &METHOD)),
    ],
};

static METHOD: Noun = Noun {
    fields: &[field("technique", Text), field("confidence", Number)],
};

static OCCURRENCE: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("location", Text),
        field("line", Number),
        field("offset", Number),
        field("symbol", Text),
    ],
};

static COPYRIGHT: Noun = Noun {
    fields: &[field("text", Content(true))],
};

static SERVICE: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("services", List("service", &SERVICE)),
    ],
};

static DEPENDENCY: Noun = Noun {
    fields: &[
        field("ref", Attribute),
        renamed("dependsOn", "dependency", Pointers(None)),
        renamed("provides", "provides", Pointers(None)),
    ],
};

static COMPOSITION: Noun = Noun {
    fields: &[
        field("bom-ref", Attribute),
        field("aggregate", Text),
        field("assemblies", Pointers(Some("assembly"))),
        field("dependencies", Pointers(Some("dependency"))),
    ],
};
