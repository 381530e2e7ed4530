//! What `stern` puts before a line: the pod's name and the container's.

use super::{Peeled, Source, prefix::after_stamp};
use crate::log::stamp::starts_stamp;

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let (name, rest) = names(line)?;
    let peeled = match after_stamp(rest) {
        Some((stamp, text)) => Peeled::whole(text, Some(stamp)),
        None => Peeled::bare(rest),
    };
    Some(peeled.from(Source::named(name)))
}

/// Whether what may be a record follows the names.
pub(super) fn has_record(line: &[u8]) -> bool {
    names(line).is_some_and(|(_, rest)| starts_stamp(rest) || rest.starts_with(b"{"))
}

/// `gateway-7d9f8-abcde gateway `: names as Kubernetes allows them, and what follows.
fn names(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_of_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(byte);
    let pod = line.iter().take(LONGEST_NAME).take_while(|byte| is_of_name(byte)).count();
    let rest = line.get(pod..)?.strip_prefix(b" ").filter(|_| pod > 0)?;
    let container = rest.iter().take(LONGEST_NAME).take_while(|byte| is_of_name(byte)).count();
    let text = rest.get(container..)?.strip_prefix(b" ").filter(|_| container > 0)?;
    Some((line.get(..=pod + container)?, text))
}

/// Names of pods have at most 253 bytes, those of containers 63.
const LONGEST_NAME: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        for (line, text) in [
            ("gw-0 gateway \tat a.b(C.java:1)", "\tat a.b(C.java:1)"),
            ("gw-0 gateway 2021-05-17T15:19:00.041-0300 INFO 7 a.b: x", "2021-05-17T15:19:00.041-0300 INFO 7 a.b: x"),
            ("gw-0 gateway 2021-05-17T18:19:00.041123456Z \tat a.b", "\tat a.b"),
        ] {
            let peeled = peel(line.as_bytes()).unwrap();
            assert_eq!(&*peeled.text, text.as_bytes());
            assert_eq!(peeled.source, Some(Source::named(b"gw-0 gateway")));
        }
        for line in ["", " ", "gw-0", "gw-0 ", "Caused by: x", "gw-0 gateway"] {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
        assert!(has_record(b"gw-0 gateway {\"a\":1}") && !has_record(b"gw-0 gateway x"));
    }
}
