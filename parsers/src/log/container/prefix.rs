//! What `kubectl logs --timestamps --prefix`, `docker logs -t` and `docker compose logs` put before a line: a stamp, the
//! name of a pod in brackets, or a service's name and a bar, coloured or not.

use super::{Peeled, Source, cri, is_content, is_record, is_stampless_record, syslog};
use crate::log::stamp::starts_stamp;

/// A line with a name in front of it.
pub(super) fn named(line: &[u8]) -> Option<Peeled<'_>> {
    let line = uncoloured(line);
    let (name, rest) = after_pod(line).or_else(|| after_service(line))?;
    let rest = uncoloured(rest);
    let peeled = match after_stamp(rest) {
        Some((stamp, text)) => Peeled::whole(text, Some(stamp)),
        None => Peeled::bare(rest),
    };
    Some(peeled.from(Source::named(name)))
}

/// A line with a stamp alone in front of it. What a container runtime or syslog puts around a line begins so, too.
pub(super) fn stamped(line: &[u8]) -> Option<Peeled<'_>> {
    let (stamp, text) = after_stamp(line)?;
    let holds = |peeled: Option<Peeled<'_>>| peeled.is_some_and(|peeled| is_content(&peeled.text));
    let is_other = !is_content(text) && (holds(cri::peel(line)) || holds(syslog::peel(line)));
    (!is_other).then(|| Peeled::whole(text, Some(stamp)))
}

/// A line without the colours that it begins with.
fn uncoloured(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_prefix(b"\x1b[") {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        match rest.get(digits..).and_then(|rest| rest.strip_prefix(b"m")) {
            Some(after) => line = after,
            None => break,
        }
    }
    line
}

/// `[pod/name/container] `.
fn after_pod(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let named = line.strip_prefix(b"[pod/")?;
    let end = named.iter().take(LONGEST_NAME).position(|byte| *byte == b']')?;
    let (name, rest) = named.split_at_checked(end)?;
    let rest = rest.strip_prefix(b"]")?;
    Some((name, rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// `gateway-1  | `.
fn after_service(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let bar = line.iter().take(LONGEST_NAME).position(|byte| *byte == b'|')?;
    let (name, rest) = line.split_at_checked(bar)?;
    let name = name.strip_suffix(b" ")?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
    let rest = rest.strip_prefix(b"|")?;
    let rest = uncoloured(rest);
    is_name.then(|| (name, rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// A stamp that is not the record's own: no columns of a record follow it.
pub(super) fn after_stamp(line: &[u8]) -> Option<(&str, &[u8])> {
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
            (format!("\x1b[36mgateway-1  | \x1b[0m{record}"), record),
            (format!("\x1b[1;36mgateway-1  |\x1b[0m {record}"), record),
            ("gateway-1  | \tat a.b".into(), "\tat a.b"),
            ("gateway-1  |".into(), ""),
            (format!("[pod/gw-0/gateway] {record}"), record),
            (format!("2021-05-17T18:19:00.041123456Z {record}"), record),
            ("2021-05-17T18:19:00.041123456Z \tat a.b".into(), "\tat a.b"),
            (format!("[pod/gw-0/gateway] 2021-05-17T18:19:00.041123456Z {record}"), record),
        ] {
            assert_eq!(
                named(line.as_bytes()).or_else(|| stamped(line.as_bytes())).map(|peeled| peeled.text.into_owned()),
                Some(text.as_bytes().to_vec()),
                "{line}"
            );
        }
        for line in [record, "a b | c", "| c", "[x] y", ""] {
            assert_eq!((named(line.as_bytes()), stamped(line.as_bytes())), (None, None), "{line}");
        }
    }
}
