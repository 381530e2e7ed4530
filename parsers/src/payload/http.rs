//! HTTP/1 request and response heads, and the HTTP/2 preface.

mod fields;
mod request;
mod response;

pub use request::{LONGEST_TARGET, RequestHead, may_start_request, request_head, starts_request};
pub use response::{ResponseHead, response_head, starts_response};

fn head_length(status: &httparse::Status<usize>) -> Option<u32> {
    match *status {
        httparse::Status::Complete(length) => u32::try_from(length).ok(),
        httparse::Status::Partial => None,
    }
}

/// Fields read of one head; servers commonly allow 100 (Apache's `LimitRequestFields`, Tomcat's `maxHeaderCount`).
const MAX_HEADERS: usize = 100;
