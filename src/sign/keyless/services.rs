//! Which services sign: Sigstore's signing configuration, version 0.2.

use std::cmp::Reverse;
use std::collections::HashSet;

use jiff::Timestamp;
use sigstore_trust_root::{ServiceConfiguration, ServiceEndpoint, ServiceSelector, SigningConfig};
use sigstore_tuf::{HttpRepository, Updater};

use super::KeylessError;
use super::log::{Log, Version};
use super::network::{self, Network};

/// The largest signing configuration that is read, in bytes.
pub const MAX_CONFIG: u64 = 1 << 20;

/// The public good instance's TUF repository.
const PUBLIC_GOOD: &str = "https://tuf-repo-cdn.sigstore.dev";
/// Its root metadata, version 16, as sigstore-trust-root 0.15.1 has it.
const PUBLIC_GOOD_ROOT: &[u8] = include_bytes!("public-good-root.json");

/// A Sigstore instance: where to sign, and what to check the result against.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Where to sign.
    pub services: Services,
    /// Its `trusted_root.json`.
    pub trusted_root: String,
}

/// The services that take part in each signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    pub(super) authority: String,
    pub(super) logs: Vec<Log>,
    pub(super) timestamps: Vec<String>,
    pub(super) login: Option<String>,
}

impl Instance {
    /// Sigstore's public good instance as it is today.
    pub fn public_good(network: &Network) -> Result<Self, KeylessError> {
        Self::from_repository(network, PUBLIC_GOOD, PUBLIC_GOOD_ROOT)
    }

    /// The instance whose files `repository` has, a repository of The Update
    /// Framework (TUF). `root` is the root metadata that trust starts from; the
    /// repository may have replaced it by newer ones since, each signed by the last.
    pub fn from_repository(
        network: &Network,
        repository: &str,
        root: &[u8],
    ) -> Result<Self, KeylessError> {
        let client = network.client_for(repository)?.clone();
        let (trusted_root, config) =
            network
                .block_on(fetch(client, repository, root))
                .map_err(|error| KeylessError::Tuf {
                    url: repository.to_owned(),
                    reason: causes(&error),
                })?;
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| KeylessError::Tuf {
                url: repository.to_owned(),
                reason: "a file of it is no text".to_owned(),
            })
        };
        Ok(Self {
            services: Services::from_json(&text(config)?)?,
            trusted_root: text(trusted_root)?,
        })
    }
}

/// Every file is fetched anew: there are six small ones, and a stored one is of
/// no use but to whoever wants an old one believed.
async fn fetch(
    client: reqwest::Client,
    repository: &str,
    root: &[u8],
) -> Result<(Vec<u8>, Vec<u8>), sigstore_tuf::Error> {
    let now = Timestamp::now();
    let repository = HttpRepository::new(repository)?.with_http_client(client);
    let mut updater = Updater::new(repository, root)?;
    updater.refresh(now).await?;
    Ok((
        updater.get_target("trusted_root.json", now).await?,
        updater.get_target("signing_config.v0.2.json", now).await?,
    ))
}

fn causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", causes(cause)),
        None => error.to_string(),
    }
}

impl Services {
    /// Reads a `signing_config.json` and picks what is valid now, the newest first.
    pub fn from_json(json: &str) -> Result<Self, KeylessError> {
        let config = SigningConfig::from_json(json)
            .map_err(|error| KeylessError::Config(error.to_string()))?;
        Self::select(&config)
    }

    fn select(config: &SigningConfig) -> Result<Self, KeylessError> {
        let authorities = newest_first(&config.eligible_fulcio_urls());
        let authority = authorities
            .first()
            .ok_or(KeylessError::NoService("certificate authority"))?;
        let logs = choose(
            "transparency logs",
            &config.rekor_tlog_urls,
            &config.eligible_rekor_urls(None),
            &config.rekor_tlog_config,
        )?;
        let timestamps = choose(
            "timestamp authorities",
            &config.tsa_urls,
            &config.eligible_tsa_urls(),
            &config.tsa_config,
        )?;
        let services = Self {
            authority: authority.url.clone(),
            logs: logs
                .into_iter()
                .map(|log| Log {
                    url: log.url.clone(),
                    version: match log.major_api_version {
                        1 => Version::V1,
                        _ => Version::V2,
                    },
                })
                .collect(),
            timestamps: timestamps.into_iter().map(|tsa| tsa.url.clone()).collect(),
            login: newest_first(&config.eligible_oidc_urls())
                .first()
                .map(|login| login.url.clone()),
        };
        services.complete()
    }

