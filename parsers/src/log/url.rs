//! What a URL of the log names: scheme, host and port.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{call::Target, words::around};

/// Reads scheme, host and port. A text without a scheme is taken for `http`; `None` where no host is left.
pub(super) fn target(url: &str) -> Option<Target> {
    parts(url).map(named)
}

/// What the parts of a URL name.
pub(super) fn named((scheme, host, port): Parts<'_>) -> Target {
    let scheme = scheme.to_ascii_lowercase();
    let port = port.and_then(|text| text.parse().ok()).unwrap_or(default_port(&scheme));
    Target { scheme, host: host.to_ascii_lowercase(), port }
}

/// The host as written; empty where there is none.
pub(super) fn host(url: &str) -> &str {
    parts(url).map_or("", |(_, host, _)| host)
}

/// Scheme, host and port as written.
pub(super) type Parts<'a> = (&'a str, &'a str, Option<&'a str>);

/// Reads them; `None` where no host is left.
pub(super) fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = around(url, &AFTER_SCHEME).unwrap_or(("http", url));
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).trim();
    let (host, port) = split_port(authority);
    let host = host.trim_end_matches('.');
    (!host.is_empty()).then_some((scheme.trim(), host, port))
}

/// `host:port`, `[v6]:port` or a bare IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match authority.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

static AFTER_SCHEME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port() {
        for (url, scheme, host, port) in [
            ("https://apiserver/service/auth.json", "https", "apiserver", 443),
            ("http://Orders.Corp.Example:8080/api?x=a:b@c", "http", "orders.corp.example", 8080),
            ("HTTPS://user:pass@host.example.:8443", "https", "host.example", 8443),
            ("http://[fd77:2::24]:8080/x", "http", "fd77:2::24", 8080),
            ("http://[fd77:2::24]/x", "http", "fd77:2::24", 80),
            ("http://10.0.0.1?x", "http", "10.0.0.1", 80),
            ("host/path", "http", "host", 80),
            ("https://host:/x", "https", "host", 443),
            ("https://host:99999/x", "https", "host", 443),
        ] {
            let expected = Target { scheme: scheme.into(), host: host.into(), port };
            assert_eq!(target(url), Some(expected), "{url}");
        }
    }

    #[test]
    fn no_host_is_no_target() {
        for url in ["", "http://", "http:///x", "https://:8443/", "http://./"] {
            assert_eq!(target(url), None, "{url}");
        }
    }
}
