//! Credentials as docker, podman and their helpers keep them.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{OciError, Repository};

/// The largest configuration and the largest answer of a helper, in bytes.
const MAX_CONFIG: u64 = 1 << 20;
/// How long a helper may take; it may have to ask a person.
const HELPER_TIME: Duration = Duration::from_secs(60);

/// What a registry is told.
pub(super) enum Credentials {
    /// A user and a password.
    Password {
        user: String,
        password: Zeroizing<String>,
    },
    /// A token that a token server takes for others.
    Identity(Zeroizing<String>),
}

/// What is configured for `repository`; None when nothing is. A configuration that
/// can't be read is an error: being taken for nobody would hide it.
pub(super) fn find(repository: &Repository) -> Result<Option<Credentials>, OciError> {
    for path in config_files() {
        let config = match read_config(&path) {
            Ok(Some(config)) => config,
            Ok(None) => continue,
            Err(why) => return Err(failed(repository, format!("`{}` {why}", path.display()))),
        };
        let found =
            in_config(repository, &config, run_helper).map_err(|why| failed(repository, why))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn failed(repository: &Repository, why: String) -> OciError {
    OciError::Credentials {
        host: repository.host.clone(),
        why,
    }
}

/// Where docker and podman keep them, what was named by a variable first.
fn config_files() -> Vec<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = variable("HOME");
    let under_home = |path: &str| Some(home.as_ref()?.join(path));
    [
        variable("REGISTRY_AUTH_FILE"),
        variable("DOCKER_CONFIG")
            .or_else(|| under_home(".docker"))
            .map(|folder| folder.join("config.json")),
        variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        variable("XDG_CONFIG_HOME")
            .or_else(|| under_home(".config"))
            .map(|folder| folder.join("containers/auth.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read_config(path: &Path) -> Result<Option<Value>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_CONFIG + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    // Its text may be a secret, so of an error only the place is told.
    crate::json::parse(&bytes, MAX_CONFIG as usize)
        .map(Some)
        .map_err(|_| "is no acceptable JSON".to_owned())
}

type Helper = fn(&str, &str) -> Result<Option<Credentials>, String>;

fn in_config(
    repository: &Repository,
    config: &Value,
    helper: Helper,
) -> Result<Option<Credentials>, String> {
    let names = names(repository);
    for name in &names {
        if let Some(helper_name) = config["credHelpers"][name].as_str() {
            return helper(helper_name, name);
        }
    }
    let empty = serde_json::Map::new();
    let entries = config["auths"].as_object().unwrap_or(&empty);
    for name in &names {
        let entry = entries.iter().find(|(key, _)| plain_key(key) == *name);
        if let Some(found) = entry
            .map(|(_, entry)| entry_credentials(entry))
            .transpose()?
            .flatten()
        {
            return Ok(Some(found));
        }
    }
    match config["credsStore"].as_str() {
        Some(store) => {
            let server = match is_docker_hub(&repository.host) {
                true => "https://index.docker.io/v1/",
                false => &repository.host,
            };
            helper(store, server)
        }
        None => Ok(None),
    }
}

/// The keys that mean the repository, the most exact first: podman has credentials
/// for a part of a registry too.
fn names(repository: &Repository) -> Vec<String> {
    let mut names = Vec::new();
    let mut path = format!("{}/{}", repository.host, repository.path);
    names.push(path.clone());
    while let Some((parent, _)) = path.rsplit_once('/') {
        path = parent.to_owned();
        names.push(path.clone());
    }
    if is_docker_hub(&repository.host) {
        names.extend(["index.docker.io", "docker.io", "registry-1.docker.io"].map(str::to_owned));
    }
    names
}

fn is_docker_hub(host: &str) -> bool {
    ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&host)
}

/// Docker writes `https://HOST/v1/` for what is just a host.
fn plain_key(key: &str) -> &str {
    match key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
    {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None => key,
    }
}

fn entry_credentials(entry: &Value) -> Result<Option<Credentials>, String> {
    let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credentials::Identity(Zeroizing::new(
            token.to_owned(),
        ))));
    }
    if let Some(encoded) = text("auth") {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let wrong = || "an `auth` in the configuration is no user and password".to_owned();
        let decoded = Zeroizing::new(LENIENT.decode(encoded).map_err(|_| wrong())?);
        let decoded = std::str::from_utf8(&decoded).map_err(|_| wrong())?;
        let (user, password) = decoded.split_once(':').ok_or_else(wrong)?;
        return Ok(Some(Credentials::Password {
            user: user.to_owned(),
            password: Zeroizing::new(password.trim_end_matches('\0').to_owned()),
        }));
    }
    Ok(text("username")
        .zip(text("password"))
        .map(|(user, password)| Credentials::Password {
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        }))
}

