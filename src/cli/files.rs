//! Files in and out: limits on what is read, nothing half-written.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::Failure;

/// Reads a file of at most `limit` bytes; `what` names it in errors.
pub(super) fn read(path: &Path, limit: u64, what: &str) -> Result<Vec<u8>, Failure> {
    let file = open(path, what)?;
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, what, &error))?;
    if bytes.len() as u64 > limit {
        return Err(
            Failure::cant_say(format!("the {what} `{}` is too large", path.display()))
                .with("seen", format!("more than {limit} bytes"))
                .with("wanted", format!("at most {limit} bytes")),
        );
    }
    Ok(bytes)
}

/// Reads a file as text.
pub(super) fn read_text(path: &Path, limit: u64, what: &str) -> Result<String, Failure> {
    String::from_utf8(read(path, limit, what)?).map_err(|error| {
        Failure::cant_say(format!("the {what} `{}` is no text", path.display())).with(
            "seen",
            format!("no UTF-8 after byte {}", error.utf8_error().valid_up_to()),
        )
    })
}

/// Opens a regular file for reading.
pub(super) fn open(path: &Path, what: &str) -> Result<File, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, what, &error))?;
    let metadata = file
        .metadata()
        .map_err(|error| unreadable(path, what, &error))?;
    if metadata.is_dir() {
        return Err(Failure::cant_say(format!(
            "the {what} `{}` is a folder, wanted a file",
            path.display()
        )));
    }
    Ok(file)
}

fn unreadable(path: &Path, what: &str, error: &io::Error) -> Failure {
    let failure = Failure::cant_say(format!("cannot read the {what} `{}`", path.display()))
        .with("reason", error);
    match error.kind() {
        io::ErrorKind::NotFound => failure.hint(what_is_there(path)),
        _ => failure,
    }
}

/// True when there is nothing at `path`. What is there and can't be read, as a link
/// that leads nowhere, is not missing: reading it tells why.
pub(super) fn is_missing(path: &Path) -> bool {
    path.symlink_metadata()
        .is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The hint for a path that leads nowhere.
pub(super) fn what_is_there(path: &Path) -> String {
    format!("`ls {}` shows what is there", parent(path).display())
}

/// Who may read what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// As the umask says.
    Everybody,
    /// Its owner: mode 0600.
    Owner,
}

/// Whether a file that is there may be replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// Yes.
    Replace,
    /// No; it is an error.
    Keep,
}

impl Existing {
    /// As `--force` says.
    pub(super) fn by(force: bool) -> Self {
        match force {
            true => Existing::Replace,
            false => Existing::Keep,
        }
    }
}

/// Writes a whole file or none: temporary file, sync, rename. What is there and is
/// no file, such as `/dev/null`, is written to as it is.
pub(super) fn write(
    path: &Path,
    bytes: &[u8],
    readers: Readers,
    existing: Existing,
) -> Result<(), Failure> {
    write_with(path, readers, existing, |file| {
        file.write_all(bytes).map_err(|error| {
            Failure::cant_say(format!("cannot write `{}`", path.display())).with("reason", error)
        })
    })
}

/// The same for what is too large to be held: `fill` writes it.
pub(super) fn write_with(
    path: &Path,
    readers: Readers,
    existing: Existing,
    fill: impl FnOnce(&mut File) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unwritable = |error: io::Error| {
        Failure::cant_say(format!("cannot write `{}`", path.display())).with("reason", error)
    };
    // A device or a pipe takes what it is given; a rename would put a file in its place.
    if existing == Existing::Replace && fs::metadata(path).is_ok_and(|it| !it.is_file()) {
        let mut place = File::options().write(true).open(path).map_err(unwritable)?;
        return fill(&mut place);
    }
    let mode = match readers {
        Readers::Everybody => 0o666, // less what the umask takes away
        Readers::Owner => 0o600,
    };
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(parent(path))
        .map_err(|error| no_room(path, &error))?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all().map_err(unwritable)?;
    match existing {
        Existing::Replace => file
            .persist(path)
            .map_err(|error| unwritable(error.error))?,
        Existing::Keep => {
            file.persist_noclobber(path)
                .map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => already_there(path),
                    _ => unwritable(error.error),
                })?
        }
    };
    // The rename is durable once the folder is; not every system can sync one.
    if let Ok(folder) = File::open(parent(path)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The failure when no file can be made beside `path`. The temporary file's name
/// is nobody's business.
fn no_room(path: &Path, error: &io::Error) -> Failure {
    let folder = parent(path).display();
    let failure = Failure::cant_say(format!("cannot write `{}`", path.display()));
    match error.kind() {
        io::ErrorKind::NotFound => failure
            .with("reason", format!("there is no folder `{folder}`"))
            .hint(format!("`mkdir -p {folder}` makes it")),
        kind => failure.with("reason", format!("folder `{folder}`: {kind}")),
    }
}

/// The failure when a file would have to be replaced.
pub(super) fn already_there(path: &Path) -> Failure {
    Failure::cant_say(format!("`{}` is already there", path.display()))
        .hint("`--force` replaces it, `--output FILE` writes to another one")
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// `path` with `suffix` added to its file name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The file name for people.
pub(super) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt as _;
    use std::process::Command;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_no_file_is_written_to_and_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        let written = write(&pipe, b"whole", Readers::Everybody, Existing::Replace);
        assert!(written.is_ok());
        assert_eq!(reader.join().unwrap(), b"whole");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        // A folder takes nothing.
        let refused = write(folder.path(), b"", Readers::Everybody, Existing::Replace);
        assert!(refused.is_err());
    }
}
