//! DNS messages.

use std::net::IpAddr;

fn name_bytes(name: &str) -> Vec<u8> {
    let mut b = Vec::with_capacity(name.len() + 2);
    for label in name.split('.') {
        b.push(label.len() as u8);
        b.extend(label.as_bytes());
    }
    b.push(0);
    b
}

/// A query; `v6` asks for AAAA.
pub fn query(id: u16, name: &str, v6: bool) -> Vec<u8> {
    let mut m = id.to_be_bytes().to_vec();
    m.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    m.extend(name_bytes(name));
    m.extend([0, if v6 { 28 } else { 1 }, 0, 1]);
    m
}

/// An answer: through `alias`, if any, to the addresses of the asked family. `missing` is NXDOMAIN.
pub fn answer(id: u16, name: &str, v6: bool, alias: Option<&str>, addrs: &[IpAddr], missing: bool) -> Vec<u8> {
    let fit: Vec<&IpAddr> = addrs.iter().filter(|a| a.is_ipv6() == v6).collect();
    let count = fit.len() as u8 + u8::from(alias.is_some());
    let mut m = id.to_be_bytes().to_vec();
    m.extend([0x81, if missing { 0x83 } else { 0x80 }, 0, 1, 0, count, 0, 0, 0, 0]);
    m.extend(name_bytes(name));
    m.extend([0, if v6 { 28 } else { 1 }, 0, 1]);
    let mut owner = vec![0xc0, 0x0c];
    if let Some(alias) = alias {
        let target = name_bytes(alias);
        m.extend(&owner);
        m.extend([0, 5, 0, 1, 0, 0, 0, 60]);
        m.extend((target.len() as u16).to_be_bytes());
        owner = (0xc000 | m.len() as u16).to_be_bytes().to_vec();
        m.extend(target);
    }
    for addr in fit {
        m.extend(&owner);
        match addr {
            IpAddr::V4(a) => {
                m.extend([0, 1, 0, 1, 0, 0, 0, 30, 0, 4]);
                m.extend(a.octets());
            }
            IpAddr::V6(a) => {
                m.extend([0, 28, 0, 1, 0, 0, 0, 30, 0, 16]);
                m.extend(a.octets());
            }
        }
    }
    m
}
