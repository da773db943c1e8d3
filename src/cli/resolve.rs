//! Which build `prov sbom --resolve` resolves.

use crate::sbom::{Build, SbomError};

/// The arguments of `--resolve`, which stand together in the help
#[derive(clap::Args)]
#[command(next_help_heading = "Exact resolution")]
pub(super) struct Resolve {
    /// List only what one build links, as `cargo tree` and `go list` say: their
    /// packages must have been fetched; nothing is built and nothing downloaded
    #[arg(long)]
    resolve: bool,

    /// The target triple of the build, or `all` [default: this machine's]
    #[arg(long, value_name = "TRIPLE", requires = "resolve")]
    target: Option<String>,

    /// The crate or Go program that is built, by its name [default: as `cargo
    /// build`; every Go program]; may be repeated
    #[arg(short, long, value_name = "NAME", requires = "resolve")]
    package: Vec<String>,

    /// Cargo features that are on; separated by commas or repeated
    #[arg(
        short = 'F',
        long,
        value_name = "FEATURES",
        value_delimiter = ',',
        requires = "resolve"
    )]
    features: Vec<String>,

    /// All Cargo features are on
    #[arg(long, requires = "resolve")]
    all_features: bool,

    /// The default Cargo features are off
    #[arg(long, requires = "resolve")]
    no_default_features: bool,

    /// Go build tags that are on; separated by commas or repeated
    #[arg(long, value_name = "TAGS", value_delimiter = ',', requires = "resolve")]
    tags: Vec<String>,
}

impl Resolve {
    /// The build, when one is to be resolved.
    pub(super) fn build(&self) -> Option<Build> {
        self.resolve.then(|| Build {
            target: self.target.clone(),
            packages: self.package.clone(),
            features: self.features.clone(),
            all_features: self.all_features,
            no_default_features: self.no_default_features,
            tags: self.tags.clone(),
        })
    }
}

/// What helps when there is no package or feature of a name.
pub(super) fn hint(error: &SbomError) -> Option<&'static str> {
    match error {
        SbomError::NoPackage(_) => {
            Some("`cargo tree --workspace --depth 0` and `go list ./...` list what can be built")
        }
        SbomError::Tool { .. } => Some(
            "`cargo tree` with the same arguments must work; `cargo fetch --locked` gets what it needs",
        ),
        _ => None,
    }
}
