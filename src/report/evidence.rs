//! Evidence files: the packets of one call's connection as they were captured, with what wirecause saw written on them.
//!
//! A file is one section. Its comment names the error, the log's line and the frames' numbers in their source; each interface is described as
//! in its source; a packet keeps its bytes, its time and its comments, and one that matters has a comment more.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

use wirecause_parsers::{
    capture::{Interface, RawOption},
    time::{NANOS_PER_SECOND, Timestamp},
};

use super::{
    pcapng::{COMMENT, IF_TSRESOL, PcapNg, text_option},
    printable::printable,
    story::{LadderEvent, Story},
};
use crate::read::packets::{RawFrame, Taken};

/// What an evidence file is made from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The call.
    pub story: &'a Story,
    /// Its packets.
    pub taken: &'a Taken,
    /// Interfaces of the capture files by the files' index.
    pub interfaces: &'a BTreeMap<u32, Vec<Interface>>,
    /// Names of the capture files by index.
    pub captures: &'a [String],
}

impl Evidence<'_> {
    /// The file's name within the directory of evidence.
    pub fn name(&self) -> String {
        format!("{}.pcapng", self.story.error_id)
    }

    /// Writes the file.
    pub fn write(&self, out: impl Write) -> io::Result<()> {
        let mut file = PcapNg::new(out, &self.section_comment())?;
        let described = self.describe(&mut file)?;
        let notes = self.notes();
        for frame in &self.taken.frames {
            let Some((number, clock)) = described.get(&(frame.id.file(), frame.interface)) else { continue };
            let stamp = frame.record.stamp.unwrap_or_else(|| clock.stamp(frame.time));
            let mut options = frame.record.options.clone();
            let name = self.captures.get(frame.id.file() as usize).map_or("", String::as_str);
            options.extend(notes.get(&(name, frame.id.number())).map(|comment| text_option(COMMENT, comment)));
            file.packet(*number, stamp, frame.original, &frame.data, &options)?;
        }
        file.finish()
    }

    /// Describes the interfaces that packets came by, in order; their numbers in the file and their clocks by file and index.
    fn describe(&self, file: &mut PcapNg<impl Write>) -> io::Result<BTreeMap<(u32, u32), (u32, Clock)>> {
        let mut described: BTreeMap<(u32, u32), Option<&Interface>> = BTreeMap::new();
        for RawFrame { id, interface, .. } in &self.taken.frames {
            let of_file = self.interfaces.get(&id.file()).and_then(|of_file| of_file.get(*interface as usize));
            described.insert((id.file(), *interface), of_file);
        }
        let mut numbers = BTreeMap::new();
        for (place, interface) in described {
            let Some(interface) = interface else { continue };
            let origin = &interface.origin;
            let mut options = origin.options.clone();
            let told = options.iter().any(|option| option.code == IF_TSRESOL);
            if !told && origin.resolution != MICROSECONDS {
                options.push(RawOption { code: IF_TSRESOL, value: vec![origin.resolution] });
            }
            let source = self.captures.get(place.0 as usize).map_or("", String::as_str);
            options.push(text_option(COMMENT, &format!("wirecause: captured in {}", printable(source))));
            let number = file.interface(interface.link.0, interface.snap_length, &options)?;
            numbers.insert(place, (number, Clock::of(interface)));
        }
        Ok(numbers)
    }

    fn section_comment(&self) -> String {
        let story = self.story;
        let line = |text: &str| printable(text).into_owned();
        let mut lines = vec![
            format!("wirecause: error {}", story.error_id),
            line(&format!("cause: {} (confidence {:.2})", story.cause, story.confidence)),
            line(&format!(
                "log: {} line {}, {} by the log's clock",
                story.log_file,
                story.log_line,
                Timestamp::from_nanos(story.log_time_ns)
            )),
            line(&format!("call: {}: {}", story.url, story.message)),
            line(&story.explanation),
        ];
        if let (Some(gateway), Some(peer)) = (&story.gateway, &story.peer) {
            lines.push(format!("connection: gateway {gateway}, peer {peer}"));
        }
        lines.extend(self.sources());
        if self.taken.left_out > 0 {
            let left_out = self.taken.left_out;
            lines
                .push(format!("{left_out} packets of the connection are left out between its first and its last ones"));
        }
        lines.join("\n")
    }

    /// One line per source: its name, and the numbers that the frames have in it.
    fn sources(&self) -> Vec<String> {
        let mut files: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for frame in &self.taken.frames {
            files.entry(frame.id.file()).or_default().push(frame.id.number());
        }
        let told = files.into_iter().map(|(file, numbers)| {
            let name = self.captures.get(file as usize).map_or("", String::as_str);
            format!("source: {}, frames {}", printable(name), ranges(&numbers))
        });
        told.collect()
    }

    /// Comments by capture file and frame.
    fn notes(&self) -> HashMap<(&str, u64), String> {
        let noted = self.story.events.iter().filter_map(|event| {
            let place = (event.capture_file.as_deref()?, event.frame?);
            Some((place, self.comment(event)?))
        });
        noted.collect()
    }

    fn comment(&self, event: &LadderEvent) -> Option<String> {
        let note = event.note.as_deref();
        match (note, event.decides) {
            (None, false) => None,
            (Some(note), false) => Some(format!("wirecause: {}", printable(note))),
            (note, true) => {
                let note = note.map(|note| format!("{}. ", printable(note))).unwrap_or_default();
                Some(format!("wirecause: {note}The verdict rests on it: {}. {}", self.story.cause, self.story.rule))
            }
        }
    }
}

