//! The header fields that both kinds of head share.

use std::str;

use httparse::Header;

/// The header fields that count.
#[derive(Debug, Default)]
pub(super) struct Fields<'h> {
    pub(super) host: Option<&'h str>,
    pub(super) content_length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) expects_continue: bool,
    pub(super) close: bool,
    pub(super) keep_alive_timeout_s: Option<u32>,
}

impl<'h> Fields<'h> {
    /// Reads the fields that the parser has filled in; `minor` is the version's second number.
    pub(super) fn read(headers: &[Header<'h>], minor: Option<u8>) -> Self {
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
