//! What `kubectl logs --timestamps --prefix`, `docker logs -t` and `docker compose logs` put before a line: a stamp, the
//! name of a pod in brackets, or a service's name and a bar.

use super::{Peeled, is_record, is_stampless_record};
use crate::log::stamp::starts_stamp;

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let named = after_pod(line).or_else(|| after_service(line));
    let rest = named.unwrap_or(line);
    match after_stamp(rest) {
        Some((stamp, text)) => Some(Peeled::whole(text, Some(stamp))),
        None => named.map(|text| Peeled::whole(text, None)),
    }
}

/// `[pod/name/container] `.
fn after_pod(line: &[u8]) -> Option<&[u8]> {
    let end = line.strip_prefix(b"[pod/")?.iter().take(LONGEST_NAME).position(|byte| *byte == b']')?;
    let rest = line.get(b"[pod/".len() + end + 1..)?;
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

/// `gateway-1  | `.
fn after_service(line: &[u8]) -> Option<&[u8]> {
    let bar = line.iter().take(LONGEST_NAME).position(|byte| *byte == b'|')?;
    let (name, rest) = line.split_at_checked(bar)?;
    let name = name.strip_suffix(b" ")?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
    let rest = rest.strip_prefix(b"|")?;
    is_name.then(|| rest.strip_prefix(b" ").unwrap_or(rest))
}

/// A stamp that is not the record's own: no columns of a record follow it.
fn after_stamp(line: &[u8]) -> Option<(&str, &[u8])> {
    if !starts_stamp(line) || is_record(line) {
        return None;
    }
    let end = line.iter().take(LONGEST_STAMP).position(|byte| *byte == b' ').unwrap_or(line.len());
    let (stamp, rest) = line.split_at_checked(end)?;
    let text = rest.strip_prefix(b" ").unwrap_or(rest);
    if is_stampless_record(text) {
        return None;
    }
    Some((std::str::from_utf8(stamp).ok()?, text))
}

/// Names of pods have at most 253 bytes, those of containers 63.
const LONGEST_NAME: usize = 400;
/// `2021-05-17T18:19:00.041123456+02:00` and the blank behind it.
const LONGEST_STAMP: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let record = "2021-05-17T15:19:00.041-0300 INFO    174 com.l7tech.server.message: x";
        for (line, text) in [
            (format!("gateway-1  | {record}"), record),
            (format!("gateway_1  | {record}"), record),
            ("gateway-1  | \tat a.b".into(), "\tat a.b"),
            ("gateway-1  |".into(), ""),
            (format!("[pod/gw-0/gateway] {record}"), record),
            (format!("2021-05-17T18:19:00.041123456Z {record}"), record),
            ("2021-05-17T18:19:00.041123456Z \tat a.b".into(), "\tat a.b"),
            (format!("[pod/gw-0/gateway] 2021-05-17T18:19:00.041123456Z {record}"), record),
        ] {
            assert_eq!(
                peel(line.as_bytes()).map(|peeled| peeled.text.into_owned()),
                Some(text.as_bytes().to_vec()),
                "{line}"
            );
        }
        for line in [record, "a b | c", "| c", "[x] y", ""] {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
