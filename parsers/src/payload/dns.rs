//! DNS messages: which name was asked, which addresses and aliases were answered.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::{Name, Packet, QTYPE, SimpleDnsError, rdata::RData};
use thiserror::Error;

/// What a message says. Names are lower-case, without a dot at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Message {
    /// Transaction id.
    pub id: u16,
    /// An answer, not a question.
    pub response: bool,
    /// Response code of the header: 0 no error, 2 server failure, 3 no such name, 5 refused.
    pub rcode: u8,
    /// Name and type of the first question.
    pub question: Option<(String, u16)>,
    /// A and AAAA records of the answer section: owner name, address, time to live in seconds.
    pub addresses: Vec<(String, IpAddr, u32)>,
    /// CNAME records of the answer section: owner name, name it stands for.
    pub aliases: Vec<(String, String)>,
}

/// Why a message could not be read whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DnsError {
    /// Less than a header.
    #[error("{length} bytes are no DNS message")]
    Short {
        /// Bytes that there are.
        length: usize,
    },
    /// The message ends before its last record.
    #[error("the DNS message is cut")]
    Cut {
        /// What stands before the cut.
        read: Box<Message>,
    },
    /// Something in the message cannot be.
    #[error("the DNS message is malformed after {} answers", read.addresses.len() + read.aliases.len())]
    Malformed {
        /// What stands before the fault.
        read: Box<Message>,
    },
}

impl DnsError {
    /// What could be read all the same: the header, and question and answers as far as they go.
    pub fn read(&self) -> Option<&Message> {
        match self {
            Self::Short { .. } => None,
            Self::Cut { read } | Self::Malformed { read } => Some(read),
        }
    }
}

/// Reads a message: the payload of a UDP datagram.
pub fn message(payload: &[u8]) -> Result<Message, DnsError> {
    let Some((header, body)) = payload.split_first_chunk::<HEADER_LENGTH>() else {
        return Err(DnsError::Short { length: payload.len() });
    };
    let header = Header::read(header);
    let error = match header.parse(body, header.counts) {
        Ok(message) => return Ok(message),
        Err(error) => error,
    };
    let read = Box::new(header.readable_part(body));
    Err(if error == SimpleDnsError::InsufficientData { DnsError::Cut { read } } else { DnsError::Malformed { read } })
}

/// The fixed header.
#[derive(Clone, Copy)]
struct Header {
    id: u16,
    flags: u16,
    counts: Counts,
}

/// Entries of the four sections.
#[derive(Clone, Copy)]
struct Counts {
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

impl Header {
    fn read(header: &[u8; HEADER_LENGTH]) -> Self {
        let &[i0, i1, f0, f1, q0, q1, n0, n1, a0, a1, d0, d1] = header;
        Self {
            id: u16::from_be_bytes([i0, i1]),
            flags: u16::from_be_bytes([f0, f1]),
            counts: Counts {
                questions: u16::from_be_bytes([q0, q1]),
                answers: u16::from_be_bytes([n0, n1]),
                authorities: u16::from_be_bytes([a0, a1]),
                additionals: u16::from_be_bytes([d0, d1]),
            },
        }
    }

    /// What the header alone says.
    fn message(self) -> Message {
        Message {
            id: self.id,
            response: self.flags & 0x8000 != 0,
            rcode: (self.flags & 0x000f) as u8,
            ..Message::default()
        }
    }

    /// As many leading questions and answers as can be read.
    fn readable_part(self, body: &[u8]) -> Message {
        let part = |questions, answers| {
            let counts = Counts { questions, answers, authorities: 0, additionals: 0 };
            self.parse(body, counts)
        };
        let questions = self.counts.questions;
        let Ok(question) = part(questions, 0) else {
            return part(questions.min(1), 0).unwrap_or_else(|_| self.message());
        };
        // If n answers can be read, so can fewer: halve the span in question.
        let (mut low, mut high, mut best) = (0, self.counts.answers, question);
        while low < high {
            let middle = high - (high - low) / 2;
            match part(questions, middle) {
                Ok(message) => (low, best) = (middle, message),
                Err(_) => high = middle - 1,
            }
        }
        best
    }

    /// Reads `body` as if the header gave these counts, and without the header bits that the parser refuses.
    fn parse(self, body: &[u8], counts: Counts) -> Result<Message, SimpleDnsError> {
        counts.check(body.len())?;
        let words =
            [self.id, self.flags & !RESERVED, counts.questions, counts.answers, counts.authorities, counts.additionals];
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + body.len());
        bytes.extend(words.into_iter().flat_map(u16::to_be_bytes));
        bytes.extend_from_slice(body);
        Ok(self.fill(&Packet::parse(&bytes)?))
    }

    fn fill(self, packet: &Packet<'_>) -> Message {
        let mut message = self.message();
        message.question = packet.questions.first().map(|question| (name(&question.qname), number(question.qtype)));
        for record in &packet.answers {
            let owner = || name(&record.name);
            match &record.rdata {
                RData::A(a) => message.addresses.push((owner(), Ipv4Addr::from(a.address).into(), record.ttl)),
                RData::AAAA(aaaa) => message.addresses.push((owner(), Ipv6Addr::from(aaaa.address).into(), record.ttl)),
                RData::CNAME(alias) => message.aliases.push((owner(), name(&alias.0))),
                _ => (),
            }
        }
        message
    }
}

