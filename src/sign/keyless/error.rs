//! What can go wrong on the way to a certificate and its witnesses.

use crate::sign::SignError;

/// Why nothing was signed without a key.
#[derive(Debug, thiserror::Error)]
pub enum KeylessError {
    /// A URL that no token may be sent to.
    #[error("`{url}` is not a usable URL: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No runtime or HTTP client could be built.
    #[error("cannot use the network: {0}")]
    Network(String),
    /// A service did not answer.
    #[error("{service} at {url} does not answer: {reason}")]
    Unreachable {
        /// The service.
        service: &'static str,
        /// Its URL.
        url: String,
        /// What the system says.
        reason: String,
    },
    /// A service answered with an error.
    #[error("{service} at {url} refused: {status} {message}")]
    Refused {
        /// The service.
        service: &'static str,
        /// Its URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it said, shortened.
        message: String,
    },
    /// A service answered with too much.
    #[error("{service} at {url} answered with more than {limit} bytes")]
    TooLarge {
        /// The service.
        service: &'static str,
        /// Its URL.
        url: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A service answered with something else.
    #[error("{service} gave an answer that can't be used: {reason}")]
    Answer {
        /// The service.
        service: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a signing configuration, or not one of a known version.
    #[error("not a usable signing configuration: {0}")]
    Config(String),
    /// The signing configuration lists no such service that is valid now.
    #[error("the signing configuration has no usable {0}")]
    NoService(&'static str),
    /// The signing configuration wants more services than it lists.
    #[error("the signing configuration wants {wanted} of its {service}, and has {seen} operators")]
    Selector {
        /// The kind of service.
        service: &'static str,
        /// How many it wants.
        wanted: String,
        /// How many different operators it lists.
        seen: usize,
    },
    /// The configuration and root of an instance can't be had from its repository.
    #[error("cannot fetch the instance's configuration from {url}: {reason}")]
    Tuf {
        /// The TUF repository.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Not an identity token.
    #[error("not an identity token: {0}")]
    Token(String),
    /// The identity token is too old.
    #[error("the identity token expired at {0}")]
    Expired(String),
    /// The build service could give a token, but gives this job none.
    #[error("{place} gives this job no identity token")]
    NoToken {
        /// The build service.
        place: &'static str,
        /// What the job lacks.
        wanted: &'static str,
    },
    /// The person did not log in.
    #[error("the login failed: {0}")]
    Login(String),
    /// The trusted root is none.
    #[error("not a usable trusted root: {0}")]
    Root(String),
    /// What the services gave does not verify against the trusted root.
    #[error("the new signature does not verify against the trusted root: {0}")]
    Unverified(String),
    /// The key or the signature could not be made.
    #[error(transparent)]
    Sign(#[from] Box<SignError>),
}

impl From<SignError> for KeylessError {
    fn from(error: SignError) -> Self {
        Self::Sign(Box::new(error))
    }
}
