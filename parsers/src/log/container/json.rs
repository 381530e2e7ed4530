//! The gateway's own JSON formatter, as containers write it to standard output.
//!
//! `{"package":…,"level":…,"log":{"detail-id":4042.0,"message":…,"request-id":…},"time":…,"otelId":…}`. The code is a
//! float, there is no thread, and `log` is an object for audit records and may be a text for others. Keys that are not
//! known are passed over.

use super::object::{Object, Value};

/// The record as a line of the plain layout, below it the lines of its text and of its stack trace. The request's id
/// stands where the thread would.
pub(super) fn plain(line: &[u8]) -> Option<Vec<u8>> {
    let record = Object::read(line)?;
    let log = match record.get("log") {
        Some(Value::Object(log)) => Some(log),
        _ => None,
    };
    let logger = record.text(&["package", "logger", "loggerName"])?;
    let time = record.text(&["time", "timestamp", "@timestamp"])?;
    let message = log.map_or_else(|| record.text(&["log", "message", "msg"]), |log| log.text(&["message", "msg"]))?;
    let level = record.text(&["level"]).unwrap_or_default();
    let request = log.and_then(|log| log.text(&["request-id"])).map(|id| format!(" [{id}]")).unwrap_or_default();
    let code = match log.and_then(|log| log.get("detail-id")) {
        Some(Value::Number(code)) => format!("{}: ", *code as i64),
        _ => String::new(),
    };
    let mut plain = format!("{time} {level}{request} {logger}: {code}");
    push_lines(&mut plain, message);
    for owner in std::iter::once(&record).chain(log) {
        if let Some(trace) = owner.text(&["exception", "stackTrace", "stacktrace", "stack_trace", "thrown"]) {
            plain.push('\n');
            push_lines(&mut plain, trace);
        }
    }
    Some(plain.into_bytes())
}

/// Adds a text; none of its lines but the first can pass for a head line, since the object says where the record ends.
fn push_lines(plain: &mut String, text: &str) {
    for (number, line) in text.trim_end().lines().enumerate() {
        if number > 0 {
            plain.push_str(if line.starts_with(|first: char| first.is_ascii_digit()) { "\n " } else { "\n" });
        }
        plain.push_str(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<String> {
        plain(line.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn an_audit_record() {
        let line = r#"{"package":"com.l7tech.server.policy.assertion.ServerAuditDetailAssertion","level":"INFO","log":{"detail-id":-4.0,"message":"Service called: /test1","listen-port":"Default HTTPS (8443)","client-ip":"10.244.0.50","request-id":"627f8aeeb0c5d911-f1d889e1c356579b"},"time":"2026-05-26T11:21:32.873+0000","otelId":"bc77ccae43f69f9c7853eb112747853f-aacdd4e0149fc379"}"#;
        let plain = "2026-05-26T11:21:32.873+0000 INFO [627f8aeeb0c5d911-f1d889e1c356579b] \
            com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: -4: Service called: /test1";
        assert_eq!(read(line).as_deref(), Some(plain));
    }

    #[test]
    fn other_records() {
        let line = r#"{"package":"a.b","level":"SEVERE","log":"x","exception":"a.E: y\n\tat c.d(E.java:1)","time":"2026-05-26T11:21:32.873Z"}"#;
        assert_eq!(read(line).as_deref(), Some("2026-05-26T11:21:32.873Z SEVERE a.b: x\na.E: y\n\tat c.d(E.java:1)"));
        let forged = r#"{"package":"a.b","level":"INFO","log":{"message":"x\n2026-05-26T11:21:32.873Z y"},"time":"2026-05-26T11:21:32.873Z"}"#;
        assert_eq!(read(forged).as_deref(), Some("2026-05-26T11:21:32.873Z INFO a.b: x\n 2026-05-26T11:21:32.873Z y"));
    }

    #[test]
    fn other_objects() {
        for line in
            ["{}", "[]", r#"{"package":"a.b","log":"x"}"#, r#"{"package":"a.b","time":"x"}"#, r#"{"package":"#, ""]
        {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