    /// The certificate is valid for minutes, so something must witness when the
    /// signature was made: a timestamp, or a log of version 1, which has a clock.
    fn complete(self) -> Result<Self, KeylessError> {
        let has_clock = self.logs.iter().any(|log| log.version == Version::V1);
        if self.timestamps.is_empty() && !has_clock {
            return Err(KeylessError::NoService("timestamp authority"));
        }
        let logs = self.logs.iter().map(|log| &log.url);
        for url in logs.chain(&self.timestamps).chain([&self.authority]) {
            network::usable(url)?;
        }
        Ok(self)
    }
}

/// As many as the rule wants of the `usable` services, by the order of
/// protobuf-specs (`sigstore_trustroot.proto`, `Service`): the highest API version
/// alone, the newest first, one of each operator. An instance that lists none has
/// none; one whose are all outdated is not taken for one without.
fn choose<'a>(
    service: &'static str,
    listed: &[ServiceEndpoint],
    usable: &[&'a ServiceEndpoint],
    rule: &ServiceConfiguration,
) -> Result<Vec<&'a ServiceEndpoint>, KeylessError> {
    let mut chosen = newest_first(usable);
    let mut operators = HashSet::new();
    // Two that name no operator can't be shown to be of different ones.
    chosen.retain(|endpoint| operators.insert(endpoint.operator.as_deref()));
    let seen = chosen.len();
    let unsatisfied = |wanted: String| KeylessError::Selector {
        service,
        wanted,
        seen,
    };
    if seen == 0 && !listed.is_empty() {
        return Err(KeylessError::NoService(service));
    }
    let count = match (rule.selector, rule.count) {
        (ServiceSelector::Any, _) => seen.min(1),
        (ServiceSelector::All, _) => seen,
        (ServiceSelector::Exact, Some(count)) if count > 0 => count as usize,
        (selector, count) => {
            let count = count.map(|count| format!(" {count}")).unwrap_or_default();
            return Err(unsatisfied(format!("{selector:?}{count}")));
        }
    };
    if count > seen {
        return Err(unsatisfied(count.to_string()));
    }
    chosen.truncate(count);
    Ok(chosen)
}

