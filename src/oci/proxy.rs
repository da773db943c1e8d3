//! The proxy that the environment names for what goes by TLS. Plain HTTP is spoken with this
//! machine alone, and never by a proxy.

use std::error::Error;

use reqwest::{NoProxy, Url};

use super::OciError;

/// Where it is named; the first that says something counts.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that makes tunnels (RFC 9110 §9.3.6).
pub(super) struct Proxy {
    /// Its host and port, for people: a password can stand before them.
    pub(super) host: String,
    /// Whether it is spoken with by TLS itself.
    pub(super) secure: bool,
    pub(super) route: reqwest::Proxy,
}

/// The proxy for `host`, unless `NO_PROXY` names it. One that can't be used is an error:
/// without it, prov would be seen where it should not.
pub(super) fn configured(host: &str) -> Result<Option<Proxy>, OciError> {
    let round = ["NO_PROXY", "no_proxy"]
        .iter()
        .find_map(|variable| std::env::var(variable).ok());
    if round.is_some_and(|list| goes_round(&list, host)) {
        return Ok(None);
    }
    let named = VARIABLES.into_iter().find_map(|variable| {
        let value = std::env::var_os(variable).filter(|value| !value.is_empty())?;
        Some((variable, value))
    });
    named
        .map(|(variable, value)| {
            value
                .to_str()
                .and_then(parse)
                .ok_or(OciError::ProxySetting { variable })
        })
        .transpose()
}

/// What is certain of `NO_PROXY`: everything, the host itself, or one above it. reqwest
/// knows networks, but not that `*` is for addresses too.
fn goes_round(list: &str, host: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| {
        let above = entry.strip_prefix('.').unwrap_or(entry);
        let below = host.strip_suffix(above);
        entry == "*"
            || (!above.is_empty() && below.is_some_and(|it| it.is_empty() || it.ends_with('.')))
    })
}

fn parse(text: &str) -> Option<Proxy> {
    let text = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    let url = Url::parse(&text).ok()?;
    if !["http", "https"].contains(&url.scheme()) {
        return None;
    }
    let port = url.port_or_known_default()?;
    Some(Proxy {
        host: format!("{}:{port}", url.host_str()?),
        secure: url.scheme() == "https",
        route: reqwest::Proxy::https(url)
            .ok()?
            .no_proxy(NoProxy::from_env()),
    })
}

/// Why there is no way through the proxy, if that is what failed.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    let (first, mut cause) = loop {
        let error = cause?;
        // hyper-util's word for it; its type is none of what reqwest shows.
        match error.to_string().strip_prefix("tunnel error: ") {
            Some(why) => break (why.to_owned(), error.source()),
            None => cause = error.source(),
        }
    };
    let mut why = first;
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    Some(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_round() {
        for list in [
            "*",
            "a.example",
            "x, .example",
            "example,",
            " b , a.example ",
        ] {
            assert!(goes_round(list, "a.example"), "{list}");
        }
        for list in [
            "",
            ",",
            "ample",
            "b.a.example",
            "10.0.0.0/8",
            "a.example:443",
            "*.example",
        ] {
            assert!(!goes_round(list, "a.example"), "{list}");
        }
        assert!(goes_round("*", "127.0.0.1") && goes_round("127.0.0.1", "127.0.0.1"));
    }

    #[test]
    fn what_is_a_proxy() {
        for (text, host) in [
            ("http://proxy.example:3128", "proxy.example:3128"),
            ("proxy.example:3128", "proxy.example:3128"),
            ("proxy.example", "proxy.example:80"),
            ("https://proxy.example/", "proxy.example:443"),
            ("http://user:p%40ss@proxy.example:1", "proxy.example:1"),
            ("user:pass@proxy.example:1", "proxy.example:1"),
            ("http://[::1]:3128", "[::1]:3128"),
        ] {
            assert_eq!(parse(text).unwrap().host, host);
        }
        for text in [
            "socks5://proxy.example",
            "ftp://a",
            "http://",
            "http://a:b#c@d",
            " ",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
