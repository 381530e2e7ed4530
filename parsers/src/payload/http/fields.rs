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
            // Most fields do not count: what they hold is not looked at.
            if let Some(name) = Name::of(header.name)
                && let Ok(value) = str::from_utf8(header.value)
            {
                fields.set(name, value.trim());
            }
        }
        fields
    }

    fn set(&mut self, name: Name, value: &'h str) {
        match name {
            Name::Host => self.host = self.host.or(Some(value)),
            Name::ContentLength => self.content_length = self.content_length.or_else(|| value.parse().ok()),
            Name::TransferEncoding => {
                self.chunked |= tokens(value).any(|token| token.eq_ignore_ascii_case("chunked"));
            }
            Name::Expect => self.expects_continue |= value.eq_ignore_ascii_case("100-continue"),
            Name::KeepAlive => {
                self.keep_alive_timeout_s = self.keep_alive_timeout_s.or_else(|| tokens(value).find_map(timeout));
            }
            Name::Connection => {
                if tokens(value).any(|token| token.eq_ignore_ascii_case("close")) {
                    self.close = true;
                } else if tokens(value).any(|token| token.eq_ignore_ascii_case("keep-alive")) {
                    self.close = false;
                }
            }
        }
    }
}

/// The names of the fields that count.
#[derive(Clone, Copy, Debug)]
enum Name {
    Host,
    ContentLength,
    TransferEncoding,
    Expect,
    KeepAlive,
    Connection,
}

impl Name {
    /// By its length first, which few others have.
    fn of(name: &str) -> Option<Self> {
        let (known, which) = match name.len() {
            4 => ("host", Self::Host),
            6 => ("expect", Self::Expect),
            10 if name.starts_with(['k', 'K']) => ("keep-alive", Self::KeepAlive),
            10 => ("connection", Self::Connection),
            14 => ("content-length", Self::ContentLength),
            17 => ("transfer-encoding", Self::TransferEncoding),
            _ => return None,
        };
        name.eq_ignore_ascii_case(known).then_some(which)
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