/// Those of the highest API version, the one that started last first.
fn newest_first<'a>(usable: &[&'a ServiceEndpoint]) -> Vec<&'a ServiceEndpoint> {
    let version = usable
        .iter()
        .map(|endpoint| endpoint.major_api_version)
        .max();
    let mut newest = usable.to_vec();
    newest.retain(|endpoint| Some(endpoint.major_api_version) == version);
    newest.sort_by_key(|endpoint| Reverse(endpoint.valid_for.start));
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn endpoint(url: &str, version: u32, operator: &str, end: Option<&str>) -> Value {
        let mut valid = json!({"start": "2020-01-01T00:00:00Z"});
        if let Some(end) = end {
            valid["end"] = end.into();
        }
        json!({"url": url, "majorApiVersion": version, "validFor": valid, "operator": operator})
    }

    fn config() -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [endpoint("https://ca.example", 1, "a", None)],
            "oidcUrls": [endpoint("https://login.example", 1, "a", None)],
            "rekorTlogUrls": [
                endpoint("https://log1.example", 1, "a", None),
                endpoint("https://log2.example", 2, "a", None),
                endpoint("https://log3.example", 2, "b", None),
                endpoint("https://log4.example", 2, "b", None),
            ],
            "tsaUrls": [endpoint("https://tsa.example", 1, "a", None)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        })
    }

    fn select(config: &Value) -> Result<Services, KeylessError> {
        Services::from_json(&config.to_string())
    }

    fn logs(config: &Value) -> Vec<String> {
        let logs = select(config).unwrap().logs;
        logs.into_iter().map(|log| log.url).collect()
    }

    #[test]
    fn the_newest_log_of_each_operator_and_as_many_as_wanted() {
        let mut config = config();
        config["rekorTlogUrls"][3]["validFor"]["start"] = "2021-01-01T00:00:00Z".into();
        let services = select(&config).unwrap();
        assert_eq!(services.authority, "https://ca.example");
        assert_eq!(services.timestamps, ["https://tsa.example"]);
        assert_eq!(services.login.as_deref(), Some("https://login.example"));
        assert_eq!(logs(&config), ["https://log4.example"]);
        let both = ["https://log4.example", "https://log2.example"];
        config["rekorTlogConfig"] = json!({"selector": "ALL"});
        assert_eq!(logs(&config), both);
        config["rekorTlogConfig"] = json!({"selector": "EXACT", "count": 2});
        assert_eq!(logs(&config), both);
        for rule in [
            json!({"selector": "EXACT", "count": 3}),
            json!({"selector": "EXACT", "count": 0}),
            json!({"selector": "EXACT"}),
            json!({"selector": "SERVICE_SELECTOR_UNDEFINED"}),
        ] {
            config["rekorTlogConfig"] = rule;
            assert!(matches!(
                select(&config),
                Err(KeylessError::Selector { .. })
            ));
        }
        config["rekorTlogConfig"] = json!({"selector": "MOST"});
        assert!(matches!(select(&config), Err(KeylessError::Config(_))));
    }

    #[test]
    fn an_instance_without_logs_needs_a_clock_and_outdated_logs_are_not_none() {
        let mut config = config();
        config["rekorTlogUrls"] = json!([]);
        assert_eq!(logs(&config), [""; 0]);
        config["tsaUrls"] = json!([]);
        assert!(matches!(select(&config), Err(KeylessError::NoService(_))));

        let old = Some("2021-01-01T00:00:00Z");
        config = self::config();
        config["rekorTlogUrls"] = json!([endpoint("https://log1.example", 1, "a", old)]);
        assert!(matches!(
            select(&config),
            Err(KeylessError::NoService("transparency logs"))
        ));
        config = self::config();
        config["tsaUrls"][0] = endpoint("https://tsa.example", 1, "a", old);
        assert!(matches!(
            select(&config),
            Err(KeylessError::NoService("timestamp authorities"))
        ));
        config = self::config();
        config["caUrls"][0] = endpoint("https://ca.example", 1, "a", old);
        assert!(matches!(select(&config), Err(KeylessError::NoService(_))));
    }

    #[test]
    fn a_log_without_a_clock_needs_a_timestamp() {
        let mut config = config();
        config["tsaUrls"] = json!([]);
        assert!(matches!(
            select(&config),
            Err(KeylessError::NoService("timestamp authority"))
        ));
        config["rekorTlogUrls"].as_array_mut().unwrap().truncate(1);
        assert_eq!(logs(&config), ["https://log1.example"]);
    }

    #[test]
    fn services_in_the_clear_are_refused() {
        for list in ["caUrls", "rekorTlogUrls", "tsaUrls"] {
            let mut config = config();
            config[list] = json!([endpoint("http://other.example", 1, "a", None)]);
            assert!(
                matches!(select(&config), Err(KeylessError::Url { .. })),
                "{list}"
            );
        }
        for text in ["", "{}", "[]", r#"{"mediaType":"application/json"}"#] {
            assert!(Services::from_json(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        /// Neither a damaged configuration nor a damaged token makes anything panic.
        #[test]
        fn damaged_files_are_errors_at_most(at in 0..600usize, text in "[\\[\\]{}\",:.0-9A-Za-z]{0,6}") {
            let config = config().to_string();
            let at = at.min(config.len());
            let _ = Services::from_json(&format!("{}{text}{}", &config[..at], &config[at..]));
            let _ = super::super::Token::parse(&format!("{text}.{text}.{text}"));
        }
    }
}
