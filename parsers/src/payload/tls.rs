//! TLS records; hello messages and alerts lie in files of their own.

mod alert;
mod hello;

use std::borrow::Cow;

pub use alert::{Alert, alert, description_name};
pub use hello::{ClientHello, ServerHello, client_hello, server_hello};

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

/// The record at the beginning of a segment whose capture ends within the record's header, if its length by what is left of the header
/// and by the segment's `payload` bytes agree: then it is the segment's only one.
pub fn snapped_record(bytes: &[u8], payload: u32) -> Option<Record<'_>> {
    let (&[kind, v0, v1], rest) = bytes.split_first_chunk()?;
    let version = u16::from_be_bytes([v0, v1]);
    let length = u16::try_from(payload.checked_sub(RECORD_HEADER as u32)?).ok()?;
    let agrees = match rest {
        [] => true,
        [high] => *high == length.to_be_bytes()[0],
        _ => return None,
    };
    let body = rest.get(rest.len()..)?;
    (agrees && plausible(kind, version, length)).then(|| Record {
        kind: RecordKind::from(kind),
        version,
        length,
        body,
        complete: false,
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

fn plausible(kind: u8, version: u16, length: u16) -> bool {
    (20..=23).contains(&kind) && (0x0301..=0x0304).contains(&version) && length <= MAX_RECORD
}

const RECORD_HEADER: usize = 5;
/// RFC 5246 allows a ciphertext 2048 bytes beyond the 2¹⁴ of its plaintext.
const MAX_RECORD: u16 = 16_384 + 2_048;

#[cfg(test)]
mod tests {
    use super::{
        RecordKind::{Alert, ApplicationData, ChangeCipherSpec, Handshake},
        *,
    };

    #[test]
    fn records_follow_each_other() {
        let bytes =
            [&[22, 3, 1, 0, 2, 1, 2, 20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 40][..], &[23, 3, 3, 1, 0, 9, 9]].concat();
        let mut list = records(&bytes);
        let found: Vec<Record<'_>> = list.by_ref().collect();
        let kinds: Vec<RecordKind> = found.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [Handshake, ChangeCipherSpec, Alert, ApplicationData]);
        assert_eq!(
            (found[0].version, found[0].length, found[0].body, found[0].complete),
            (0x0301, 2, &[1, 2][..], true)
        );
        assert_eq!((found[3].length, found[3].body, found[3].complete), (256, &[9, 9][..], false));
        // The next record begins where the cut one would have ended.
        assert_eq!(list.offset(), 20 + 5 + 256);
    }

    #[test]
    fn a_cut_never_yields_more() {
        let bytes = [22, 3, 1, 0, 2, 1, 2, 20, 3, 3, 0, 1, 1];
        let whole: Vec<Record<'_>> = records(&bytes).collect();
        for length in 0..bytes.len() {
            for (cut, full) in records(&bytes[..length]).zip(&whole) {
                assert_eq!((cut.kind, cut.length), (full.kind, full.length));
                assert!(full.body.starts_with(cut.body) && (cut.complete == (cut.body == full.body)));
            }
        }
    }

    #[test]
    fn records_are_told_from_other_bytes() {
        assert!(starts_record(&[22, 3, 1, 0x48, 0x00]));
        for other in [
            &b"GET /"[..],
            &[22, 3, 1, 0],
            &[24, 3, 3, 0, 1],
            &[22, 3, 0, 0, 1],
            &[22, 3, 5, 0, 1],
            &[22, 3, 1, 0x48, 1],
        ] {
            assert!(!starts_record(other));
            assert_eq!(records(other).next(), None);
        }
    }

    #[test]
    fn a_header_cut_by_the_snap_length_is_read_with_the_payload_length() {
        let record = snapped_record(&[23, 3, 3, 1], 5 + 300).expect("a record of 300 bytes");
        assert_eq!((record.kind, record.length, record.complete), (ApplicationData, 300, false));
        assert_eq!(snapped_record(&[21, 3, 3], 31).map(|record| record.length), Some(26));
        // The header speaks of another length: several records, or the middle of one.
        assert_eq!(snapped_record(&[23, 3, 3, 2], 5 + 300), None);
        assert_eq!(snapped_record(b"GET ", 100), None);
        assert_eq!(snapped_record(&[23, 3], 100), None);
        assert_eq!(snapped_record(&[23, 3, 3], 4), None);
    }

    #[test]
    fn handshake_messages_are_put_together() {
        let bytes = [22, 3, 1, 0, 2, 1, 2, 22, 3, 1, 0, 2, 3, 4, 20, 3, 3, 0, 1, 1];
        assert_eq!(*handshake(&bytes), [1, 2, 3, 4]);
        assert_eq!(*handshake(&bytes[..12]), [1, 2]);
        assert!(matches!(handshake(&bytes[..7]), Cow::Borrowed([1, 2])));
        assert_eq!(*handshake(b"GET / HTTP/1.1"), []);
    }
}
