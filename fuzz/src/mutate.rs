//! Mutations of captures that keep their records whole, so that what is behind a record's header is reached.

use wirecause_parsers::capture::{FrameRef, Walker};

/// Changes `data[..size]` within `max_size` bytes and returns the new size, in the manner of libFuzzer's custom mutators. One half
/// of the seeds change a frame's bytes by `inner` and keep its length, or repeat, remove or swap whole records; the other half is
/// left to `inner` altogether, which breaks records as disks do.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    inner: impl Fn(&mut [u8], usize, usize) -> usize,
) -> usize {
    let max_size = max_size.min(data.len());
    let size = size.min(max_size);
    let records = records(data.get(..size).unwrap_or_default());
    let Some(at) = (seed as usize / 16).checked_rem(records.len()).filter(|_| seed & 1 == 0) else {
        return inner(data, size, max_size);
    };
    let record = records[at];
    match (seed >> 1) & 7 {
        0 => repeat(data, size, max_size, record),
        1 => {
            data.copy_within(record.end..size, record.start);
            size - (record.end - record.start)
        }
        2 => {
            swap(data, &records, at);
            size
        }
        _ => {
            let frame = data.get_mut(record.frame..record.frame_end).unwrap_or_default();
            let length = frame.len();
            if length > 0 {
                inner(frame, length, length);
            }
            size
        }
    }
}

/// Where a record and the frame in it lie.
#[derive(Clone, Copy, Debug)]
struct Record {
    start: usize,
    end: usize,
    frame: usize,
    frame_end: usize,
}

/// The records that hold frames: a pcap record with its header, or a block of pcapng. What stands between blocks belongs to none.
fn records(bytes: &[u8]) -> Vec<Record> {
    let mut frames: Vec<FrameRef> = Vec::new();
    let _ = Walker::new().walk(bytes, true, &mut frames);
    let blocks = bytes.first() == Some(&0x0a);
    let mut end_before = PCAP_HEADER;
    let mut records = Vec::new();
    for frame in frames {
        let frame_end = frame.offset + frame.captured as usize;
        // A block is padded to words and ends with its length.
        let end = if blocks { frame_end.next_multiple_of(4) + 4 } else { frame_end };
        let start = if blocks { block_start(bytes, frame.offset) } else { Some(end_before) };
        if let Some(start) = start.filter(|start| *start <= frame.offset && end <= bytes.len()) {
            records.push(Record { start, end, frame: frame.offset, frame_end });
        }
        end_before = end;
    }
    records
}

/// Where the block begins whose frame lies at `frame`: by the lengths of the headers of the three kinds that hold one.
fn block_start(bytes: &[u8], frame: usize) -> Option<usize> {
    [(28, [6, 2]), (12, [3, 3])].into_iter().find_map(|(header, kinds)| {
        let start = frame.checked_sub(header)?;
        let kind = *bytes.get(start..)?.first_chunk()?;
        let known = kinds.contains(&u32::from_le_bytes(kind)) || kinds.contains(&u32::from_be_bytes(kind));
        known.then_some(start)
    })
}

fn repeat(data: &mut [u8], size: usize, max_size: usize, record: Record) -> usize {
    let length = record.end - record.start;
    if size + length > max_size {
        return size;
    }
    data.copy_within(record.end..size, record.end + length);
    data.copy_within(record.start..record.end, record.end);
    size + length
}

fn swap(data: &mut [u8], records: &[Record], at: usize) {
    let (Some(one), Some(two)) = (records.get(at), records.get(at + 1)) else { return };
    // Between two sections stands more than the two records.
    if one.end != two.start {
        return;
    }
    if let Some(both) = data.get_mut(one.start..two.end) {
        both.rotate_left(one.end - one.start);
    }
}

/// Bytes of a pcap file's header.
const PCAP_HEADER: usize = 24;
