//! Where a registry may point: a redirect, the place of an upload, a token server.
//!
//! TLS is never left, and a registry out in the world can't point into a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// True for the same scheme, host and port.
pub(super) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// Whether a registry at `base` may lead to `target`; why not.
pub(super) fn may_lead_to(base: &Url, target: &Url) -> Result<(), &'static str> {
    match (target.scheme(), base.scheme()) {
        ("https", _) => {}
        ("http", "http") if is_loopback(target) => {}
        ("http", "http") => return Err("plain http is spoken with this machine alone"),
        ("http", _) => return Err("TLS is not left"),
        _ => return Err("that is neither https nor http"),
    }
    match is_private(target) && !is_private(base) {
        true => Err("that is inside a network"),
        false => Ok(()),
    }
}

/// Whether a token server at `realm` may have the credentials of a registry at
/// `base`: it is the registry itself, or it is reached by TLS.
pub(super) fn may_ask_for_token(base: &Url, realm: &Url) -> Result<(), &'static str> {
    if same_origin(base, realm) {
        return Ok(());
    }
    match realm.scheme() {
        "https" => may_lead_to(base, realm),
        _ => Err("credentials do not go there without TLS"),
    }
}

fn address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse().ok()
}

fn is_loopback(url: &Url) -> bool {
    url.host_str() == Some("localhost") || address(url).is_some_and(|ip| ip.is_loopback())
}

/// True for addresses and names that only mean something inside a network.
fn is_private(url: &Url) -> bool {
    match address(url) {
        Some(IpAddr::V4(ip)) => is_private_v4(ip),
        Some(IpAddr::V6(ip)) => ip
            .to_ipv4_mapped()
            .map_or_else(|| is_private_v6(ip), is_private_v4),
        None => url.host_str().is_none_or(|host| {
            let host = host.trim_end_matches('.');
            let endings = [".localhost", ".local", ".internal"];
            host == "localhost" || endings.iter().any(|ending| host.ends_with(ending))
        }),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && (64..128).contains(&second); // RFC 6598
    ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || shared
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn where_a_registry_may_lead() {
        for (base, target, may) in [
            ("https://ghcr.io", "https://storage.example.com/x", true),
            ("https://ghcr.io", "http://ghcr.io/x", false),
            ("https://ghcr.io", "https://127.0.0.1/x", false),
            ("https://ghcr.io", "https://169.254.169.254/latest", false),
            ("https://ghcr.io", "https://[::ffff:10.0.0.1]/x", false),
            ("https://ghcr.io", "https://[fd00::1]/x", false),
            ("https://ghcr.io", "https://100.100.0.1/x", false),
            ("https://ghcr.io", "https://2130706433/x", false),
            (
                "https://ghcr.io",
                "https://metadata.google.internal/x",
                false,
            ),
            ("https://ghcr.io", "https://localhost/x", false),
            ("https://ghcr.io", "file:///etc/passwd", false),
            ("https://10.0.0.1:5000", "https://10.0.0.2/x", true),
            ("http://127.0.0.1:5000", "http://127.0.0.1:9000/x", true),
            (
                "http://127.0.0.1:5000",
                "http://storage.example.com/x",
                false,
            ),
            (
                "http://127.0.0.1:5000",
                "https://storage.example.com/x",
                true,
            ),
        ] {
            assert_eq!(
                may_lead_to(&url(base), &url(target)).is_ok(),
                may,
                "{base} {target}"
            );
        }
    }

    #[test]
    fn who_may_be_told_credentials() {
        for (base, realm, may) in [
            (
                "https://registry-1.docker.io",
                "https://auth.docker.io/token",
                true,
            ),
            ("https://ghcr.io", "https://ghcr.io/token", true),
            ("https://ghcr.io", "http://ghcr.io/token", false),
            ("https://ghcr.io", "https://10.0.0.1/token", false),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000/token", true),
            (
                "http://127.0.0.1:5000",
                "http://127.0.0.1:6000/token",
                false,
            ),
            ("http://127.0.0.1:5000", "http://example.com/token", false),
        ] {
            assert_eq!(
                may_ask_for_token(&url(base), &url(realm)).is_ok(),
                may,
                "{base} {realm}"
            );
        }
    }
}
