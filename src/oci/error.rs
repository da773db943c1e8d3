//! Why a store could not do what was asked.

use std::io;
use std::path::PathBuf;

use crate::artifact::Digest;
use crate::json::JsonError;

/// Why a store could not do what was asked. Only [`OciError::NotFound`] says that
/// something is not there; everything else means that it is not known.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// Not a reference.
    #[error("`{text}` is no reference: {why}")]
    Reference {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is definitely not there.
    #[error("{what} is not there")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// Not allowed, with or without credentials.
    #[error("{host} denies {what}: {answer}")]
    Denied {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// What it said.
        answer: String,
    },
    /// The registry answered something else than what the specification says.
    #[error("{host} did not do {what}: {answer}")]
    Answer {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// What it said.
        answer: String,
    },
    /// No connection, or one that ended too early.
    #[error("cannot talk with {host} about {what}")]
    Connection {
        /// The host.
        host: String,
        /// What was asked for.
        what: String,
        /// What the network said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long, or came too slowly.
    #[error("{host} is too slow with {what}")]
    Slow {
        /// The host.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// A registry points to a place that must not learn what it would be told.
    #[error("{host} points to {target}: {why}")]
    Pointer {
        /// The registry.
        host: String,
        /// Where to.
        target: String,
        /// Why that is refused.
        why: &'static str,
    },
    /// Credentials that are configured can't be had.
    #[error("cannot get credentials for {host}: {why}")]
    Credentials {
        /// The registry.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// What came can't be kept.
    #[error("cannot write what came")]
    Output(#[source] io::Error),
    /// The proxy does not lead to a host.
    #[error("the proxy {proxy} does not lead to {host} for {what}: {why}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// The host.
        host: String,
        /// What was asked for.
        what: String,
        /// What the proxy or the network said.
        why: String,
    },
    /// A proxy that can't be used. What the variable holds can be a secret.
    #[error("`{variable}` names no proxy that prov can use")]
    ProxySetting {
        /// The variable of the environment.
        variable: &'static str,
    },
    /// A registry does not talk with whoever shows no certificate, or not that one.
    #[error("{host} {}: {why}", match shown {
        Some(_) => "refuses this client's certificate",
        None => "wants to see a certificate of this client",
    })]
    ClientCertificate {
        /// The registry.
        host: String,
        /// What was shown to it.
        shown: Option<PathBuf>,
        /// What it said.
        why: String,
    },
    /// A server's certificate is not trusted.
    #[error("the certificate of {host} is not trusted: {why}")]
    ServerCertificate {
        /// The host.
        host: String,
        /// The registry whose authorities are asked.
        registry: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS can't be set up.
    #[error("cannot speak TLS: {0}")]
    Tls(String),
    /// The content is not what its digest says.
    #[error("{what} is damaged: its digest is {seen}")]
    OtherDigest {
        /// The digest asked for.
        what: Digest,
        /// The digest of what came.
        seen: Digest,
    },
    /// The content is not as long as was said.
    #[error("{what} has {seen} bytes, {wanted} were said")]
    OtherSize {
        /// The digest asked for.
        what: Digest,
        /// How many came, at least.
        seen: u64,
        /// How many were said.
        wanted: u64,
    },
    /// Larger than is read.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What.
        what: String,
        /// How many bytes are read.
        limit: u64,
    },
    /// More of something than is read.
    #[error("more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// Not acceptable JSON.
    #[error("{what} is no acceptable JSON: {source}")]
    Json {
        /// What.
        what: String,
        /// Why not.
        source: JsonError,
    },
    /// A manifest that prov does not read, or that two readers could read differently.
    #[error("the manifest is refused: {0}")]
    Manifest(String),
    /// A referrer that is none of its subject.
    #[error("{referrer} is listed as a referrer of {subject}, but {why}")]
    OtherSubject {
        /// The referrer.
        referrer: Digest,
        /// The subject.
        subject: Digest,
        /// What its manifest says.
        why: String,
    },
    /// The tag that lists referrers holds something else.
    #[error("the tag {tag} should list referrers, but {why}")]
    FallbackTag {
        /// The tag.
        tag: String,
        /// What it holds.
        why: &'static str,
    },
    /// What was written is not what is read back.
    #[error("{what} was written, but {why}")]
    NotReadBack {
        /// What.
        what: String,
        /// What was read.
        why: String,
    },
    /// A mirror sent something else than what it was asked for, when part of it had been
    /// passed on. That says nothing of the content: another place may have it.
    #[error("{error}; a part of it at least came from the mirror {mirror}")]
    Mirror {
        /// The mirror.
        mirror: String,
        /// What is wrong.
        error: Box<OciError>,
    },
    /// The registry itself could not say, and no mirror before it could.
    #[error("{error}")]
    Everywhere {
        /// What the registry said.
        error: Box<OciError>,
        /// The mirrors and what each said.
        mirrors: Vec<String>,
    },
    /// A `registries.conf` that can't be used.
    #[error("`{}`{}: {why}", path.display(), place(*line))]
    Registries {
        /// The file.
        path: PathBuf,
        /// Where in it; 0 when it is not in a line.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// What a `registries.conf` forbids.
    #[error("`{name}` is blocked by `{}`{}", path.display(), place(*line))]
    Blocked {
        /// The prefix that is blocked.
        name: String,
        /// The file.
        path: PathBuf,
        /// Where in it.
        line: usize,
    },
    /// A file or folder.
    #[error("cannot use `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder that is no image layout.
    #[error("`{}` is no image layout: {why}", path.display())]
    Layout {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn place(line: usize) -> String {
    match line {
        0 => String::new(),
        line => format!(" line {line}"),
    }
}

impl OciError {
    /// True when it is certain that what was asked for does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, OciError::NotFound { .. })
    }

    /// True when it may be otherwise in a moment: the way to the registry failed.
    pub(super) fn is_about_the_way(&self) -> bool {
        match self {
            OciError::Connection { .. } => true,
            OciError::Proxy { .. } => !self.is_proxy_login(),
            _ => false,
        }
    }

    /// True when a proxy wants to know who asks.
    pub fn is_proxy_login(&self) -> bool {
        matches!(self, OciError::Proxy { why, .. } if why.contains("authorization required"))
    }

    /// True when the content itself is at fault, whoever is asked for it and
    /// whenever: it is gone, damaged, or not what it should be.
    pub fn is_about_content(&self) -> bool {
        matches!(
            self,
            OciError::NotFound { .. }
                | OciError::OtherDigest { .. }
                | OciError::OtherSize { .. }
                | OciError::OtherSubject { .. }
                | OciError::TooLarge { .. }
                | OciError::Json { .. }
                | OciError::Manifest(_)
        )
    }
}
