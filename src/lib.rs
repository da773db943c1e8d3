//! prov collects, signs, verifies and enforces supply-chain evidence, and runs
//! only what is attested.
//!
//! The map of the house; each floor uses only those below it:
//!
//! | floor | is about |
//! |---|---|
//! | `cli` | arguments, words, exit codes: the only part that prints |
//! | `launch` | running what is [`Attested`](policy::Attested), and nothing else |
//! | [`audit`] | what is known about artifacts, on one page |
//! | [`policy`] | which evidence is enough; makes a [`Verdict`](policy::Verdict) |
//! | [`verify`] | which evidence is genuine; makes a [`Verified`](verify::Verified) |
//! | [`bundle`], [`key`] | signed envelopes as they are found, and public keys |
//! | [`statement`] | what an envelope states about an artifact |
//! | [`artifact`] | bytes and their digests |
//! | [`osv`], [`vex`] | which vulnerabilities a package is known to have, and what its makers say of them |
//! | [`purl`], [`version`] | which package, and which of two is the later one |
//!
//! [`provenance`], [`sbom`] and [`sign`] make evidence, [`oci`] carries it; they stand
//! beside `verify` and know nothing of it.

pub mod artifact;
pub mod audit;
pub mod bundle;
// Without the launcher some of its words are not said.
#[cfg_attr(not(feature = "launch"), allow(dead_code))]
pub mod cli;
pub mod json;
pub mod key;
#[cfg(feature = "launch")]
pub mod launch;
pub mod oci;
pub mod osv;
pub mod policy;
pub mod provenance;
pub mod purl;
pub mod sbom;
pub mod sign;
pub mod statement;
pub mod verify;
pub mod version;
pub mod vex;
pub mod zip;
