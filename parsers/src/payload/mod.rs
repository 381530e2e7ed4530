//! What the first bytes of a stream or datagram say: HTTP heads, TLS records, DNS answers.
//!
//! All of it reads what was captured, often less than what was sent: a head cut by the snap length still gives what stands
//! before the cut, and never a value that the cut has shortened unless its type says so. Streams are not put together here.

pub mod dns;
pub mod http;
pub mod tls;
