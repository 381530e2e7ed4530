//! What a URL of the log names: scheme, host and port.

use super::call::Target;

/// Reads scheme, host and port. A text without a scheme is taken for `http`; `None` where no host is left.
pub(super) fn target(url: &str) -> Option<Target> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = scheme.trim().to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host).trim();
    let (host, port) = split_port(authority);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() {
        return None;
    }
    let port = port.and_then(|text| text.parse().ok()).unwrap_or(default_port(&scheme));
    Some(Target { scheme, host, port })
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
