//! TLS records, hello messages and plaintext alerts.
//!
//! Hellos are walked field by field, so that one cut by the snap length or the end of a segment still gives the extensions
//! before the cut; what an extension holds is read by the parser library.

use std::borrow::Cow;

use tls_parser::{TlsExtension, parse_tls_client_hello_extension, parse_tls_server_hello_extension};

/// The TLS records at the beginning of `bytes`.
pub fn records(bytes: &[u8]) -> Records<'_> {
    Records { bytes, next: 0 }
}

/// Iterator over records, up to the first that does not begin like one or whose header is cut.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    next: usize,
}

/// One TLS record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Content type.
    pub kind: RecordKind,
    /// Version field; 0x0303 in TLS 1.3 too.
    pub version: u16,
    /// Length of the body by the header.
    pub length: u16,
    /// What was captured of the body.
    pub body: &'a [u8],
    /// Whether that is all of it.
    pub complete: bool,
}

/// Content type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// 22
    Handshake,
    /// 20
    ChangeCipherSpec,
    /// 21
    Alert,
    /// 23; in TLS 1.3 also every encrypted handshake message and alert.
    ApplicationData,
    /// Any other number.
    Other(u8),
}

impl Records<'_> {
    /// Where in the bytes the next record begins; beyond their end when the last one is cut.
    pub fn offset(&self) -> usize {
        self.next
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&[kind, v0, v1, l0, l1], rest) = self.bytes.get(self.next..)?.split_first_chunk()?;
        let version = u16::from_be_bytes([v0, v1]);
        let length = u16::from_be_bytes([l0, l1]);
        if !plausible(kind, version, length) {
            return None;
        }
        self.next += RECORD_HEADER + usize::from(length);
        let body = rest.get(..length.into());
        let kind = RecordKind::from(kind);
        Some(Record { kind, version, length, body: body.unwrap_or(rest), complete: body.is_some() })
    }
}

impl From<u8> for RecordKind {
    fn from(number: u8) -> Self {
        match number {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            other => Self::Other(other),
        }
    }
}

/// Whether `bytes` begin with the header of a TLS record.
pub fn starts_record(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|&[kind, v0, v1, l0, l1]| {
        plausible(kind, u16::from_be_bytes([v0, v1]), u16::from_be_bytes([l0, l1]))
    })
}

/// The handshake messages at the beginning of a stream: the bodies of its first handshake records, put together.
///
/// Feed it to [`client_hello`] or [`server_hello`]; it borrows where one record holds all.
pub fn handshake(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut records = records(bytes).take_while(|record| record.kind == RecordKind::Handshake);
    let mut joined = Cow::Borrowed(records.next().map_or(&[][..], |record| record.body));
    for record in records {
        joined.to_mut().extend_from_slice(record.body);
    }
    joined
}

/// What a `ClientHello` says; of a cut one, what stands before the cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Server name, lower-case.
    pub sni: Option<String>,
    /// Application protocols, in the order of preference.
    pub alpn: Vec<String>,
    /// TLS 1.3 is among the versions offered.
    pub offers_tls13: bool,
}

/// Reads a `ClientHello` from the body of a handshake record; `None` where it is another message, or cut before its
/// extensions.
pub fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let rest = hello(body, CLIENT_HELLO)?;
    let (_, rest) = short_vector(rest)?;
    let (_, rest) = long_vector(rest)?;
    let (_, rest) = short_vector(rest)?;
    let mut client = ClientHello::default();
    for extension in extensions(rest) {
        match parse_tls_client_hello_extension(extension) {
            Ok((_, TlsExtension::SNI(names))) => client.sni = names.first().and_then(|(_, name)| host_name(name)),
            Ok((_, TlsExtension::ALPN(names))) => client.alpn = names.into_iter().map(protocol).collect(),
            Ok((_, TlsExtension::SupportedVersions(versions))) => {
                client.offers_tls13 = versions.iter().any(|version| version.0 == TLS_1_3);
            }
            _ => (),
        }
    }
    Some(client)
}

/// What a `ServerHello` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// Version chosen: by the extension `supported_versions`, or else by the message's own field.
    pub version: u16,
    /// Application protocol chosen. TLS 1.3 encrypts it.
    pub alpn: Option<String>,
}

/// Reads a `ServerHello` from the body of a handshake record; `None` where it is another message, or cut before the
/// version is certain.
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let legacy = body.get(4..)?.first_chunk().map(|&version| u16::from_be_bytes(version))?;
    let rest = hello(body, SERVER_HELLO)?;
    let (_, rest) = short_vector(rest)?;
    let (_cipher_and_compression, rest) = rest.split_first_chunk::<3>()?;
    let mut chosen = None;
    let mut alpn = None;
    let mut list = extensions(rest);
    for extension in &mut list {
        match parse_tls_server_hello_extension(extension) {
            Ok((_, TlsExtension::ALPN(names))) => alpn = names.first().map(|name| protocol(name)),
            Ok((_, TlsExtension::SupportedVersions(versions))) => chosen = versions.first().map(|version| version.0),
            _ => (),
        }
    }
    let version = chosen.or((!list.cut).then_some(legacy))?;
    Some(ServerHello { version, alpn })
}

/// A plaintext alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// What it is about; [`description_name`] names it.
    pub description: u8,
}

/// Reads the body of an alert record; `None` where it is encrypted or cut.
pub fn alert(body: &[u8]) -> Option<Alert> {
    match *body {
        [level @ 1..=2, description] => Some(Alert { level, description }),
        _ => None,
    }
}

/// The registered name of an alert's description; empty for a number without one.
pub fn description_name(description: u8) -> &'static str {
    match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => "",
    }
}

/// What follows version and random of a hello message of this type.
fn hello(body: &[u8], kind: u8) -> Option<&[u8]> {
    let (&[found, l0, l1, l2], rest) = body.split_first_chunk()?;
    if found != kind {
        return None;
    }
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let message = rest.get(..length).unwrap_or(rest);
    message.get(VERSION_AND_RANDOM..)
}

/// The extensions of a hello, each with its header; stops at the first that is cut.
struct Extensions<'a> {
    rest: &'a [u8],
    /// Whether the list goes on beyond what was captured.
    cut: bool,
}

fn extensions(rest: &[u8]) -> Extensions<'_> {
    let Some((&length, list)) = rest.split_first_chunk() else {
        // A hello may end without extensions.
        return Extensions { rest: &[], cut: !rest.is_empty() };
    };
    let length = usize::from(u16::from_be_bytes(length));
    Extensions { rest: list.get(..length).unwrap_or(list), cut: list.len() < length }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let &[_, _, high, low] = self.rest.first_chunk()?;
        let (extension, rest) = self.rest.split_at_checked(4 + usize::from(u16::from_be_bytes([high, low])))?;
        self.rest = rest;
        Some(extension)
    }
}

/// A vector with one length byte, and what follows it.
fn short_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

/// A vector with two length bytes, and what follows it.
fn long_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(length).into())
}

/// A server name is ASCII by RFC 6066; anything else is no name.
fn host_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.is_ascii())?;
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

fn protocol(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

fn plausible(kind: u8, version: u16, length: u16) -> bool {
    (20..=23).contains(&kind) && (0x0301..=0x0304).contains(&version) && length <= MAX_RECORD
}

const RECORD_HEADER: usize = 5;
/// RFC 5246 allows a ciphertext 2048 bytes beyond the 2¹⁴ of its plaintext.
const MAX_RECORD: u16 = 16_384 + 2_048;
const VERSION_AND_RANDOM: usize = 34;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const TLS_1_3: u16 = 0x0304;
