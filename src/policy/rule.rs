//! The rules, in the order in which they are looked at.

use std::fmt;
use std::sync::Arc;

/// One question that a policy asks. The order is that of SLSA v1.2,
/// "Verifying artifacts": the signer, the builder and its level first, then
/// what is expected of the build, then what the artifact contains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Is the statement about the artifact that is judged?
    Subject,
    /// Is the artifact one of those that the policy names?
    AllowDigests,
    /// Is the artifact none of those that the policy refuses?
    DenyDigests,
    /// Is the artifact small enough?
    MaxSize,
    /// Was it signed when the policy says?
    SignedWhen,
    /// Is there evidence by somebody whom the policy trusts?
    Signer,
    /// Does a verification summary come from a verifier whom the policy trusts?
    Verifier,
    /// Is it about the right resource?
    Resource,
    /// Was it made by a policy that is expected?
    SummaryPolicy,
    /// Does it say yes?
    Result,
    /// Is it young enough?
    MaxAge,
    /// Does the provenance say what the signer's certificate says?
    Consistent,
    /// Is `builder.id` the one that the policy expects of this key?
    Builder,
    /// Is the SLSA Build level high enough?
    MinLevel,
    /// Is every demanded attestation there?
    Require,
    /// Is there a signature over the artifact's own bytes?
    Signature,
    /// Do several provenances agree on the source?
    Agree,
    /// Was it built from the right repository?
    Repository,
    /// Was it built from the right branch or tag?
    Ref,
    /// Is the build type one that the policy expects?
    BuildType,
    /// Are all external parameters known?
    ExternalParameters,
    /// Does the SBOM say that it is about another artifact?
    SbomSubject,
    /// Does the SBOM say what it must say?
    RequireFields,
    /// Is every licence one that is allowed?
    AllowLicenses,
    /// Is no licence of a component refused?
    DenyLicenses,
    /// Are the licences of all components known?
    UnknownLicenses,
    /// Is no component refused?
    Deny,
    /// Is every file inside attested?
    Embedded,
    /// A `[[rule]]` of the policy, by its whole name: `rule.<id>`.
    Custom(Arc<str>),
    /// Which exceptions are spent or were not needed?
    Exception,
}

impl Rule {
    /// All rules that prov knows by itself, in order.
    pub const ALL: [Rule; 29] = [
        Rule::Subject,
        Rule::AllowDigests,
        Rule::DenyDigests,
        Rule::MaxSize,
        Rule::SignedWhen,
        Rule::Signer,
        Rule::Verifier,
        Rule::Resource,
        Rule::SummaryPolicy,
        Rule::Result,
        Rule::MaxAge,
        Rule::Consistent,
        Rule::Builder,
        Rule::MinLevel,
        Rule::Require,
        Rule::Signature,
        Rule::Agree,
        Rule::Repository,
        Rule::Ref,
        Rule::BuildType,
        Rule::ExternalParameters,
        Rule::SbomSubject,
        Rule::RequireFields,
        Rule::AllowLicenses,
        Rule::DenyLicenses,
        Rule::UnknownLicenses,
        Rule::Deny,
        Rule::Embedded,
        Rule::Exception,
    ];

    /// The name: where it is a key of the policy file, section and key.
    pub fn name(&self) -> &str {
        match self {
            Rule::Subject => "subject",
            Rule::AllowDigests => "artifact.allow-digests",
            Rule::DenyDigests => "artifact.deny-digests",
            Rule::MaxSize => "artifact.max-size",
            Rule::SignedWhen => "evidence.signed",
            Rule::Signer => "trust.signer",
            Rule::Verifier => "vsa.verifier",
            Rule::Resource => "vsa.resource-uri",
            Rule::SummaryPolicy => "vsa.policy-digest",
            Rule::Result => "vsa.result",
            Rule::MaxAge => "vsa.max-age",
            Rule::Consistent => "provenance.consistent",
            Rule::Builder => "trust.key.builder",
            Rule::MinLevel => "build.min-level",
            Rule::Require => "attestations.require",
            Rule::Signature => "attestations.signature",
            Rule::Agree => "provenance.agree",
            Rule::Repository => "source.repository",
            Rule::Ref => "source.ref",
            Rule::BuildType => "build.build-type",
            Rule::ExternalParameters => "build.external-parameters",
            Rule::SbomSubject => "sbom.subject",
            Rule::RequireFields => "sbom.require-fields",
            Rule::AllowLicenses => "sbom.allow-licenses",
            Rule::DenyLicenses => "sbom.deny-licenses",
            Rule::UnknownLicenses => "sbom.unknown-licenses",
            Rule::Deny => "sbom.deny",
            Rule::Embedded => "sbom.embedded",
            Rule::Custom(name) => name,
            Rule::Exception => "exception",
        }
    }

