//! Policy: which evidence is enough.

mod verdict;

pub use verdict::{Attested, Finding, Outcome, Refusal, Verdict};
