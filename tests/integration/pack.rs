//! Inputs packed by the libraries' own writers.

use std::io::{Cursor, Write};

/// Compressions by the ending that files have.
pub(crate) const COMPRESSIONS: [&str; 5] = ["gz", "zst", "bz2", "xz", "lz4"];

/// `content` in one of them.
pub(crate) fn packed(ending: &str, content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match ending {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap();
        }
        "zst" => {
            let mut encoder = zstd::Encoder::new(&mut packed, 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap();
        }
        "bz2" => {
            let mut encoder = bzip2::write::BzEncoder::new(&mut packed, bzip2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap();
        }
        "xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(&mut packed, 1);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap();
        }
        "lz4" => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut packed);
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap();
        }
        other => panic!("no compression {other}"),
    }
    packed
}

/// Names with their contents.
pub(crate) type Files = [(String, Vec<u8>)];

pub(crate) fn tar(files: &Files) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(crate) fn zip(files: &Files) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in files {
        writer.start_file(name.as_str(), options.compression_method(zip::CompressionMethod::Deflated)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
