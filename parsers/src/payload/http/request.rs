//! Request heads, and the preface by which an HTTP/2 client begins.

use httparse::{EMPTY_HEADER, ParserConfig, Request};

use super::{MAX_HEADERS, fields::Fields, head_length};

/// What a request's head says. Of a head that was cut, what stands before the cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Method, as written.
    pub method: String,
    /// Request target, as written, at most [`LONGEST_TARGET`] bytes of it.
    pub target: String,
    /// Whether the target goes on beyond `target`: cut in the capture, or too long.
    pub target_cut: bool,
    /// Host by the `Host` field or else by the target: lower-case, without port, IPv6 without brackets.
    pub host: Option<String>,
    /// Port beside the host, where one is written.
    pub host_port: Option<u16>,
    /// Bytes of the body, where the head says.
    pub content_length: Option<u64>,
    /// The body is chunked.
    pub chunked: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The connection ends after the response: `Connection: close`, or HTTP/1.0 without keep-alive.
    pub close: bool,
    /// Bytes up to and including the blank line, where the head is whole.
    pub head_length: Option<u32>,
    /// The method is CONNECT: what follows is a tunnel.
    pub connect: bool,
    /// This is HTTP/2's connection preface: what follows are frames.
    pub http2_preface: bool,
}

/// Reads the request head at the beginning of `bytes`; `None` where there is none or the method is cut.
pub fn request_head(bytes: &[u8]) -> Option<RequestHead> {
    if !starts_request(bytes) {
        return None;
    }
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut request = Request::new(&mut headers);
    // What could be read before a cut or an error stands in `request` either way.
    let parsed = ParserConfig::default().ignore_invalid_headers_in_requests(true).parse_request(&mut request, bytes);
    let head_length = parsed.ok().and_then(|status| head_length(&status));
    let (method, line) = split_at_space(bytes);
    let (target, target_cut) = target(line);
    let fields = Fields::read(request.headers, request.version);
    let http2_preface = bytes.starts_with(HTTP2_PREFACE_LINE);
    let authority = fields.host.or_else(|| authority_of(method == b"CONNECT", &target, target_cut));
    let (host, host_port) = authority.map_or((None, None), split_authority);
    Some(RequestHead {
        method: String::from_utf8_lossy(method).into_owned(),
        host,
        host_port,
        content_length: fields.content_length,
        chunked: fields.chunked,
        expects_continue: fields.expects_continue,
        close: fields.close && !http2_preface,
        head_length: if http2_preface { whole_preface(bytes) } else { head_length },
        connect: method == b"CONNECT",
        http2_preface,
        target,
        target_cut,
    })
}

/// Whether `bytes` begin with a known method and a space, or with HTTP/2's preface. Cheap.
pub fn starts_request(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| bytes.starts_with(method)) || bytes.starts_with(HTTP2_PREFACE_LINE)
}

/// Whether `bytes`, of which more was cut, are the beginning of a known method.
pub fn may_start_request(bytes: &[u8]) -> bool {
    !bytes.is_empty() && METHODS.iter().any(|method| method.starts_with(bytes))
}

/// Most bytes kept of a request target; servers commonly refuse longer ones (8 KiB is Apache's line limit).
pub const LONGEST_TARGET: usize = 2048;

/// The first word, and what follows the space behind it.
fn split_at_space(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b' ', bytes).unwrap_or(bytes.len());
    (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default())
}

/// The target at the beginning of the rest of a request line, and whether it goes on.
fn target(line: &[u8]) -> (String, bool) {
    let whole = line.iter().position(|&byte| matches!(byte, b' ' | b'\r' | b'\n'));
    let kept = whole.unwrap_or(line.len()).min(LONGEST_TARGET);
    let target = line.get(..kept).unwrap_or_default();
    (String::from_utf8_lossy(target).into_owned(), whole.is_none_or(|whole| whole > kept))
}

/// The authority in the target: all of it for CONNECT, the part behind `//` of an absolute URI.
fn authority_of(connect: bool, target: &str, target_cut: bool) -> Option<&str> {
    if connect {
        return (!target_cut).then_some(target);
    }
    let (_, rest) = target.split_once("://").filter(|(scheme, _)| !scheme.contains('/'))?;
    match rest.find(['/', '?', '#']) {
        Some(end) => rest.get(..end),
        None => (!target_cut).then_some(rest),
    }
}

/// `Host:8080`, `[2001:db8::1]:443` and their kin.
fn split_authority(authority: &str) -> (Option<String>, Option<u16>) {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let host = (!host.is_empty()).then(|| host.to_ascii_lowercase());
    (host, port.and_then(|port| port.parse().ok()))
}