impl Counts {
    /// The parser reserves memory by the counts; refuse what cannot fit into the body.
    fn check(self, body: usize) -> Result<(), SimpleDnsError> {
        let records = usize::from(self.answers) + usize::from(self.authorities) + usize::from(self.additionals);
        let needed = usize::from(self.questions) * SMALLEST_QUESTION + records * SMALLEST_RECORD;
        if needed > body { Err(SimpleDnsError::InsufficientData) } else { Ok(()) }
    }
}

fn name(name: &Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}

fn number(kind: QTYPE) -> u16 {
    kind.into()
}

const HEADER_LENGTH: usize = 12;
/// The header bit that must be zero, and is not in some resolvers' answers.
const RESERVED: u16 = 0x0040;
/// The root's name, type and class.
const SMALLEST_QUESTION: usize = 5;
/// The root's name, type, class, time to live and length.
const SMALLEST_RECORD: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    /// The name `a.b.example`, wherever it begins.
    const NAME: &[u8] = b"\x01A\x01b\x07example\x00";
    const A: &[u8] = b"\x00\x01\x00\x01\x00\x00\x00\x14\x00\x04\x0a\x4d\x02\x13";

    fn header(flags: u16, counts: [u16; 4]) -> Vec<u8> {
        [0x1dac, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect()
    }

    fn query() -> Vec<u8> {
        [&header(0x0100, [1, 0, 0, 0])[..], NAME, b"\x00\x1c\x00\x01"].concat()
    }

    /// An alias, and two addresses of what it stands for; its name lies behind the owner's pointer at 41.
    fn answer() -> Vec<u8> {
        let alias = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01x\xc0\x10";
        let aaaa = [&b"\xc0\x29\x00\x1c\x00\x01\x00\x00\x00\x1e\x00\x10\xfd\x77"[..], &[0; 13], b"\x24"].concat();
        let a = [&b"\xc0\x29"[..], A].concat();
        [&header(0x8180, [1, 3, 0, 0])[..], NAME, b"\x00\x01\x00\x01", alias, &a, &aaaa].concat()
    }

    #[test]
    fn a_question() {
        let found = message(&query()).unwrap();
        assert_eq!((found.id, found.response, found.rcode), (0x1dac, false, 0));
        assert_eq!(found.question, Some(("a.b.example".to_owned(), 28)));
        assert_eq!((found.addresses, found.aliases), (vec![], vec![]));
    }

    #[test]
    fn an_answer_with_an_alias() {
        let found = message(&answer()).unwrap();
        assert_eq!((found.response, found.rcode), (true, 0));
        assert_eq!(found.aliases, [("a.b.example".to_owned(), "x.example".to_owned())]);
        let expected = [("10.77.2.19", 20), ("fd77::24", 30)]
            .map(|(address, ttl)| ("x.example".to_owned(), address.parse::<IpAddr>().unwrap(), ttl));
        assert_eq!(found.addresses, expected);
    }

    #[test]
    fn no_such_name() {
        let bytes = [&header(0x8183, [1, 0, 0, 0])[..], NAME, b"\x00\x01\x00\x01"].concat();
        assert_eq!(message(&bytes).map(|found| (found.response, found.rcode)), Ok((true, 3)));
    }

    #[test]
    fn a_cut_leaves_what_stands_before_it() {
        let bytes = answer();
        let whole = message(&bytes).unwrap();
        let mut answers = 0;
        for length in 0..bytes.len() {
            let error = message(&bytes[..length]).unwrap_err();
            let Some(read) = error.read() else {
                assert_eq!((error, length < 12), (DnsError::Short { length }, true));
                continue;
            };
            assert!(matches!(error, DnsError::Cut { .. }), "cut at {length}: {error:?}");
            assert_eq!((read.id, read.response, read.rcode), (whole.id, true, 0));
            assert_eq!(read.question, whole.question.clone().filter(|_| length >= 29), "cut at {length}");
            assert!(whole.addresses.starts_with(&read.addresses) && whole.aliases.starts_with(&read.aliases));
            let now = read.addresses.len() + read.aliases.len();
            assert!(now >= answers, "cut at {length}");
            answers = now;
        }
        assert_eq!(answers, 2);
    }

    #[test]
    fn malformed_messages_say_what_they_held() {
        // The second record's name points at itself.
        let mut bytes = answer();
        bytes[45..47].copy_from_slice(b"\xc0\x2d");
        let error = message(&bytes).unwrap_err();
        assert!(matches!(error, DnsError::Malformed { .. }), "{error:?}");
        assert_eq!(error.read().unwrap().aliases.len(), 1);
        // More records than the bytes can hold reserve no memory.
        let lying = [&header(0x8180, [1, 65_535, 65_535, 65_535])[..], NAME, b"\x00\x01\x00\x01"].concat();
        assert_eq!(message(&lying).unwrap_err().read().unwrap().question.as_ref().unwrap().1, 1);
    }

    #[test]
    fn the_reserved_bit_does_no_harm() {
        let bytes = [&header(0x8580 | RESERVED, [1, 0, 0, 0])[..], NAME, b"\x00\x01\x00\x01"].concat();
        assert!(message(&bytes).is_ok());
    }

    #[test]
    fn the_largest_message() {
        let records = [&b"\xc0\x0c"[..], A].concat().repeat(4_000);
        let bytes = [&header(0x8180, [1, 4_000, 0, 0])[..], NAME, b"\x00\x01\x00\x01", &records].concat();
        assert_eq!(message(&bytes).map(|found| found.addresses.len()), Ok(4_000));
        let cut = message(&bytes[..bytes.len() - 1]).unwrap_err();
        assert_eq!(cut.read().unwrap().addresses.len(), 3_999);
    }
}
