//! Certificates that a dissector takes for certificates: right DER, random keys and signatures.

use crate::draw::Draw;

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|p| p.len()).sum();
    let mut out = vec![tag];
    if len < 128 {
        out.push(len as u8);
    } else if len < 256 {
        out.extend([0x81, len as u8]);
    } else {
        out.extend([0x82, (len >> 8) as u8, len as u8]);
    }
    for part in parts {
        out.extend(*part);
    }
    out
}

fn name(common: &str) -> Vec<u8> {
    let attribute = der(0x30, &[&[6, 3, 0x55, 4, 3], &der(0x0c, &[common.as_bytes()])]);
    der(0x30, &[&der(0x31, &[&attribute])])
}

/// A certificate for `subject`.
pub fn certificate(d: &mut Draw, subject: &str, issuer: &str) -> Vec<u8> {
    let sha256_rsa = der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0]]);
    let rsa = der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0]]);
    let mut modulus = d.bytes(257);
    modulus[0] = 0;
    modulus[1] |= 0x80;
    let key = der(0x30, &[&der(2, &[&modulus]), &[2, 3, 1, 0, 1]]);
    let spki = der(0x30, &[&rsa, &der(3, &[&[0], &key])]);
    let mut serial = d.bytes(16);
    serial[0] = 0x4d;
    let validity = der(0x30, &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"350101000000Z"])]);
    let tbs = der(
        0x30,
        &[&der(0xa0, &[&[2, 1, 2]]), &der(2, &[&serial]), &sha256_rsa, &name(issuer), &validity, &name(subject), &spki],
    );
    let signature = d.bytes(256);
    der(0x30, &[&tbs, &sha256_rsa, &der(3, &[&[0], &signature])])
}