fn whole_preface(bytes: &[u8]) -> Option<u32> {
    bytes.starts_with(HTTP2_PREFACE).then_some(HTTP2_PREFACE.len() as u32)
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HTTP2_PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0";

const METHODS: [&[u8]; 17] = [
    b"GET ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"HEAD ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cut_leaves_of_a_method_may_start_a_request() {
        assert!(["P", "POST", "POST ", "DELE"].iter().all(|left| may_start_request(left.as_bytes())));
        assert!(["", "POSTS", "{\"id", "GET /a"].iter().all(|other| !may_start_request(other.as_bytes())));
    }

    const POST: &[u8] =
        b"POST /api/v1/Orders?id=7 HTTP/1.1\r\nHost: Ledger.corp.example:8080\r\nContent-Length: 900\r\n\
        Expect: 100-continue\r\nConnection: Keep-Alive\r\n\r\nbody";

    fn head(bytes: &[u8]) -> RequestHead {
        request_head(bytes).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(bytes)))
    }

    #[test]
    fn an_ordinary_head() {
        let expected = RequestHead {
            method: "POST".to_owned(),
            target: "/api/v1/Orders?id=7".to_owned(),
            target_cut: false,
            host: Some("ledger.corp.example".to_owned()),
            host_port: Some(8080),
            content_length: Some(900),
            chunked: false,
            expects_continue: true,
            close: false,
            head_length: Some(POST.len() as u32 - 4),
            connect: false,
            http2_preface: false,
        };
        assert_eq!(head(POST), expected);
    }

    #[test]
    fn the_smallest_head() {
        let smallest = head(b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!((smallest.target.as_str(), smallest.head_length, smallest.close), ("/", Some(18), false));
        assert_eq!((smallest.host, smallest.content_length), (None, None));
        assert!(head(b"GET / HTTP/1.0\r\n\r\n").close);
        assert!(!head(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").close);
        assert!(head(b"GET / HTTP/1.1\r\nconnection: upgrade, close\r\n\r\n").close);
    }

    #[test]
    fn a_cut_takes_away_and_never_alters() {
        let whole = head(POST);
        for length in 0..POST.len() {
            let Some(cut) = request_head(&POST[..length]) else {
                assert!(length < 5, "cut at {length}");
                continue;
            };
            assert_eq!(cut.method, "POST");
            if cut.target_cut {
                assert!(whole.target.starts_with(&cut.target) && length <= 24, "cut at {length}");
            } else {
                assert_eq!(cut.target, whole.target);
            }
            assert!(cut.host.is_none() || cut.host == whole.host, "cut at {length}: {cut:?}");
            assert!(cut.content_length.is_none() || cut.content_length == Some(900), "cut at {length}: {cut:?}");
            assert_eq!(cut.head_length.is_some(), length >= POST.len() - 4);
        }
        // What a snap length leaves in practice: the line and the host.
        let cut = head(&POST[..70]);
        assert_eq!((cut.host.as_deref(), cut.head_length), (Some("ledger.corp.example"), None));
    }

    #[test]
    fn hosts_come_from_the_field_or_the_target() {
        for (bytes, host, port) in [
            (&b"GET / HTTP/1.1\r\nHost: [FD77::24]:443\r\n\r\n"[..], Some("fd77::24"), Some(443)),
            (b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", Some("10.0.0.1"), None),
            (b"GET http://Proxied.example:81/x HTTP/1.1\r\n\r\n", Some("proxied.example"), Some(81)),
            (b"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", Some("b.example"), None),
            (b"GET /?next=http://other.example/ HTTP/1.1\r\n\r\n", None, None),
            (b"GET http://proxied.exa", None, None),
            (b"CONNECT up.example:8443 HTTP/1.1\r\n\r\n", Some("up.example"), Some(8443)),
            (b"CONNECT up.exam", None, None),
        ] {
            let found = head(bytes);
            assert_eq!((found.host.as_deref(), found.host_port), (host, port), "{}", String::from_utf8_lossy(bytes));
            assert_eq!(found.connect, bytes.starts_with(b"CONNECT"));
        }
    }

    #[test]
    fn bad_fields_are_passed_over() {
        let found = head(b"PUT /x HTTP/1.1\r\nb@d header\r\nHost: a\r\nContent-Length: many\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n");
        assert_eq!((found.host.as_deref(), found.content_length, found.chunked), (Some("a"), None, true));
        let many = [b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), b"X: y\r\n".repeat(500)].concat();
        assert_eq!((head(&many).host.as_deref(), head(&many).head_length), (Some("a"), None));
    }

    #[test]
    fn long_targets_are_bounded() {
        let bytes = [b"GET /".to_vec(), vec![b'a'; 9000], b" HTTP/1.1\r\n\r\n".to_vec()].concat();
        let found = head(&bytes);
        assert_eq!((found.target.len(), found.target_cut), (LONGEST_TARGET, true));
    }

    #[test]
    fn the_http2_preface() {
        let preface = head(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04");
        assert!(preface.http2_preface && !preface.close);
        assert_eq!(preface.head_length, Some(24));
        assert_eq!(head(&HTTP2_PREFACE[..20]).head_length, None);
    }

    #[test]
    fn other_bytes_start_no_request() {
        for bytes in [&b""[..], b"GE", b"GET", b"get / HTTP/1.1", b"HTTP/1.1 200 OK", b"\x16\x03\x01\x00\x05"] {
            assert!(!starts_request(bytes));
            assert_eq!(request_head(bytes), None);
        }
    }
}
