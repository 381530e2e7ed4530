//! What unit tests share: segments of one connection between two hosts, made by hand.

use wirecause_parsers::packet::{Endpoint, FlowEnds, IpFacts, Segment, TcpFlags};

/// A segment of the connection from `port` of one host to port 8080 of the other, with nothing unusual about it: from its originator
/// (`there`) or its responder, with sequence and acknowledgement number, flags as in the header, and so many bytes of payload.
pub(crate) fn segment(port: u16, (there, seq, ack): (bool, u32, u32), flags: u8, payload: u32) -> Segment {
    let ends = [(5, port), (9, 8080)].map(|(last, port)| Endpoint { address: [10, 0, 0, last].into(), port });
    let [source, destination] = if there { ends } else { [ends[1], ends[0]] };
    Segment {
        ends: FlowEnds { source, destination },
        ip: IpFacts { ttl: 64, id: Some(1), dont_fragment: true, tos: 0, vlan: None, outer: 0, length: 40 + payload },
        seq,
        ack,
        flags: TcpFlags(flags),
        window: 100,
        payload,
        window_scale: None,
        mss: None,
        timestamps: None,
        sack: false,
        options_cut: false,
    }
}
