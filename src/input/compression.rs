//! How an input is packed, told by its first bytes, and the reader that takes the packing off.
//!
//! Everything here reads forward and holds no more than its format's window. What cannot be unpacked further ends in an error,
//! after everything that stood before it.

mod expansion;
mod lz4;

use std::io::{self, BufReader, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use serde::Serialize;

pub(super) use self::expansion::is_beyond_measure;
use self::{expansion::Expanding, lz4::Lz4Frames};

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one member or many.
    Gzip,
    /// Zstandard, of one frame or many, skippable ones among them.
    Zstd,
    /// bzip2, of one stream or many.
    Bzip2,
    /// xz, of one stream or many.
    Xz,
    /// LZ4 in its frame format, of one frame or many.
    Lz4,
    /// Bare deflate, as members of zip archives are packed. It has no mark of its own.
    Deflate,
}

impl Compression {
    /// By the first bytes as they lie, sixteen of them or all there are.
    pub fn of(prefix: &[u8]) -> Self {
        match prefix {
            [0x1f, 0x8b, 0x08, ..] => Self::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Lz4,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame may stand first: that of `pzstd` does, and its mark is LZ4's as well.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, rest @ ..] => after_skippable(rest),
            _ => Self::None,
        }
    }

    /// The content of `packed`. It ends in an error where it is cut or damaged, or where it expands beyond all measure.
    pub(super) fn unpack(self, packed: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        if self == Self::None {
            return Ok(packed);
        }
        let (expanding, packed) = Expanding::of(packed);
        let packed = BufReader::with_capacity(READ_BYTES, packed);
        Ok(match self {
            Self::None | Self::Gzip => expanding.into(MultiGzDecoder::new(packed)),
            Self::Deflate => expanding.into(DeflateDecoder::new(packed)),
            Self::Zstd => expanding.into(zstd::Decoder::with_buffer(packed)?),
            Self::Bzip2 => expanding.into(bzip2::bufread::MultiBzDecoder::new(packed)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
                expanding.into(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            Self::Lz4 => expanding.into(Lz4Frames::new(packed)),
        })
    }
}

/// What follows a skippable frame that is short enough to be seen past; a longer one is taken for Zstandard's.
fn after_skippable(rest: &[u8]) -> Compression {
    let Some((length, content)) = rest.split_first_chunk() else { return Compression::Zstd };
    let next = content.get(u32::from_le_bytes(*length) as usize..).unwrap_or_default();
    if Compression::of(next) == Compression::Lz4 { Compression::Lz4 } else { Compression::Zstd }
}

/// No mark of a packed file is longer, that of a frame behind `pzstd`'s skippable one included.
pub(super) const MAGIC_BYTES: usize = 16;
/// Bytes read from a packed file at once.
const READ_BYTES: usize = 131_072;
/// Memory for one xz stream: its largest preset takes 65 MiB; dictionaries of gigabytes are refused.
const XZ_MEMORY: u64 = 256 << 20;

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write as _;

    use super::*;

    /// Every compression with a mark of its own.
    pub(crate) const MARKED: [Compression; 5] =
        [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz, Compression::Lz4];

    /// `content` as the libraries' own encoders pack it.
    pub(crate) fn pack(compression: Compression, content: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        match compression {
            Compression::None => packed.extend_from_slice(content),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap();
            }
            Compression::Deflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(&mut packed, flate2::Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap();
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(&mut packed, 1).unwrap();
                encoder.include_checksum(true).unwrap();
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap();
            }
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(&mut packed, bzip2::Compression::fast());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap();
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(&mut packed, 1);
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap();
            }
            Compression::Lz4 => {
                let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, &mut packed);
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap();
            }
        }
        packed
    }

    fn unpacked(compression: Compression, packed: &[u8]) -> (Vec<u8>, Option<io::Error>) {
        let mut content = Vec::new();
        let mut stream = compression.unpack(Box::new(io::Cursor::new(packed.to_vec()))).unwrap();
        let error = stream.read_to_end(&mut content).err();
        (content, error)
    }

    fn content() -> Vec<u8> {
        (0..40_000_u32)
            .flat_map(|number| format!("line {}\n", number.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn each_is_known_by_its_mark_and_comes_whole() {
        let content = content();
        for compression in MARKED {
            let packed = pack(compression, &content);
            assert_eq!(Compression::of(&packed), compression);
            let (found, error) = unpacked(compression, &packed);
            assert!(error.is_none() && found == content, "{compression:?}: {error:?}");
        }
        for other in [&b""[..], b"BZh", b"PK\x03\x04", b"\x28\xb5", b"\xfd7zX"] {
            assert_eq!(Compression::of(other), Compression::None, "{other:?}");
        }
    }

    #[test]
    fn streams_that_follow_each_other_are_one() {
        for compression in MARKED {
            let packed = [pack(compression, b"one\n"), pack(compression, b""), pack(compression, b"two\n")].concat();
            let (found, error) = unpacked(compression, &packed);
            assert!(error.is_none() && found == b"one\ntwo\n", "{compression:?}: {error:?} {found:?}");
        }
    }

    /// Skippable frames stand where a frame may: RFC 8878, 3.1.2; the LZ4 frame format takes them over.
    #[test]
    fn skippable_frames_are_passed_over() {
        for compression in [Compression::Zstd, Compression::Lz4] {
            let skippable = b"\x53\x2a\x4d\x18\x04\0\0\0skip".to_vec();
            let parts = [pack(compression, b"one\n"), skippable.clone(), pack(compression, b"two\n")];
            let packed = [&skippable[..], &parts.concat(), &skippable].concat();
            assert_eq!(Compression::of(&packed), compression);
            let (found, error) = unpacked(compression, &packed);
            assert!(error.is_none() && found == b"one\ntwo\n", "{compression:?}: {error:?} {found:?}");
        }
    }

    /// Cut anywhere, what comes is the start of the content, and the cut is told.
    #[test]
    fn a_cut_is_told_after_what_stood_before_it() {
        let content = content().split_off(500_000);
        for compression in MARKED {
            let packed = pack(compression, &content);
            let step = (packed.len() / 100).max(1);
            for end in (1..packed.len()).step_by(step).chain(packed.len() - 30..packed.len()) {
                let (found, error) = unpacked(compression, &packed[..end]);
                assert!(content.starts_with(&found), "{compression:?} cut at {end}");
                assert!(error.is_some(), "{compression:?} cut at {end} of {}", packed.len());
            }
        }
    }

    #[test]
    fn damage_is_told() {
        let content = content();
        for compression in MARKED {
            let mut packed = pack(compression, &content);
            let middle = packed.len() / 2;
            packed[middle] ^= 0x10;
            let (found, error) = unpacked(compression, &packed);
            assert!(error.is_some() && found.len() <= content.len(), "{compression:?}");
        }
    }
}
