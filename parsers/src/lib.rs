//! Pure parsers: bytes in, values out.
//!
//! [`log`] turns the text of gateway logs into failed calls, [`capture`] turns capture files into frames, [`packet`] turns
//! frames into TCP segments, DNS messages and ICMP errors, and [`payload`] reads what names a connection out of the first
//! bytes of a stream. Nothing here opens a file, starts a thread or asks for the time of day.

#![forbid(unsafe_code)]

pub mod capture;
pub mod log;
pub mod packet;
pub mod payload;
pub mod time;
