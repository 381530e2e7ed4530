//! What the user points at, as readable streams of known kind.
//!
//! [`paths`] finds the files, [`survey()`] looks at each and into archives, [`stream`] opens one and takes the compression off
//! ([`compression`]), [`kind`] tells logs and captures apart by content, [`error_id`] names an entry of a log by what the log holds, [`meter`] counts what is read. A
//! member of an archive is a stretch of its bytes ([`content`], `inflated`) and is opened like a file. Knows the file system, and no
//! stage but the parsers.

mod ahead;
mod archive;
pub mod compression;
pub mod content;
pub mod error_id;
mod inflated;
pub mod kind;
pub mod member;
pub mod meter;
pub mod paths;
pub(crate) mod scratch;
pub mod stream;
pub mod survey;

use serde::Serialize;

pub use self::{
    compression::Compression,
    content::Plain,
    kind::Kind,
    paths::{Input, Source, expand},
    stream::{Opened, look, open},
    survey::{Seen, survey},
};

/// What became of one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputReport {
    /// The input's name, relative to the PATH given.
    pub path: String,
    /// What it holds.
    pub kind: Kind,
    /// How it is packed.
    pub compression: Compression,
    /// Its size as it lies, or as far as it was read where a stream has none.
    pub bytes: u64,
    /// Whether the user named it, rather than a directory or pattern that holds it.
    pub explicit: bool,
    /// What is wrong with it, and where; what it held before that was used.
    pub damage: Option<String>,
    /// What tells of failures in a log but made no call, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_read: Option<String>,
    /// The year of a log's stamps that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_year: Option<LogYear>,
    /// Whether it was passed over: a capture that lies wholly outside the time in which the failed calls can have met anything.
    pub passed_over: bool,
}

/// The year that a log's first stamp without one was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LogYear {
    /// The year.
    pub year: i32,
    /// What said it.
    pub from: &'static str,
}

impl InputReport {
    /// An input that could not be read at all.
    pub fn unreadable(input: &Input, damage: String) -> Self {
        Self {
            path: input.name.clone(),
            kind: Kind::Unreadable,
            compression: Compression::None,
            bytes: 0,
            explicit: input.explicit,
            damage: Some(damage),
            not_read: None,
            log_year: None,
            passed_over: false,
        }
    }

    /// An opened input before it is read on.
    pub fn of(input: &Input, opened: &Opened) -> Self {
        Self {
            path: input.name.clone(),
            kind: opened.kind,
            compression: opened.compression,
            bytes: opened.bytes.unwrap_or(0),
            explicit: input.explicit,
            damage: None,
            not_read: None,
            log_year: None,
            passed_over: false,
        }
    }

    /// Whether it is neither log nor capture nor holds any, and was left alone.
    pub fn is_left(&self) -> bool {
        self.kind == Kind::Other && self.damage.is_none()
    }

    /// Whether the run is less than the user asked for: the input is damaged, tells of failures that made no call, or was named and is neither log nor
    /// capture. What a directory holds beside them is no fault.
    pub fn is_fault(&self) -> bool {
        self.damage.is_some() || self.not_read.is_some() || (self.explicit && self.kind == Kind::Other)
    }
}
