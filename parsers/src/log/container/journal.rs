//! `journalctl -o json`: one object per entry, with the payload in `MESSAGE` and microseconds since the epoch in
//! `__REALTIME_TIMESTAMP`. A payload that is no UTF-8 is an array of bytes.

use super::{
    Peeled,
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
    Some(Peeled { text: text.into(), stamp: Some(stamp.into()), partial: false })
}

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
