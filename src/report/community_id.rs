//! The Community ID of a flow, version 1 with seed 0, as Zeek, Suricata and Wireshark compute it.
//!
//! Specification: <https://github.com/corelight/community-id-spec>. TCP alone is done here.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use wirecause_parsers::time::Timestamp;

/// One end of a TCP flow.
pub type Endpoint = (IpAddr, u16);

/// The Community ID of a TCP flow; the order of the ends does not matter.
pub fn community_id(one: Endpoint, other: Endpoint) -> String {
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let mut hash = Sha1::new();
    hash.update(SEED.to_be_bytes());
    add_address(&mut hash, low.0);
    add_address(&mut hash, high.0);
    hash.update([IPPROTO_TCP, 0]);
    hash.update(low.1.to_be_bytes());
    hash.update(high.1.to_be_bytes());
    let mut id = String::with_capacity(ID_LENGTH);
    id.push_str("1:");
    STANDARD.encode_string(hash.finalize(), &mut id);
    id
}

/// The id of one connection of the flow: its Community ID and the time of its first packet, since a flow's 4-tuple is
/// used again.
pub fn connection_id(one: Endpoint, other: Endpoint, start: Timestamp) -> String {
    let mut id = community_id(one, other);
    id.push('@');
    id.push_str(start.text().as_ref());
    id
}

fn add_address(hash: &mut Sha1, address: IpAddr) {
    match address {
        IpAddr::V4(address) => hash.update(address.octets()),
        IpAddr::V6(address) => hash.update(address.octets()),
    }
}

const SEED: u16 = 0;
const IPPROTO_TCP: u8 = 6;
/// Bytes of a connection's id: version, the digest in base64, and the time.
const ID_LENGTH: usize = 2 + 28 + 1 + 27;

#[cfg(test)]
mod tests {
    use super::*;

    fn end(address: &str, port: u16) -> Endpoint {
        (address.parse().unwrap(), port)
    }

    #[test]
    fn ipv4_is_the_specifications_vector_in_both_directions() {
        // baseline/baseline_deflt.json of the specification.
        let (client, server) = (end("128.232.110.120", 34855), end("66.35.250.204", 80));
        assert_eq!(community_id(client, server), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(community_id(server, client), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    }

    #[test]
    fn ipv6_is_the_specifications_vector() {
        let (client, server) =
            (end("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943), end("2607:f8b0:400c:c03::1a", 25));
        assert_eq!(community_id(client, server), "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=");
    }

    #[test]
    fn a_connection_adds_its_start() {
        let id = connection_id(end("10.0.0.1", 2), end("10.0.0.1", 1), Timestamp::from_nanos(1_000));
        assert!(id.starts_with("1:") && id.ends_with("=@1970-01-01T00:00:00.000001Z"), "{id}");
    }
}