/// Sorted numbers as ranges, as far as a comment should go.
fn ranges(numbers: &[u64]) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let shown: Vec<String> = ranges
        .iter()
        .take(MOST_RANGES)
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    let more = if ranges.len() > MOST_RANGES {
        format!(" and more, up to {}", ranges[ranges.len() - 1].1)
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

/// The unit of an interface's stamps, for records that have none of their own.
#[derive(Clone, Copy, Debug)]
struct Clock {
    resolution: u8,
    offset_seconds: i64,
}

impl Clock {
    fn of(interface: &Interface) -> Self {
        let origin = &interface.origin;
        let offset = origin.options.iter().find(|option| option.code == IF_TSOFFSET);
        let offset_seconds = offset.and_then(|option| Some(i64::from_le_bytes(*option.value.first_chunk()?)));
        Self { resolution: origin.resolution, offset_seconds: offset_seconds.unwrap_or(0) }
    }

    fn stamp(self, time: Timestamp) -> u64 {
        let nanos = i128::from(time.nanos()) - i128::from(self.offset_seconds) * i128::from(NANOS_PER_SECOND);
        let exponent = u32::from(self.resolution & 0x7f);
        let per_second =
            if self.resolution & 0x80 == 0 { 10_i128.checked_pow(exponent) } else { 2_i128.checked_pow(exponent) };
        let stamp = per_second.and_then(|per_second| nanos.checked_mul(per_second)).unwrap_or(0);
        u64::try_from(stamp / i128::from(NANOS_PER_SECOND)).unwrap_or(0)
    }
}

/// The unit of stamps where an interface states none.
const MICROSECONDS: u8 = 6;
const IF_TSOFFSET: u16 = 14;
/// Ranges of frame numbers told in a section's comment: some kilobytes.
const MOST_RANGES: usize = 500;

#[cfg(test)]
mod tests {
    use wirecause_parsers::capture::{LinkType, Origin, Record, Walker, record};

    use super::*;
    use crate::track::FrameId;

    #[test]
    fn numbers_in_a_row_are_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 5, 8, 9]), "1-3, 5, 8-9");
        let many: Vec<u64> = (0..2_000).map(|n| n * 2).collect();
        assert!(ranges(&many).ends_with(", 998 and more, up to 3998"));
    }

    #[test]
    fn a_packet_keeps_its_bytes_time_and_comments_and_gets_one_more() {
        let nanos = Origin { resolution: 9, ..Origin::default() };
        let interface = Interface { link: LinkType(1), snap_length: 96, name: None, dropped: None, origin: nanos };
        let theirs = text_option(COMMENT, "theirs");
        let frame = RawFrame {
            id: FrameId::new(1, 7),
            time: Timestamp::from_nanos(123),
            interface: 0,
            record: Record { stamp: Some(123), options: vec![theirs.clone()] },
            original: 1_500,
            data: vec![1, 2, 3],
        };
        let simple = RawFrame {
            id: FrameId::new(1, 8),
            time: Timestamp::from_nanos(456),
            record: Record::default(),
            ..frame.clone()
        };
        let event = LadderEvent {
            frame: Some(7),
            capture_file: Some("b".to_owned()),
            note: Some("the peer\u{1b}closes".to_owned()),
            ..LadderEvent::default()
        };
        let story = Story { error_id: "00".to_owned(), events: vec![event], ..Story::default() };
        let evidence = Evidence {
            story: &story,
            taken: &Taken { frames: vec![frame, simple], left_out: 3 },
            interfaces: &BTreeMap::from([(1, vec![interface])]),
            captures: &["a".to_owned(), "b".to_owned()],
        };
        let mut bytes = Vec::new();
        evidence.write(&mut bytes).unwrap();
        let (mut walker, mut frames) = (Walker::new(), Vec::new());
        assert_eq!(walker.walk(&bytes, true, &mut frames), Ok(bytes.len()));
        assert_eq!(frames.iter().map(|frame| frame.time.nanos()).collect::<Vec<_>>(), [123, 456]);
        assert_eq!((frames[0].captured, frames[0].original), (3, 1_500));
        let options = record(&bytes, &frames[0], &walker.interfaces()[0]).unwrap().options;
        assert_eq!(options, [theirs, text_option(COMMENT, "wirecause: the peer\u{fffd}closes")]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.contains("source: b, frames 7-8\n3 packets of the connection are left out"), "{text}");
    }
}
