//! Response heads.

use httparse::{EMPTY_HEADER, ParserConfig, Response};

use super::{MAX_HEADERS, fields::Fields, head_length};

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

/// Whether `bytes` begin with an HTTP/1 status line. Cheap.
pub fn starts_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 12000\r\nKeep-Alive: timeout=5, max=100\r\n\r\nbody";

    #[test]
    fn an_ordinary_head() {
        let expected = ResponseHead {
            status: 200,
            content_length: Some(12_000),
            chunked: false,
            close: false,
            head_length: Some(OK.len() as u32 - 4),
            keep_alive_timeout_s: Some(5),
        };
        assert_eq!(response_head(OK), Some(expected));
    }

    #[test]
    fn a_cut_takes_away_and_never_alters() {
        let whole = response_head(OK).unwrap();
        for length in 0..OK.len() {
            let Some(cut) = response_head(&OK[..length]) else {
                assert!(length < 13, "cut at {length}");
                continue;
            };
            assert_eq!(cut.status, 200);
            assert!(cut.content_length.is_none() || cut.content_length == whole.content_length, "cut at {length}");
            assert!(cut.keep_alive_timeout_s.is_none() || cut.keep_alive_timeout_s == Some(5), "cut at {length}");
            assert_eq!(cut.head_length.is_some(), length >= OK.len() - 4);
        }
    }

    #[test]
    fn endings_and_bodies() {
        for (bytes, chunked, close) in [
            (&b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n"[..], false, true),
            (b"HTTP/1.0 200 OK\r\n\r\n", false, true),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, false),
            (b"HTTP/1.1 200 \r\n\r\n", false, false),
            (b"HTTP/1.1 200\r\n\r\n", false, false),
        ] {
            let found = response_head(bytes).unwrap();
            assert_eq!((found.chunked, found.close), (chunked, close), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(response_head(b"HTTP/1.1 2xx OK\r\n\r\n"), None);
        assert_eq!(response_head(b"HTTP/2 200\r\n\r\n"), None);
    }
}
