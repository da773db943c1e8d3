//! What `prov run` and `prov dev` share: the compile cache, its progress, and
//! how a failed launch is told.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use etcetera::app_strategy::{AppStrategy as _, AppStrategyArgs, Xdg};

use crate::launch::{Cache, Event, LaunchError, Prepared, prepare};
use crate::policy::Attested;

use super::error::{Failure, reasons};
use super::ui::{self, Progress};

/// Set for a process that was started anew because it compiled.
const COMPILED: &str = "PROV_COMPILED";

/// Where prov keeps things for this user: the XDG base directories.
pub(super) fn folders() -> Result<Xdg, Failure> {
    Xdg::new(AppStrategyArgs {
        app_name: "prov".to_owned(),
        ..AppStrategyArgs::default()
    })
    .map_err(|error| {
        Failure::cant_say("cannot tell this user's home directory")
            .with("reason", error)
            .hint("`HOME=/path/to/home prov …` says where it is")
    })
}

/// Gets the module ready, from the cache or by compiling it, and shows that.
pub(super) fn ready(attested: Attested) -> Result<Prepared, Failure> {
    let folders = folders()?;
    let cache = Cache::new(
        folders.in_cache_dir("compiled"),
        folders.in_data_dir("cache.key"),
    );
    let name = ui::clean(attested.name());
    let mut progress = None;
    let prepared = prepare(attested, Some(&cache), &mut |event| match event {
        // A small one is done before anybody could read that.
        Event::Compiling { size } if size < 1 << 20 => {}
        Event::Compiling { size } => {
            progress = Some(Progress::start(&format!(
                "compiling {name} ({}) for this machine, once",
                ui::bytes(size)
            )));
        }
        Event::Compiled { elapsed } => {
            if let Some(progress) = progress.take() {
                progress.finish();
            }
            tracing::info!("compiled {name} in {}", ui::duration(elapsed));
        }
        Event::CacheRefused(error) => {
            ui::warn(&format!("compiled code is not kept: {}", reasons(&error)));
        }
        Event::CacheRejected(error) => {
            tracing::info!("threw compiled code away: {}", reasons(&error));
        }
        Event::CacheUnwritable(error) => {
            ui::warn(&format!("compiled code is not kept: {}", reasons(&error)));
        }
    });
    prepared.map_err(|error| failure(&error))
}

/// False in a process that was started anew already.
pub(super) fn may_start_anew() -> bool {
    std::env::var_os(COMPILED).is_none()
}

/// Starts this program anew with the same arguments, for the compiler leaves
/// half a gigabyte behind. Returns only when that can't be done.
pub(super) fn start_anew() {
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(COMPILED, "1")
        .exec();
    tracing::info!("cannot start anew after compiling: {error}");
}

/// Tells why a guest did not run, or not to its own end.
pub(super) fn failure(error: &LaunchError) -> Failure {
    let told = Failure::cant_say(reasons(error));
    match error {
        LaunchError::Trap { output, .. } if !output.is_empty() => {
            told.with("output", output.join("\n"))
        }
        LaunchError::Component { .. } => {
            told.hint("components are not run yet; build for `wasip1` or `wasm32-wasip1`")
        }
        LaunchError::NotAModule { .. } => {
            told.hint("`head -c4 FILE | od -c` shows what it is; a module starts with \\0 a s m")
        }
        LaunchError::NotACommand { .. } => {
            told.hint("build a command (with a `main`), not a library")
        }
        _ => told,
    }
}
