//! Where the bundles go, and what may be in the way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::bundle::MAX_BUNDLES;
use crate::cli::error::Failure;
use crate::cli::files::{self, Existing, Readers};
use crate::cli::{Format, ui};
use crate::sign::Signed;
use crate::statement::MAX_SUBJECTS;

use super::{Args, Stated};

/// Where the bundles go.
pub(super) enum Output {
    /// All into one file.
    File(PathBuf),
    /// Beside each artifact what speaks of it.
    Beside(Vec<PathBuf>),
    /// To stdout.
    Stdout,
}

impl Output {
    pub(super) fn of(args: &Args) -> Result<Self, Failure> {
        let several = args.artifacts.len() > 1;
        if several && args.subject_name.is_some() {
            return Err(Failure::cant_say(
                "`--subject-name` names one artifact, and there are several",
            ));
        }
        if args.artifacts.len() > MAX_SUBJECTS {
            return Err(Failure::cant_say("too many artifacts")
                .with("seen", args.artifacts.len())
                .with("wanted", format!("at most {MAX_SUBJECTS}")));
        }
        let mut seen = BTreeSet::new();
        for artifact in &args.artifacts {
            let place = artifact.canonicalize().unwrap_or_else(|_| artifact.clone());
            if !seen.insert(place) {
                return Err(Failure::cant_say(format!(
                    "`{}` is named twice",
                    artifact.display()
                )));
            }
        }
        match &args.output {
            Some(file) if file.as_os_str() == "-" => match args.format {
                Format::Text => Ok(Output::Stdout),
                Format::Json => Err(Failure::cant_say(
                    "`--output -` and `--format json` both want stdout",
                )),
            },
            Some(file) => Ok(Output::File(file.clone())),
            None => {
                let beside = |file: &PathBuf| match file.exists() || !is_digest(file) {
                    true => Ok(files::beside(file, ".sigstore.jsonl")),
                    false => Err(Failure::cant_say(format!(
                        "`{}` is a digest, and there is no file to write beside",
                        file.display()
                    ))
                    .hint("`--output FILE` says where to write")),
                };
                let files = args.artifacts.iter().map(beside);
                Ok(Output::Beside(files.collect::<Result<_, _>>()?))
            }
        }
    }

    /// The files that will be written.
    pub(super) fn files(&self) -> &[PathBuf] {
        match self {
            Output::File(file) => std::slice::from_ref(file),
            Output::Beside(files) => files,
            Output::Stdout => &[],
        }
    }

    /// Tells early that something is in the way.
    pub(super) fn check(&self, force: bool) -> Result<(), Failure> {
        match self.files().iter().find(|file| !force && file.exists()) {
            Some(file) => Err(files::already_there(file)),
            None => Ok(()),
        }
    }

    /// A file with more bundles than a verifier reads would be of no use.
    pub(super) fn check_count(&self, stated: &[Stated]) -> Result<(), Failure> {
        match self {
            Output::Beside(_) => Ok(()),
            _ if stated.len() <= MAX_BUNDLES => Ok(()),
            _ => Err(Failure::cant_say("too many bundles for one file")
                .with("seen", stated.len())
                .with("wanted", format!("at most {MAX_BUNDLES}"))
                .hint("without `--output` each artifact gets its own file")),
        }
    }

    /// True when the statement goes into the file with that number.
    pub(super) fn takes(&self, file: usize, stated: &Stated) -> bool {
        match self {
            Output::Beside(_) => stated.about.is_none_or(|about| about == file),
            _ => true,
        }
    }

    pub(super) fn write(
        &self,
        stated: &[Stated],
        signed: &[Signed],
        force: bool,
    ) -> Result<(), Failure> {
        let lines = |file: usize| -> String {
            stated
                .iter()
                .zip(signed)
                .filter(|(stated, _)| self.takes(file, stated))
                .flat_map(|(_, signed)| [signed.bundle.as_str(), "\n"])
                .collect()
        };
        let existing = Existing::by(force);
        for (index, file) in self.files().iter().enumerate() {
            files::write(file, lines(index).as_bytes(), Readers::Everybody, existing)?;
        }
        if let Output::Stdout = self {
            ui::data(&lines(0));
        }
        Ok(())
    }
}

fn is_digest(file: &Path) -> bool {
    let text = file.to_str().unwrap_or_default();
    ["sha256:", "sha512:"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}
