//! tar: headers of 512 bytes, each followed by its member's bytes.
//!
//! The fields are read by the `tar` crate. Its reader of whole archives is not used: it keeps any length of a long name, and does not
//! give members out to be read later.

use std::io::{self, Read};

use tar::{EntryType, Header, PaxExtensions};

use super::{Entry, LONGEST_NAME, Take, What};
use crate::input::{compression::Compression, content::Content};

/// Whether these are the first bytes of a tar archive: the mark of POSIX or GNU is not asked for, the checksum is.
pub(super) fn is_tar(prefix: &[u8]) -> bool {
    prefix.first_chunk::<BLOCK>().is_some_and(|block| block[0] != 0 && has_checksum(block))
}

/// Hands over the entries in their order; the error where the archive is damaged or cut.
pub(in crate::input) fn walk(archive: &Content, take: &mut Take<'_>) -> Result<(), String> {
    let mut at = 0;
    let mut ahead = Ahead::default();
    loop {
        let Some(block) = block(archive, at)? else { return Err(NO_END.to_owned()) };
        if block.iter().all(|byte| *byte == 0) {
            return to_end(archive, at);
        }
        if !has_checksum(&block) {
            return Err(format!("at byte {at}: no header of a member"));
        }
        let header = Header::from_byte_slice(&block);
        let kind = header.entry_type();
        let own_size = header.entry_size().map_err(|error| format!("at byte {at}: {error}"))?;
        // What describes another entry has no other size than its own.
        let size = if is_description(kind) { own_size } else { ahead.size.unwrap_or(own_size) };
        let data = archive.part(at + BLOCK as u64, size);
        if is_description(kind) {
            ahead.read(kind, &data, size).map_err(|error| format!("at byte {at}: {error}"))?;
        } else {
            let described = std::mem::take(&mut ahead);
            let entry = described.entry(header, kind, data, size);
            if entry.is_some_and(|entry| take(entry).is_break()) {
                return Ok(());
            }
        }
        let blocks = size.div_ceil(BLOCK as u64);
        let next = blocks.checked_mul(BLOCK as u64).and_then(|data| data.checked_add(at + BLOCK as u64));
        at = next.filter(|next| *next < LONGEST).ok_or_else(|| format!("at byte {at}: a member without end"))?;
    }
}

/// The block at an offset; `None` where the archive ends there.
fn block(archive: &Content, at: u64) -> Result<Option<[u8; BLOCK]>, String> {
    let mut block = [0; BLOCK];
    let mut read = 0;
    let mut stream = archive.part(at, BLOCK as u64).read().map_err(|error| error.to_string())?;
    while read < BLOCK {
        match stream.read(block.get_mut(read..).unwrap_or_default()) {
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if read == 0 && error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(None);
            }
            Err(error) => return Err(format!("at byte {}: {error}", at + read as u64)),
        }
    }
    Ok(Some(block))
}

/// Reads what stands behind the mark of the end, where that is packed: its checksum is told there.
fn to_end(archive: &Content, at: u64) -> Result<(), String> {
    if archive.is_plain() {
        return Ok(());
    }
    let read = archive.after(at).read().and_then(|mut rest| io::copy(&mut rest, &mut io::sink()));
    read.map(drop).map_err(|error| format!("behind byte {at}: {error}"))
}

