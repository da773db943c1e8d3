//! What was skipped or is doubtful, as data: the library never prints.

/// One thing that the reader of a document should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// A path relative to the scanned tree, or a component's name.
    pub about: String,
    /// What happened.
    pub reason: Reason,
}

impl Note {
    /// A note about a path or a component.
    pub fn new(about: impl Into<String>, reason: Reason) -> Self {
        Self {
            about: about.into(),
            reason,
        }
    }

    /// True when something was left out that might belong to the product:
    /// what a strict caller makes an error of.
    pub fn is_gap(&self) -> bool {
        // An orphan stays in the document.
        !matches!(
            self.reason,
            Reason::BelowProduct { .. }
                | Reason::Fixture
                | Reason::Orphan
                | Reason::LeftOut { .. }
                | Reason::Document
                | Reason::Unrelated { .. }
        )
    }
}

/// Why a note was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A manifest under one that is the product already.
    #[error("skipped: not the product, which is `{product}`")]
    BelowProduct {
        /// The product's manifest.
        product: String,
    },
    /// A manifest in a folder for tests, examples or vendored code.
    #[error("skipped: looks like a fixture, an example or vendored code")]
    Fixture,
    /// A manifest that pins nothing, and no lock file beside it.
    #[error("no lock file beside it: its dependencies are not known")]
    NoLock,
    /// What one build takes was asked for, but could not be had.
    #[error("not resolved exactly: {why}")]
    NotExact {
        /// Why.
        why: String,
    },
    /// A dependency that the lock file does not resolve.
    #[error("`{name}` is not resolved by it")]
    Unresolved {
        /// The dependency, as it is written.
        name: String,
    },
    /// A part of a file that is not understood.
    #[error("not understood: {what}")]
    NotUnderstood {
        /// The part.
        what: String,
    },
    /// Two sources give one package two digests; both are kept.
    #[error("two sources give it different digests")]
    Conflict,
    /// Nothing depends on it; the root was made to.
    #[error("nothing depends on it")]
    Orphan,
    /// A part of an imported document that prov's own has no place for, and
    /// that is no component.
    #[error("left out: {what}")]
    LeftOut {
        /// The part.
        what: String,
    },
    /// A relation of an imported document to something that it does not list.
    #[error("{count} relations lead to what it does not list")]
    Dangling {
        /// How many.
        count: usize,
    },
    /// Components of an imported document that its root does not lead to; the
    /// root was made to.
    #[error("its root leads to none of {count} components; it was made to")]
    Unrelated {
        /// How many.
        count: usize,
    },
    /// An SBOM in a scanned folder, which nobody asked to import.
    #[error("not imported: an SBOM is imported when it is named, or by --include")]
    Document,
    /// A file that is larger than what is read.
    #[error("skipped: larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A name that is not UTF-8.
    #[error("skipped: its name is not UTF-8")]
    OddName,
    /// A symbolic link; links are not followed.
    #[error("skipped: symbolic links are not followed")]
    Link,
}
