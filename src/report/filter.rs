//! A Wireshark display filter that shows one connection.

use wirecause_parsers::time::{NANOS_PER_SECOND, Timestamp};

use super::{
    community_id::Endpoint,
    plain::{add_address, add_number},
};

/// Shows the packets between both ends from `first` to `last`, both included, whatever the reader's time zone.
///
/// The bounds are there because a 4-tuple is used again, and are `frame.time_epoch`, which every version of Wireshark
/// reads the same way.
pub fn wireshark_filter(one: Endpoint, other: Endpoint, first: Timestamp, last: Timestamp) -> String {
    let mut text = String::with_capacity(USUAL_LENGTH);
    for (address, _) in [one, other] {
        text.push_str(if address.is_ipv4() { "ip.addr==" } else { "ipv6.addr==" });
        add_address(&mut text, address);
        text.push_str(" && ");
    }
    for (_, port) in [one, other] {
        text.push_str("tcp.port==");
        add_number(&mut text, port);
        text.push_str(" && ");
    }
    text.push_str("frame.time_epoch>=");
    add_epoch(&mut text, first);
    text.push_str(" && frame.time_epoch<=");
    add_epoch(&mut text, last);
    text
}

/// Adds the seconds since the epoch with nine decimals: exact for captures in nanoseconds.
fn add_epoch(text: &mut String, time: Timestamp) {
    let nanos = time.nanos();
    if nanos < 0 {
        text.push('-');
    }
    let per_second = NANOS_PER_SECOND.unsigned_abs();
    add_number(text, nanos.unsigned_abs() / per_second);
    // A second's worth above them, whose digit stands for the point, keeps the zeros before the decimals.
    let decimals = nanos.unsigned_abs() % per_second + per_second;
    text.push('.');
    text.push_str(itoa::Buffer::new().format(decimals).get(1..).unwrap_or_default());
}

/// Bytes that a filter of IPv4 ends takes at most.
const USUAL_LENGTH: usize = 176;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_ends_and_bounds() {
        let text = wireshark_filter(
            ("10.77.0.2".parse().unwrap(), 47721),
            ("10.77.2.19".parse().unwrap(), 8080),
            Timestamp::from_parts(1_763_682_871, 378_123_000),
            Timestamp::from_parts(1_763_682_872, 5),
        );
        assert_eq!(
            text,
            "ip.addr==10.77.0.2 && ip.addr==10.77.2.19 && tcp.port==47721 && tcp.port==8080 && \
             frame.time_epoch>=1763682871.378123000 && frame.time_epoch<=1763682872.000000005"
        );
    }

    #[test]
    fn ipv6_ends_have_their_own_field() {
        let end = ("fd77:2::24".parse().unwrap(), 8443);
        let text = wireshark_filter(end, end, Timestamp::from_nanos(0), Timestamp::from_nanos(0));
        assert!(text.starts_with("ipv6.addr==fd77:2::24 && ipv6.addr==fd77:2::24 && tcp.port==8443"), "{text}");
    }
}
