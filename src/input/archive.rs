//! Archives: what their members are called, and where they lie in them.
//!
//! Nothing is ever written anywhere: a member is a stretch of the archive's bytes. Links are not followed, and a member whose name leads
//! out of the archive is left.

mod check;
mod name;
pub(super) mod tar;
pub(super) mod zip;

use std::ops::ControlFlow;

pub(super) use self::{check::Check, name::clean};
use super::{compression::Compression, content::Content};

/// The forms of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    Zip,
}

impl Format {
    /// By the first bytes of the content, decompressed.
    pub(super) fn of(prefix: &[u8]) -> Option<Self> {
        if zip::is_zip(prefix) {
            Some(Self::Zip)
        } else if tar::is_tar(prefix) {
            Some(Self::Tar)
        } else {
            None
        }
    }
}

/// What an archive holds at one place.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name as it stands there.
    pub(super) name: Vec<u8>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A file.
    File {
        /// Its bytes, unpacked.
        content: Content,
        /// How many it takes in the archive.
        bytes: u64,
        /// How the archive packs it by itself.
        packing: Compression,
    },
    /// Something that is no file, and is left.
    NoFile,
    /// A file that cannot be read, with the reason.
    Unreadable(String),
}

/// Takes an entry, and says whether more are wanted.
pub(super) type Take<'a> = dyn FnMut(Entry) -> ControlFlow<()> + 'a;

/// Longest name of a member, as long as a path may be on Linux.
pub(super) const LONGEST_NAME: usize = 4_096;
