//! `prov discover`: what is attached to an artifact.

use serde::Serialize;

use crate::artifact::Digest;
use crate::oci::{self, Manifest, Name, OciError, Reference, Store};

use super::error::Exit;
use super::store::{self, Stored};
use super::{CommandResult, Format, ui};

/// How deep the tree is followed.
const MAX_DEPTH: usize = 4;
/// The most manifests that are shown.
const MAX_SHOWN: usize = 2000;

/// Show an artifact, its platforms and what is attached to them
///
/// All of it is what the registry and the referrers claim: only `prov verify` tells
/// what is genuine.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  prov discover ghcr.io/me/app:v1
  prov discover oci:layout:v1 --format json

Exit codes: 0 shown, 2 can't say")]
pub(super) struct Args {
    /// The artifact: HOST/REPOSITORY[:TAG][@DIGEST] or oci:DIR[:TAG]
    #[arg(value_name = "REF", value_parser = store::reference)]
    reference: Reference,

    /// How to tell the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

pub(super) fn run(args: Args) -> CommandResult {
    let stored = Stored::find(&args.reference)?;
    let mut shown = 0;
    let tree = node(&*stored.store, &stored.manifest, 0, &mut shown);
    let tree = store::wait(&args.reference, tree)?;
    match args.format {
        Format::Json => {
            let report = Report {
                schema: "prov.discover/v1",
                reference: args.reference.to_string(),
                artifact: tree,
            };
            ui::data(&ui::json(&report)?);
        }
        Format::Text => {
            let mut lines = vec![ui::clean(&args.reference.to_string())];
            lines.push(format!("{} {}", tree.digest, tree.words()));
            branches(&tree, "", &mut lines);
            lines.push(String::new());
            ui::data(&lines.join("\n"));
        }
    }
    Ok(Exit::Yes)
}

/// The contract of `--format json`. Fields are only ever added.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    reference: String,
    artifact: Node,
}

#[derive(Default, Serialize)]
struct Node {
    digest: String,
    media_type: String,
    artifact_type: Option<String>,
    size: u64,
    /// Of an entry in an index.
    platform: Option<String>,
    /// Of a bundle, as its annotation claims.
    predicate_type: Option<String>,
    /// Whether a Sigstore bundle is in it, which may be genuine or not.
    bundle: bool,
    /// Why it does not count.
    unread: Option<String>,
    platforms: Vec<Node>,
    referrers: Vec<Node>,
}

impl Node {
    fn of(manifest: &Manifest) -> Self {
        Self {
            digest: manifest.digest().to_string(),
            media_type: manifest.media_type().to_owned(),
            artifact_type: manifest.kind_of_artifact().map(str::to_owned),
            size: manifest.bytes().len() as u64,
            predicate_type: manifest.annotations.get(oci::PREDICATE_TYPE).cloned(),
            bundle: manifest.bundle().is_some(),
            ..Self::default()
        }
    }

    fn unread(digest: &Digest, why: &OciError) -> Self {
        Self {
            digest: digest.to_string(),
            unread: Some(why.to_string()),
            ..Self::default()
        }
    }

    fn words(&self) -> String {
        let dim = ui::DIM;
        let mut words = Vec::new();
        words.extend(self.platform.as_deref().map(str::to_owned));
        match (&self.unread, &self.predicate_type, &self.artifact_type) {
            (Some(why), ..) => words.push(format!("does not count: {why}")),
            (None, Some(predicate), _) if self.bundle => words.push(predicate.clone()),
            (None, _, Some(kind)) => words.push(kind.clone()),
            (None, _, None) => words.push(self.media_type.clone()),
        }
        if self.bundle {
            words.push("(bundle)".to_owned());
        }
        format!("{dim}{}{dim:#}", ui::clean(&words.join(" ")))
    }
}

/// `shown` counts the manifests of the whole tree.
async fn node(
    store: &dyn Store,
    manifest: &Manifest,
    depth: usize,
    shown: &mut usize,
) -> Result<Node, OciError> {
    *shown += 1;
    if *shown > MAX_SHOWN {
        return Err(OciError::TooMany {
            what: "manifests in one tree",
            limit: MAX_SHOWN,
        });
    }
    let mut node = Node::of(manifest);
    if depth >= MAX_DEPTH {
        return Ok(node);
    }
    for entry in manifest.manifests() {
        let child = match store.manifest(&Name::Digest(entry.digest.clone())).await {
            Ok(child) => {
                let mut child = Box::pin(self::node(store, &child, depth + 1, shown)).await?;
                if oci::is_buildkit(entry) {
                    child.artifact_type = Some("unsigned statements of BuildKit".to_owned());
                }
                child
            }
            Err(error) if error.is_about_content() => Node::unread(&entry.digest, &error),
            Err(error) => return Err(error),
        };
        node.platforms.push(Node {
            platform: entry.platform.as_ref().map(ToString::to_string),
            ..child
        });
    }
    for referrer in oci::referrers(store, manifest.digest()).await? {
        node.referrers.push(match referrer.manifest {
            Ok(manifest) => Box::pin(self::node(store, &manifest, depth + 1, shown)).await?,
            Err(error) => Node::unread(&referrer.digest, &error),
        });
    }
    Ok(node)
}

fn branches(node: &Node, indent: &str, lines: &mut Vec<String>) {
    let all: Vec<_> = node.platforms.iter().chain(&node.referrers).collect();
    for (index, child) in all.iter().enumerate() {
        let (branch, below) = match index + 1 == all.len() {
            true => ("└── ", "    "),
            false => ("├── ", "│   "),
        };
        lines.push(format!(
            "{indent}{branch}{} {}",
            child.digest,
            child.words()
        ));
        branches(child, &format!("{indent}{below}"), lines);
    }
}
