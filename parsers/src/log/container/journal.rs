//! `journalctl -o json`: one object per entry, with the payload in `MESSAGE` and microseconds since the epoch in
//! `__REALTIME_TIMESTAMP`. A payload that is no UTF-8 is an array of bytes.

use super::{
    Peeled, Source,
    object::{Object, Value},
};
use crate::time::Timestamp;

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let object = Object::read(line)?;
    let text = match object.get("MESSAGE")? {
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::List(bytes) => bytes.iter().filter_map(byte).collect(),
        _ => return None,
    };
    let micros: i64 = object.text(&["__REALTIME_TIMESTAMP"])?.parse().ok()?;
    let stamp = Timestamp::from_nanos(micros.checked_mul(1_000)?).to_string();
    let mut writer = JournalWriter::default();
    for (field, value) in WRITER_FIELDS.iter().zip(&mut writer.0) {
        *value = object.text(&[field]).unwrap_or_default().as_bytes().to_vec();
    }
    Some(Peeled::whole(text, Some(stamp)).from(writer.source()))
}

/// The fields of an entry that tell who wrote it, in the order of [`WRITER_FIELDS`].
#[derive(Debug, Default)]
pub(super) struct JournalWriter([Vec<u8>; WRITER_FIELDS.len()]);

impl JournalWriter {
    /// Takes a line `FIELD=value`, if it tells.
    pub(super) fn line(&mut self, line: &[u8]) {
        let fields = WRITER_FIELDS.iter().zip(&mut self.0);
        for (field, kept) in fields {
            if let Some(value) = line.strip_prefix(field.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) {
                *kept = value.get(..LONGEST_VALUE).unwrap_or(value).to_vec();
            }
        }
    }

    /// Host, unit and container tell whose threads are meant; a process without either by what it calls itself.
    pub(super) fn source(&self) -> Source<'static> {
        let [host, unit, container, identifier, process] = &self.0;
        let owner = [host, unit, container].map(Vec::as_slice).join(&SEPARATOR);
        let named = [&owner, identifier.as_slice()].join(&SEPARATOR);
        let scope = if unit.is_empty() && container.is_empty() { named.len() } else { owner.len() };
        Source::new([&named, process.as_slice()].join(&SEPARATOR), scope)
    }
}

/// Who wrote an entry, as journald and the container runtimes that log to it say.
const WRITER_FIELDS: [&str; 5] = ["_HOSTNAME", "_SYSTEMD_UNIT", "CONTAINER_NAME", "SYSLOG_IDENTIFIER", "_PID"];
/// Bytes kept of each: units have at most 255, hosts 64.
const LONGEST_VALUE: usize = 256;
/// Stands in none of them.
const SEPARATOR: u8 = 0x1f;

fn byte(value: &Value) -> Option<u8> {
    match value {
        Value::Number(byte) if (0.0..256.0).contains(byte) => Some(*byte as u8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        let peeled = peel(br#"{"__REALTIME_TIMESTAMP":"1631691287413000","MESSAGE":"WARNING a.b: x"}"#).unwrap();
        assert_eq!(&*peeled.text, b"WARNING a.b: x");
        // date -u -d @1631691287
        assert_eq!(peeled.stamp.as_deref(), Some("2021-09-15T07:34:47.413000Z"));
        let bytes = peel(br#"{"__REALTIME_TIMESTAMP":"0","MESSAGE":[104,105,255]}"#).unwrap();
        assert_eq!(&*bytes.text, b"hi\xff");
        for line in
            [r#"{"MESSAGE":"x"}"#, r#"{"MESSAGE":null,"__REALTIME_TIMESTAMP":"1"}"#, r#"{"__REALTIME_TIMESTAMP":"1"}"#]
        {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
