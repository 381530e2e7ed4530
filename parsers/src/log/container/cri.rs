//! Files of a Kubernetes container runtime: `2019-04-30T02:12:41.8443515Z stdout F payload`, where `P` for `F` means that
//! the payload goes on with the next line of the same stream.

use super::{Peeled, Source};
use crate::log::stamp::starts_stamp;

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    if !starts_stamp(line) {
        return None;
    }
    let mut columns = line.splitn(4, |byte| *byte == b' ');
    let stamp = std::str::from_utf8(columns.next()?).ok()?;
    let stream = columns.next().filter(|stream| matches!(*stream, b"stdout" | b"stderr"))?;
    let partial = match columns.next()?.split(|byte| *byte == b':').next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    let payload = Peeled::whole(columns.next().unwrap_or_default(), Some(stamp));
    Some(Peeled { partial, ..payload.from(Source::new(stream, 0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        for (line, text, partial) in [
            ("2019-04-30T02:12:41.8443515Z stdout F \tat a b", "\tat a b", false),
            ("2019-04-30T02:12:41.8443515+02:00 stderr P x", "x", true),
            ("2019-04-30T02:12:41Z stdout P:x y", "y", true),
            ("2019-04-30T02:12:41Z stdout F", "", false),
        ] {
            let peeled = peel(line.as_bytes()).unwrap();
            assert_eq!((&*peeled.text, peeled.partial), (text.as_bytes(), partial), "{line}");
        }
        for line in ["2019-04-30T02:12:41Z INFO F x", "2019-04-30T02:12:41Z stdout X x", "x", ""] {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