/// Asks `docker-credential-NAME get` (the protocol of docker-credential-helpers).
fn run_helper(name: &str, server: &str) -> Result<Option<Credentials>, String> {
    let word = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    if name.is_empty() || !name.chars().all(word) {
        return Err(format!("`{name}` is no name of a credential helper"));
    }
    let program = format!("docker-credential-{name}");
    let failed = |why: &dyn std::fmt::Display| format!("`{program}`: {why}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read tells by its answer.
        let _ = stdin.write_all(server.as_bytes());
    }
    let stdout = child.stdout.take();
    let (answered, answer) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(stdout) = stdout {
            let _ = stdout.take(MAX_CONFIG + 1).read_to_end(&mut bytes);
        }
        let _ = answered.send(bytes);
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| failed(&error))? {
            Some(status) => break status,
            None if started.elapsed() > HELPER_TIME => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(&"it does not answer"));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    // A helper may end and leave something behind that holds its stdout.
    let bytes = answer
        .recv_timeout(HELPER_TIME.saturating_sub(started.elapsed()))
        .map_err(|_| failed(&"it does not answer"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&bytes);
        return match said.contains("credentials not found") {
            true => Ok(None),
            false => Err(failed(&format_args!("it ended with {status}"))),
        };
    }
    let answer = crate::json::parse(&bytes, MAX_CONFIG as usize)
        .map_err(|_| failed(&"its answer is no acceptable JSON"))?;
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let secret = Zeroizing::new(text("Secret"));
    Ok(match text("Username") {
        _ if secret.is_empty() => None,
        user if user == "<token>" => Some(Credentials::Identity(secret)),
        user => Some(Credentials::Password {
            user,
            password: secret,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(reference: &str, config: &Value) -> String {
        let repository = match reference.parse::<super::super::Reference>().unwrap().place {
            super::super::Place::Registry(repository) => repository,
            super::super::Place::Layout(_) => panic!("{reference}"),
        };
        let helper: Helper = |name, server| {
            Ok(Some(Credentials::Identity(Zeroizing::new(format!(
                "{name}({server})"
            )))))
        };
        match in_config(&repository, config, helper) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Credentials::Identity(token))) => token.to_string(),
            Ok(Some(Credentials::Password { user, password })) => format!("{user}:{}", *password),
            Err(why) => why,
        }
    }

    #[test]
    fn docker_and_podman() {
        let config = json!({
            "auths": {
                "ghcr.io": {"auth": "dTpwOng="},
                "ghcr.io/mine": {"auth": "bWU6cA"},
                "https://registry.example/v2/": {"username": "a", "password": "b"},
                "https://index.docker.io/v1/": {"identitytoken": "hub"},
                "empty.example": {},
                "bad.example": {"auth": "%%%"},
            },
            "credHelpers": {"helped.example": "one"},
        });
        for (reference, wanted) in [
            ("ghcr.io/a/b", "u:p:x"),
            ("ghcr.io/mine/b", "me:p"),
            ("ghcr.io/miner/b", "u:p:x"),
            ("registry.example/a", "a:b"),
            ("docker.io/library/a", "hub"),
            ("helped.example/a", "one(helped.example)"),
            ("empty.example/a", "nothing"),
            ("ghcr.io.evil.example/a", "nothing"),
            ("ghcr.io:444/a", "nothing"),
        ] {
            assert_eq!(found(reference, &config), wanted, "{reference}");
        }
        assert!(found("bad.example/a", &config).contains("no user and password"));
        let store = json!({"credsStore": "desktop"});
        assert_eq!(found("ghcr.io/a", &store), "desktop(ghcr.io)");
        assert_eq!(
            found("docker.io/a/b", &store),
            "desktop(https://index.docker.io/v1/)"
        );
        assert_eq!(found("ghcr.io/a", &json!([])), "nothing");
    }

    #[test]
    fn a_helper_is_a_name_and_no_path() {
        for bad in ["", "../x", "a b", "a;b"] {
            assert!(run_helper(bad, "x").is_err(), "{bad}");
        }
        let missing = run_helper("prov-test-does-not-exist", "x").err().unwrap();
        assert!(missing.contains("prov-test-does-not-exist"));
    }
}
