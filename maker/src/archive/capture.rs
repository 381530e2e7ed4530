//! A capture, whole in memory: little-endian pcap and pcapng, plain or gzipped.

use std::io::Read as _;

use super::Fault;
use crate::Ns;

/// Frames of one link type.
#[derive(Debug, Clone)]
pub(super) struct Capture {
    /// `LINKTYPE_*`.
    pub(super) link: u32,
    /// Bytes kept of each frame at most.
    pub(super) snap_length: u32,
    pub(super) frames: Vec<Frame>,
    file: Vec<u8>,
}

/// A frame's record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) time: Ns,
    /// On the wire.
    pub(super) length: u32,
    at: usize,
    pub(super) kept: u32,
}

impl Capture {
    /// Reads a file's bytes.
    pub(super) fn read(mut file: Vec<u8>) -> Result<Self, Fault> {
        if file.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            let mut unpack = flate2::read::MultiGzDecoder::new(&file[..]);
            unpack.read_to_end(&mut plain).map_err(|e| format!("bad gzip: {e}"))?;
            file = plain;
        }
        match word(&file, 0) {
            Some(MICROS) => Self::pcap(file, 1_000),
            Some(NANOS) => Self::pcap(file, 1),
            Some(SECTION) => Self::pcapng(file),
            _ => Err("neither little-endian pcap nor pcapng".into()),
        }
    }

    /// The bytes kept of a frame.
    pub(super) fn bytes(&self, frame: &Frame) -> &[u8] {
        &self.file[frame.at..frame.at + frame.kept as usize]
    }

    /// First and last time.
    pub(super) fn span(&self) -> Option<(Ns, Ns)> {
        let times = self.frames.iter().map(|frame| frame.time);
        Some((times.clone().min()?, times.max()?))
    }

    fn pcap(file: Vec<u8>, unit: Ns) -> Result<Self, Fault> {
        let header = |at| word(&file, at).ok_or_else(|| cut(at));
        let mut made = Self { snap_length: header(16)?, link: header(20)?, frames: Vec::new(), file: Vec::new() };
        let mut at = 24;
        while at < file.len() {
            let field = |nth: usize| word(&file, at + 4 * nth).ok_or_else(|| cut(at));
            let time = Ns::from(field(0)?) * 1_000_000_000 + Ns::from(field(1)?) * unit;
            made.frames.push(Frame { time, kept: field(2)?, length: field(3)?, at: at + 16 });
            at += 16 + field(2)? as usize;
        }
        if at > file.len() { Err(cut(at)) } else { Ok(Self { file, ..made }) }
    }

    fn pcapng(file: Vec<u8>) -> Result<Self, Fault> {
        let mut interfaces: Vec<(u32, u32, Ns)> = Vec::new();
        let (mut frames, mut at) = (Vec::new(), 0);
        while at < file.len() {
            let field = |nth: usize| word(&file, at + 4 * nth).ok_or_else(|| cut(at));
            let length = field(1)? as usize;
            let block = file.get(at..at + length).filter(|block| block.len() >= 12).ok_or_else(|| cut(at))?;
            match field(0)? {
                SECTION if field(2)? != LITTLE_ENDIAN => return Err(format!("big-endian section at {at}")),
                SECTION => interfaces.clear(),
                INTERFACE => interfaces.push((
                    field(2)? & 0xffff,
                    field(3)?,
                    units_per_second(block.get(16..length - 4).ok_or_else(|| cut(at))?)?,
                )),
                ENHANCED => {
                    let &(_, _, per_second) = interfaces.get(field(2)? as usize).ok_or_else(|| cut(at))?;
                    let ticks = Ns::from(field(3)?) << 32 | Ns::from(field(4)?);
                    let time = ticks / per_second * 1_000_000_000 + ticks % per_second * 1_000_000_000 / per_second;
                    let kept = field(5)?;
                    frames.push(Frame { time, kept, length: field(6)?, at: at + 28 });
                    if 32 + kept as usize > length {
                        return Err(cut(at));
                    }
                }
                SIMPLE => return Err(format!("packet without a time at {at}")),
                _ => {}
            }
            at += length;
        }
        let &(link, snap_length, _) = interfaces.first().ok_or("no interface")?;
        if interfaces.iter().any(|interface| interface.0 != link) {
            return Err("interfaces of several link types".into());
        }
        Ok(Self { link, snap_length, frames, file })
    }
}

/// `if_tsresol` among the options of an interface.
fn units_per_second(options: &[u8]) -> Result<Ns, Fault> {
    let mut at = 0;
    while let Some(&[code, _, length, _]) = options.get(at..at + 4).and_then(|head| head.first_chunk()) {
        match (code, options.get(at + 4)) {
            (0, _) => break,
            (9, Some(&tens)) if tens <= 9 => return Ok(10u64.pow(tens.into())),
            (9, _) => return Err("resolution that is no power of ten, or finer than a nanosecond".into()),
            _ => at += 4 + usize::from(length).next_multiple_of(4),
        }
    }
    Ok(1_000_000)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn cut(at: usize) -> Fault {
    format!("the capture is cut short or broken at byte {at}")
}

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const SECTION: u32 = 0x0a0d_0d0a;
const LITTLE_ENDIAN: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
