//! TLS records as a wire shows them: plausible handshakes and sealed application data.

use crate::der::certificate;
use crate::draw::Draw;

/// Version in use on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2 with an AES-GCM suite.
    V12,
    /// TLS 1.3.
    V13,
}

/// A record.
pub fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut r = vec![kind, 3, 3];
    r.extend((body.len() as u16).to_be_bytes());
    r.extend(body);
    r
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut m = vec![kind];
    m.extend(&(body.len() as u32).to_be_bytes()[1..]);
    m.extend(body);
    m
}

fn extension(out: &mut Vec<u8>, kind: u16, body: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend((body.len() as u16).to_be_bytes());
    out.extend(body);
}

fn prefixed(body: &[u8]) -> Vec<u8> {
    let mut v = (body.len() as u16).to_be_bytes().to_vec();
    v.extend(body);
    v
}

/// A `ClientHello` with server name, groups, signature schemes, versions and a key share.
pub fn client_hello(d: &mut Draw, name: &str, session: &[u8], version: Version) -> Vec<u8> {
    let mut b = vec![3, 3];
    b.extend(d.bytes(32));
    b.push(session.len() as u8);
    b.extend(session);
    b.extend(prefixed(&[0x13, 0x02, 0x13, 0x01, 0xc0, 0x2c, 0xc0, 0x2b, 0xc0, 0x30, 0xc0, 0x2f, 0x00, 0xff]));
    b.extend([1, 0]);
    let mut e = Vec::new();
    let mut entry = vec![0];
    entry.extend(prefixed(name.as_bytes()));
    extension(&mut e, 0, &prefixed(&entry));
    extension(&mut e, 5, &[1, 0, 0, 0, 0]);
    extension(&mut e, 10, &prefixed(&[0, 29, 0, 23, 0, 24, 0, 25]));
    extension(&mut e, 11, &[1, 0]);
    extension(&mut e, 13, &prefixed(&[4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1, 2, 3, 2, 1]));
    extension(&mut e, 23, &[]);
    if version == Version::V13 {
        extension(&mut e, 43, &[4, 3, 4, 3, 3]);
        extension(&mut e, 45, &[1, 1]);
        let mut share = vec![0, 29];
        share.extend(prefixed(&d.bytes(32)));
        extension(&mut e, 51, &prefixed(&share));
    }
    b.extend(prefixed(&e));
    let mut r = record(22, &message(1, &b));
    r[2] = 1;
    r
}

/// The server's first flight.
pub fn server_flight(d: &mut Draw, name: &str, session: &[u8], version: Version) -> Vec<u8> {
    let mut b = vec![3, 3];
    b.extend(d.bytes(32));
    // TLS 1.3 echoes the client's session, TLS 1.2 begins its own.
    let own = if version == Version::V13 { session.to_vec() } else { d.bytes(32) };
    b.push(own.len() as u8);
    b.extend(own);
    b.extend(if version == Version::V13 { [0x13, 0x02] } else { [0xc0, 0x30] });
    b.push(0);
    let mut e = Vec::new();
    if version == Version::V13 {
        extension(&mut e, 43, &[3, 4]);
        let mut share = vec![0, 29];
        share.extend(prefixed(&d.bytes(32)));
        extension(&mut e, 51, &share);
    } else {
        extension(&mut e, 0xff01, &[0]);
        extension(&mut e, 23, &[]);
    }
    b.extend(prefixed(&e));
    let mut out = record(22, &message(2, &b));
    if version == Version::V13 {
        out.extend(record(20, &[1]));
        out.extend(sealed(d, 23, 10));
        let chain = d.between(900, 3800) as usize;
        out.extend(sealed(d, 23, chain));
        out.extend(sealed(d, 23, 264));
        out.extend(sealed(d, 23, 52));
    } else {
        let mut chain = Vec::new();
        let mut subject = name;
        for issuer in ["Example Issuing CA", "Example Root CA"].iter().take(d.between(1, 2) as usize) {
            let cert = certificate(d, subject, issuer);
            chain.extend(&(cert.len() as u32).to_be_bytes()[1..]);
            chain.extend(cert);
            subject = issuer;
        }
        let mut list = (chain.len() as u32).to_be_bytes()[1..].to_vec();
        list.extend(chain);
        out.extend(record(22, &message(11, &list)));
        let mut ske = vec![3, 0, 29, 32];
        ske.extend(d.bytes(32));
        ske.extend([8, 4]);
        ske.extend(prefixed(&d.bytes(256)));
        out.extend(record(22, &message(12, &ske)));
        out.extend(record(22, &message(14, &[])));
    }
    out
}

/// The client's second flight.
pub fn client_finish(d: &mut Draw, version: Version) -> Vec<u8> {
    if version == Version::V13 {
        let mut out = record(20, &[1]);
        out.extend(sealed(d, 23, 52));
        return out;
    }
    let mut key = vec![32];
    key.extend(d.bytes(32));
    let mut out = record(22, &message(16, &key));
    out.extend(record(20, &[1]));
    out.extend(record(22, &d.bytes(40)));
    out
}

/// The server's second flight of TLS 1.2: change of cipher and Finished.
pub fn server_finish(d: &mut Draw) -> Vec<u8> {
    let mut out = record(20, &[1]);
    out.extend(record(22, &d.bytes(40)));
    out
}

/// A session ticket of TLS 1.3.
pub fn ticket(d: &mut Draw) -> Vec<u8> {
    let n = d.between(58, 230) as usize;
    sealed(d, 23, n)
}

/// One sealed record that hides `n` bytes of a TLS 1.3 message.
fn sealed(d: &mut Draw, kind: u8, n: usize) -> Vec<u8> {
    let body = d.bytes(n + 17);
    record(kind, &body)
}

/// Application data in records of at most 16 kB.
pub fn data(d: &mut Draw, version: Version, n: usize) -> Vec<u8> {
    let extra = if version == Version::V13 { 17 } else { 24 };
    let mut out = Vec::with_capacity(n + 29 * (n / 16_384 + 1));
    let mut left = n;
    while left > 0 {
        let part = left.min(16_384);
        out.extend(record(23, &d.bytes(part + extra)));
        left -= part;
    }
    out
}

/// `close_notify`, or another alert once keys are in use.
pub fn sealed_alert(d: &mut Draw, version: Version) -> Vec<u8> {
    if version == Version::V13 { record(23, &d.bytes(19)) } else { record(21, &d.bytes(26)) }
}

/// A fatal alert in the clear.
pub fn plain_alert(description: u8) -> Vec<u8> {
    record(21, &[2, description])
}

/// JSSE's word for an alert.
pub fn alert_name(description: u8) -> &'static str {
    match description {
        42 => "bad_certificate",
        46 => "certificate_unknown",
        70 => "protocol_version",
        80 => "internal_error",
        112 => "unrecognized_name",
        _ => "handshake_failure",
    }
}