/// What entries ahead say of the next one.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl Ahead {
    fn read(&mut self, kind: EntryType, data: &Content, size: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        // A longer description is cut; then the name is too long as well.
        data.part(0, size.min(LONGEST_DESCRIPTION)).read()?.read_to_end(&mut bytes)?;
        if kind.is_gnu_longname() {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            bytes.truncate(end);
            self.name = Some(bytes);
        } else if kind.is_pax_local_extensions() {
            for extension in PaxExtensions::new(&bytes).flatten() {
                match extension.key_bytes() {
                    b"path" => self.name = Some(extension.value_bytes().to_vec()),
                    b"size" => self.size = extension.value().ok().and_then(|size| size.parse().ok()),
                    key if key.starts_with(b"GNU.sparse.") => self.is_sparse = true,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The entry, if it is one that is listed: directories are not.
    fn entry(self, header: &Header, kind: EntryType, content: Content, size: u64) -> Option<Entry> {
        let name = self.name.unwrap_or_else(|| header.path_bytes().into_owned());
        // Old archives have directories as files whose names end so.
        if kind.is_dir() || name.ends_with(b"/") {
            return None;
        }
        let what = if kind.is_gnu_sparse() || self.is_sparse {
            What::Unreadable("a sparse file, which is not read from an archive".to_owned())
        } else if kind.is_file() || kind.is_contiguous() {
            What::File { content, bytes: size, packing: Compression::None }
        } else {
            What::NoFile
        };
        Some(Entry { name, what })
    }
}

/// Whether an entry says something of the next ones and is none itself.
fn is_description(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

/// Whether the sum of a header's bytes is the one that it names, of signed bytes as some old programs had it or of unsigned ones.
fn has_checksum(block: &[u8; BLOCK]) -> bool {
    let Ok(named) = Header::from_byte_slice(block).cksum() else { return false };
    let counted = |index: usize, byte: u8| if SUM_FIELD.contains(&index) { b' ' } else { byte };
    let bytes = || block.iter().enumerate().map(|(index, byte)| counted(index, *byte));
    let unsigned: u32 = bytes().map(u32::from).sum();
    let signed: i32 = bytes().map(|byte| i32::from(byte.cast_signed())).sum();
    named == unsigned || i64::from(named) == i64::from(signed)
}

const BLOCK: usize = 512;
/// Where the sum itself stands, which counts as blanks.
const SUM_FIELD: std::ops::Range<usize> = 148..156;
/// Bytes read of what describes the next entry: a name, a link's target, and some attributes.
const LONGEST_DESCRIPTION: u64 = 16 * LONGEST_NAME as u64;
/// More than any file: sizes beyond it are damage, and sums of them would overflow.
const LONGEST: u64 = 1 << 62;
const NO_END: &str = "it is cut: the mark of its end is missing";

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::testing::TempDir;

    fn archive(temp: &TempDir, bytes: &[u8]) -> Content {
        let path = temp.path().join("x.tar");
        std::fs::write(&path, bytes).unwrap();
        Content::of_path(&path, bytes.len() as u64)
    }

    fn listed(archive: &Content) -> (Vec<(String, String)>, Option<String>) {
        let mut found = Vec::new();
        let mut take = |entry: Entry| {
            let what = match entry.what {
                What::File { content, .. } => {
                    let mut bytes = Vec::new();
                    match content.read().unwrap().read_to_end(&mut bytes) {
                        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
                        Err(error) => format!("{}: {error}", String::from_utf8_lossy(&bytes)),
                    }
                }
                other => format!("{other:?}"),
            };
            found.push((String::from_utf8_lossy(&entry.name).into_owned(), what));
            ControlFlow::Continue(())
        };
        let fault = walk(archive, &mut take).err();
        (found, fault)
    }

    fn header(name: &str, kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    fn built(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn pair(name: &str, content: &str) -> (String, String) {
        (name.to_owned(), content.to_owned())
    }

    #[test]
    fn files_come_with_their_names_and_bytes() {
        let long = "d/".repeat(150) + "x.log";
        let bytes = built(|builder| {
            builder.append(&header("dir/", EntryType::Directory, 0), &b""[..]).unwrap();
            builder.append(&header("dir/a.log", EntryType::Regular, 3), &b"one"[..]).unwrap();
            // The builder writes a GNU long name ahead.
            builder.append_data(&mut header("", EntryType::Regular, 3), &long, &b"two"[..]).unwrap();
            builder.append_pax_extensions([("path", &b"by/pax.log"[..])]).unwrap();
            builder.append(&header("short", EntryType::Regular, 5), &b"three"[..]).unwrap();
            builder.append(&header("link", EntryType::Symlink, 0), &b""[..]).unwrap();
            builder.append(&header("device", EntryType::Char, 0), &b""[..]).unwrap();
        });
        assert!(is_tar(&bytes));
        let temp = TempDir::new("tar-files");
        let (found, fault) = listed(&archive(&temp, &bytes));
        let expected = [
            pair("dir/a.log", "one"),
            pair(&long, "two"),
            pair("by/pax.log", "three"),
            pair("link", "NoFile"),
            pair("device", "NoFile"),
        ];
        assert_eq!((found, fault), (expected.to_vec(), None));
    }

    #[test]
    fn a_cut_archive_yields_what_stood_before_and_says_so() {
        let bytes = built(|builder| {
            builder.append(&header("a", EntryType::Regular, 3), &b"one"[..]).unwrap();
            builder.append(&header("b", EntryType::Regular, 600), &[b'x'; 600][..]).unwrap();
        });
        let temp = TempDir::new("tar-cut");
        for end in 513..bytes.len() - 1_024 {
            let (found, fault) = listed(&archive(&temp, &bytes[..end]));
            assert!(fault.is_some(), "cut at {end}");
            assert_eq!(found.first().map(|(name, _)| name.as_str()), Some("a"), "cut at {end}");
            assert_eq!(found.len(), if end < 1_536 { 1 } else { 2 }, "cut at {end}");
            if let Some((_, content)) = found.get(1) {
                assert_eq!(content.contains("it is cut"), end < 1_536 + 600, "cut at {end}: {content}");
            }
        }
    }

    #[test]
    fn damaged_headers_end_it() {
        let mut bytes = built(|builder| {
            builder.append(&header("a", EntryType::Regular, 3), &b"one"[..]).unwrap();
            builder.append(&header("b", EntryType::Regular, 3), &b"two"[..]).unwrap();
        });
        bytes[1_024] ^= 1;
        let temp = TempDir::new("tar-damaged");
        let (found, fault) = listed(&archive(&temp, &bytes));
        assert_eq!((found.len(), fault.unwrap()), (1, "at byte 1024: no header of a member".to_owned()));
        // A size of nearly 2^64 in base 256.
        let mut endless = header("a", EntryType::Regular, 0);
        endless.as_gnu_mut().unwrap().size = [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        endless.set_cksum();
        let (_, fault) = listed(&archive(&temp, endless.as_bytes()));
        assert!(fault.unwrap().contains("without end"));
    }

    #[test]
    fn other_files_are_no_tar() {
        for other in [&b""[..], &[0; 1_024], &[b'a'; 600]] {
            assert!(!is_tar(other));
        }
    }
}
