//! Docker's `json-file` driver: `{"log":"payload\n","stream":"stdout","time":"2021-05-17T18:19:00.041123456Z"}`. A payload
//! over 16 KiB is split, with lines of the other stream between its pieces; only its last piece ends in a line feed.

use super::{Peeled, Source, object::Object};

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let object = Object::read(line)?;
    let stream = object.text(&["stream"])?.as_bytes().to_vec();
    let log = object.text(&["log"])?;
    let stamp = object.text(&["time"]).map(str::to_owned);
    let whole = log.strip_suffix('\n');
    let text = whole.unwrap_or(log).trim_end_matches('\r').as_bytes().to_vec();
    Some(Peeled { partial: whole.is_none(), ..Peeled::whole(text, stamp).from(Source::new(stream, 0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads() {
        let whole = peel(br#"{"log":"\tat a\n","stream":"stdout","time":"2021-05-17T18:19:00.041123456Z"}"#).unwrap();
        assert_eq!((&*whole.text, whole.partial), (&b"\tat a"[..], false));
        assert_eq!(whole.stamp.as_deref(), Some("2021-05-17T18:19:00.041123456Z"));
        assert!(peel(br#"{"log":"x","stream":"stdout","time":"2021-05-17T18:19:00Z"}"#).unwrap().partial);
        for line in [r#"{"log":{"a":1},"stream":"x"}"#, r#"{"log":"x"}"#, r#"{"log":"x","stream":"stdout""#, "x"] {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