    /// The question, for people.
    pub fn question(&self) -> &'static str {
        match self {
            Rule::Subject => "is the statement about the artifact that is judged?",
            Rule::AllowDigests => "is the artifact one of those that the policy names?",
            Rule::DenyDigests => "is the artifact none of those that the policy refuses?",
            Rule::MaxSize => "is the artifact small enough?",
            Rule::SignedWhen => "was it signed when the policy says?",
            Rule::Signer => "is there evidence by somebody whom the policy trusts?",
            Rule::Verifier => "is the verification summary by a trusted verifier?",
            Rule::Resource => "is the verification summary about the right resource?",
            Rule::SummaryPolicy => "was the verification summary made by an expected policy?",
            Rule::Result => "does the verification summary say yes?",
            Rule::MaxAge => "is the verification summary young enough?",
            Rule::Consistent => "does the provenance say what the signer's certificate says?",
            Rule::Builder => "does the key sign for the builder that it may sign for?",
            Rule::MinLevel => "is the SLSA Build level high enough?",
            Rule::Require => "is every demanded attestation there?",
            Rule::Signature => "is there a signature over the artifact's own bytes?",
            Rule::Agree => "do several provenances agree on the source?",
            Rule::Repository => "was it built from the right repository?",
            Rule::Ref => "was it built from the right branch or tag?",
            Rule::BuildType => "is the build type one that the policy expects?",
            Rule::ExternalParameters => "are all external parameters known?",
            Rule::SbomSubject => "does the SBOM say that it is about another artifact?",
            Rule::RequireFields => "does the SBOM say what it must say?",
            Rule::AllowLicenses => "is every licence one that is allowed?",
            Rule::DenyLicenses => "is no licence of a component refused?",
            Rule::UnknownLicenses => "are the licences of all components known?",
            Rule::Deny => "is no component refused?",
            Rule::Embedded => "is every file inside attested?",
            Rule::Custom(_) => "does the policy's own rule hold?",
            Rule::Exception => "which exceptions are spent or were not needed?",
        }
    }

    /// True when it is looked at only where a policy asks for it.
    pub fn is_asked_for(&self) -> bool {
        matches!(
            self,
            Rule::AllowDigests
                | Rule::DenyDigests
                | Rule::MaxSize
                | Rule::SignedWhen
                | Rule::Require
                | Rule::Signature
                | Rule::Repository
                | Rule::Ref
                | Rule::BuildType
                | Rule::ExternalParameters
        ) || self.is_about_components()
    }

    /// True when an exception may waive it. Who signed, from which repository,
    /// and whether the evidence contradicts itself can't be waived: whoever
    /// wants another answer there changes whom the policy trusts.
    pub fn waivable(&self) -> bool {
        match self {
            Rule::MinLevel
            | Rule::Require
            | Rule::Signature
            | Rule::Ref
            | Rule::BuildType
            | Rule::ExternalParameters
            | Rule::MaxSize
            | Rule::RequireFields
            | Rule::AllowLicenses
            | Rule::DenyLicenses
            | Rule::UnknownLicenses
            | Rule::Deny
            | Rule::Embedded
            | Rule::Custom(_) => true,
            Rule::Subject
            | Rule::AllowDigests
            | Rule::DenyDigests
            | Rule::SignedWhen
            | Rule::SbomSubject
            | Rule::Signer
            | Rule::Verifier
            | Rule::Resource
            | Rule::SummaryPolicy
            | Rule::Result
            | Rule::MaxAge
            | Rule::Consistent
            | Rule::Builder
            | Rule::Agree
            | Rule::Repository
            | Rule::Exception => false,
        }
    }

    /// True when it speaks of the components of an SBOM, one finding each.
    pub fn is_about_components(&self) -> bool {
        matches!(
            self,
            Rule::RequireFields
                | Rule::AllowLicenses
                | Rule::DenyLicenses
                | Rule::UnknownLicenses
                | Rule::Deny
        )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_in_order_and_whole() {
        assert!(Rule::ALL.is_sorted());
        assert_eq!(Rule::ALL.last(), Some(&Rule::Exception));
        let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rule::ALL.len());
    }
}
