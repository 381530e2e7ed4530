//! HTTP/1 request and response heads, and the HTTP/2 preface.

use std::str;

use httparse::{EMPTY_HEADER, Header, ParserConfig, Request, Response};

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

/// What a response's head says. Of a head that was cut, what stands before the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Status code.
    pub status: u16,
    /// Bytes of the body, where the head says.
    pub content_length: Option<u64>,
    /// The body is chunked.
    pub chunked: bool,
    /// The connection ends after this response: `Connection: close`, or HTTP/1.0 without keep-alive.
    pub close: bool,
    /// Bytes up to and including the blank line, where the head is whole.
    pub head_length: Option<u32>,
    /// Seconds that the server keeps an idle connection, by its `Keep-Alive` field.
    pub keep_alive_timeout_s: Option<u32>,
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

/// Reads the response head at the beginning of `bytes`; `None` where there is none or the status is cut.
pub fn response_head(bytes: &[u8]) -> Option<ResponseHead> {
    if !starts_response(bytes) {
        return None;
    }
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let parsed = ParserConfig::default().ignore_invalid_headers_in_responses(true).parse_response(&mut response, bytes);
    let head_length = parsed.ok().and_then(|status| head_length(&status));
    let fields = Fields::read(response.headers, response.version);
    Some(ResponseHead {
        status: response.code?,
        content_length: fields.content_length,
        chunked: fields.chunked,
        close: fields.close,
        head_length,
        keep_alive_timeout_s: fields.keep_alive_timeout_s,
    })
}

/// Whether `bytes` begin with a known method and a space, or with HTTP/2's preface. Cheap.
pub fn starts_request(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| bytes.starts_with(method)) || bytes.starts_with(HTTP2_PREFACE_LINE)
}

/// Whether `bytes` begin with an HTTP/1 status line. Cheap.
pub fn starts_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.")
}

/// Most bytes kept of a request target; servers commonly refuse longer ones (8 KiB is Apache's line limit).
pub const LONGEST_TARGET: usize = 2048;

/// The header fields that count.
#[derive(Default)]
struct Fields<'h> {
    host: Option<&'h str>,
    content_length: Option<u64>,
    chunked: bool,
    expects_continue: bool,
    close: bool,
    keep_alive_timeout_s: Option<u32>,
}

impl<'h> Fields<'h> {
    /// Reads the fields that the parser has filled in; `minor` is the version's second number.
    fn read(headers: &[Header<'h>], minor: Option<u8>) -> Self {
        let mut fields = Self { close: minor == Some(0), ..Self::default() };
        for header in headers.iter().take_while(|header| !header.name.is_empty()) {
            if let Ok(value) = str::from_utf8(header.value) {
                fields.set(header.name, value.trim());
            }
        }
        fields
    }

    fn set(&mut self, name: &str, value: &'h str) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("host") {
            self.host = self.host.or(Some(value));
        } else if is("content-length") {
            self.content_length = self.content_length.or_else(|| value.parse().ok());
        } else if is("transfer-encoding") {
            self.chunked |= tokens(value).any(|token| token.eq_ignore_ascii_case("chunked"));
        } else if is("expect") {
            self.expects_continue |= value.eq_ignore_ascii_case("100-continue");
        } else if is("keep-alive") {
            self.keep_alive_timeout_s = self.keep_alive_timeout_s.or_else(|| tokens(value).find_map(timeout));
        } else if is("connection") {
            if tokens(value).any(|token| token.eq_ignore_ascii_case("close")) {
                self.close = true;
            } else if tokens(value).any(|token| token.eq_ignore_ascii_case("keep-alive")) {
                self.close = false;
            }
        }
    }
}

/// The elements of a comma-separated value.
fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

/// `timeout=5` of a `Keep-Alive` field.
fn timeout(token: &str) -> Option<u32> {
    let (name, seconds) = token.split_once('=')?;
    if name.trim().eq_ignore_ascii_case("timeout") { seconds.trim().parse().ok() } else { None }
}

fn head_length(status: &httparse::Status<usize>) -> Option<u32> {
    match *status {
        httparse::Status::Complete(length) => u32::try_from(length).ok(),
        httparse::Status::Partial => None,
    }
}

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

/// Fields read of one head; servers commonly allow 100 (Apache's `LimitRequestFields`, Tomcat's `maxHeaderCount`).
const MAX_HEADERS: usize = 100;

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
