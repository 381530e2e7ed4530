//! Payloads that name things: DNS, TLS, HTTP.

use wirecause_parsers::payload::{dns as names, http as heads, tls as records};

/// A DNS message: names as documented, and no more of anything than its bytes can hold.
pub fn dns(bytes: &[u8]) {
    let message = match names::message(bytes) {
        Ok(message) => message,
        Err(error) => match error.read() {
            Some(message) => message.clone(),
            None => return,
        },
    };
    let owners = message.addresses.iter().map(|(name, ..)| name);
    let all = owners.chain(message.aliases.iter().flat_map(|(name, other)| [name, other]));
    for name in all.chain(message.question.iter().map(|(name, _)| name)) {
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name:?}");
        assert!(name.len() <= LONGEST_NAME, "{} bytes", name.len());
    }
    assert!(message.addresses.len() + message.aliases.len() <= bytes.len() / SMALLEST_ANSWER);
}

/// A stream that may begin with TLS records: they stand one behind the other, and what they hold lies within.
pub fn tls(bytes: &[u8]) {
    let mut walk = records::records(bytes);
    let mut offset = 0;
    while let Some(record) = walk.next() {
        assert!(record.body.len() <= usize::from(record.length));
        assert_eq!(record.complete, record.body.len() == usize::from(record.length));
        offset += HEADER + usize::from(record.length);
        assert_eq!(walk.offset(), offset);
        if let Some(alert) = records::alert(record.body) {
            let name = records::description_name(alert.description);
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'0'..=b'9')));
        }
        hello(record.body);
    }
    assert!(offset <= bytes.len() + usize::from(u16::MAX) + HEADER);
    assert_eq!(records::starts_record(bytes), records::records(bytes).next().is_some());
    hello(&records::handshake(bytes));
    hello(bytes);
}

fn hello(body: &[u8]) {
    if let Some(client) = records::client_hello(body) {
        assert!(client.sni.is_none_or(|name| name.len() <= 3 * body.len()));
        assert!(client.alpn.len() <= body.len());
    }
    if let Some(server) = records::server_hello(body) {
        assert!(server.alpn.is_none_or(|name| name.len() <= 3 * body.len()));
    }
}

/// A stream that may begin with an HTTP head: what is read lies within, and more bytes behind a whole head change nothing.
pub fn http(bytes: &[u8]) {
    if let Some(head) = heads::request_head(bytes) {
        assert!(heads::starts_request(bytes));
        assert!(head.target.len() <= 3 * heads::LONGEST_TARGET && head.method.len() <= bytes.len());
        if let Some(length) = head.head_length {
            assert!(length as usize <= bytes.len());
            assert_eq!(heads::request_head(&[bytes, b"more"].concat()), Some(head));
        }
    }
    if let Some(head) = heads::response_head(bytes) {
        assert!(heads::starts_response(bytes) && !heads::starts_request(bytes));
        if let Some(length) = head.head_length {
            assert!(length as usize <= bytes.len());
            assert_eq!(heads::response_head(&[bytes, b"more"].concat()), Some(head));
        }
    }
}

/// Name, type, class, time to live, length: a record with a compressed name and no data.
const SMALLEST_ANSWER: usize = 12;
/// 255 bytes on the wire, each of them written as at most three bytes of UTF-8, and an escape.
const LONGEST_NAME: usize = 255 * 4;
/// Bytes of a TLS record's header.
const HEADER: usize = 5;
