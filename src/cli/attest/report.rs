//! What was stated, who signed it, and what was recorded where.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::cli::error::Failure;
use crate::cli::ui;
use crate::sign::{Identity, Record, Signatures};

use super::stored::StoredAt;
use super::subject::Subject;
use super::{Output, Stated};

/// The contract of `--format json`. Fields are only ever added.
#[derive(Serialize)]
pub(super) struct Report {
    schema: &'static str,
    artifacts: Vec<Artifact>,
    signer: Signer,
    statements: Vec<Statement>,
    /// Where it was pushed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stored: Option<StoredAt>,
}

#[derive(Serialize)]
struct Artifact {
    name: String,
    /// By algorithm.
    digest: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Signer {
    Key { id: String },
    Certificate { subject: String, issuer: String },
}

#[derive(Serialize)]
struct Statement {
    predicate_type: String,
    subjects: Vec<String>,
    /// The files with its bundle; none when it went to stdout.
    files: Vec<String>,
    records: Vec<Witness>,
    #[serde(skip)]
    what: String,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Witness {
    Log { url: String, index: u64 },
    Timestamp { url: String },
}

impl Report {
    pub(super) fn new(
        subjects: &[Subject],
        stated: &[Stated],
        signatures: &Signatures,
        output: &Output,
    ) -> Self {
        let artifact = |subject: &Subject| Artifact {
            name: subject.name.clone(),
            digest: subject
                .digests()
                .map(|digest| (digest.algorithm().name(), digest.hex()))
                .collect(),
        };
        let files = |stated: &Stated| {
            let files = output.files().iter().enumerate();
            files
                .filter(|(index, _)| output.takes(*index, stated))
                .map(|(_, file)| shown(file))
                .collect()
        };
        let statements = stated.iter().zip(&signatures.signed);
        Self {
            schema: "prov.attest/v1",
            artifacts: subjects.iter().map(artifact).collect(),
            signer: match &signatures.identity {
                Identity::Key(key) => Signer::Key {
                    id: key.id().to_string(),
                },
                Identity::Certificate { subject, issuer } => Signer::Certificate {
                    subject: subject.clone(),
                    issuer: issuer.clone(),
                },
            },
            statements: statements
                .map(|(stated, signed)| Statement {
                    predicate_type: stated.statement.predicate_type.clone(),
                    subjects: names(&stated.statement),
                    files: files(stated),
                    records: signed.records.iter().map(witness).collect(),
                    what: stated.what.clone(),
                })
                .collect(),
            stored: None,
        }
    }

    /// For people.
    pub(super) fn tell(&self) {
        for statement in &self.statements {
            let names = ui::clean(&statement.subjects.join(", "));
            ui::say(&format!("{names} attested: {}", ui::clean(&statement.what)));
            for record in &statement.records {
                ui::say(&match record {
                    Witness::Log { url, index } => {
                        format!("log     {} entry {index}", ui::clean(url))
                    }
                    Witness::Timestamp { url } => format!("time    {}", ui::clean(url)),
                });
            }
        }
        ui::say(&match &self.signer {
            Signer::Key { id } => format!("signer  key {id}"),
            Signer::Certificate { subject, issuer } => {
                format!("signer  {} ({})", ui::clean(subject), ui::clean(issuer))
            }
        });
        let mut files: Vec<&String> = self
            .statements
            .iter()
            .flat_map(|each| &each.files)
            .collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            ui::say(&format!("bundle  {}", ui::clean(file)));
        }
        if let Some(stored) = &self.stored {
            stored.tell();
        }
    }

    /// One digest a line, in the order of the artifacts; then where it was stored.
    pub(super) fn digests(&self) -> String {
        let lines = self.artifacts.iter().filter_map(|artifact| {
            let (algorithm, hex) = artifact.digest.first_key_value()?;
            Some(format!("{algorithm}:{hex}\n"))
        });
        let stored = self.stored.iter();
        lines
            .chain(stored.map(|stored| format!("{}\n", stored.reference)))
            .collect()
    }

    pub(super) fn json(&self) -> Result<String, Failure> {
        ui::json(self)
    }
}

fn names(statement: &crate::statement::Statement) -> Vec<String> {
    let subjects = statement.subject.iter();
    subjects
        .filter_map(|subject| subject.name.clone())
        .collect()
}

fn witness(record: &Record) -> Witness {
    match record {
        Record::Log { url, index } => Witness::Log {
            url: url.clone(),
            index: *index,
        },
        Record::Timestamp { url } => Witness::Timestamp { url: url.clone() },
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
