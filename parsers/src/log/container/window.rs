//! Text copied from the audit window of the Policy Manager: a block of `Name : value` lines for an event, and below it the lines of its
//! associated logs, `WARNING 4042 Problem routing to …`. The event's stamp, `20190222 03:10:51.459`, names no zone; its details have
//! none at all and get the event's.

use std::fmt::Write as _;

/// Whether a line tells an event's time.
pub(super) fn tells_time(line: &[u8]) -> bool {
    field(line).is_some_and(|(name, value)| name == "Time" && stamp(value).is_some())
}

/// The event whose lines are being read.
#[derive(Debug, Default)]
pub(super) struct Window {
    stamp: Option<String>,
    severity: Option<String>,
    request: Option<String>,
}

impl Window {
    /// A line of the plain layout for one that tells of a record; `None` for one that does not. What is neither a field nor a detail
    /// stays as it is: it continues a text.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let Some((name, value)) = field(line) else {
            return Some(self.detail(line).unwrap_or_else(|| line.to_vec()));
        };
        let value = value.trim();
        match name {
            "Node" => *self = Self::default(),
            "Time" => self.stamp = stamp(value),
            "Severity" => self.severity = Some(value.to_owned()),
            "Request Id" => self.request = (!value.is_empty()).then(|| value.to_owned()),
            "Message" => {
                let (code, message) = value.split_once(':').filter(|(code, _)| is_code(code)).unwrap_or(("", value));
                return self.record(self.severity.as_deref(), code, message.trim_start());
            }
            // The header that a log has of a request.
            "Service" if !value.is_empty() => {
                return self.record(Some("INFO"), "", &format!("Processing request for service: {value}"));
            }
            _ => {}
        }
        None
    }

    /// `WARNING 4042 Problem routing to …`, as the tab of associated logs has it.
    fn detail(&self, line: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(line).ok()?;
        let (level, rest) = text.trim_start().split_once([' ', '\t'])?;
        let (code, message) = rest.trim_start().split_once([' ', '\t'])?;
        (LEVELS.contains(&level) && is_code(code)).then(|| self.record(Some(level), code, message.trim())).flatten()
    }

    /// A record, or a detail by its code. Each code is of one place of the gateway, which is what loggers tell apart: two details of a
    /// request may report one call.
    fn record(&self, level: Option<&str>, code: &str, message: &str) -> Option<Vec<u8>> {
        let mut text = format!("{} {}", self.stamp.as_deref()?, level.unwrap_or("INFO"));
        if let Some(request) = &self.request {
            // Writing to a text cannot fail.
            let _ = write!(text, " [{request}]");
        }
        let _ = if code.is_empty() {
            write!(text, " {LOGGER}: {message}")
        } else {
            write!(text, " {LOGGER}.{code}: {code}: {message}")
        };
        Some(text.into_bytes())
    }
}

/// `4042` or `-4`.
fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A known field and its value.
fn field(line: &[u8]) -> Option<(&'static str, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    let name = name.trim();
    FIELDS.into_iter().find(|known| *known == name).map(|known| (known, value))
}

/// `20190222 03:10:51.459` as a log's own stamp.
fn stamp(value: &str) -> Option<String> {
    let (day, time) = value.trim().split_once(' ')?;
    let parts = (day.get(..4)?, day.get(4..6)?, day.get(6..)?);
    let is_day = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    let time = time.trim_start();
    let is_time = time.len() >= 8 && time.bytes().all(|byte| byte.is_ascii_digit() || b":.".contains(&byte));
    (is_day && is_time).then(|| format!("{}-{}-{}T{time}", parts.0, parts.1, parts.2))
}

/// The fields of every kind of event, as the window names them.
const FIELDS: [&str; 20] = [
    "Node",
    "Time",
    "Severity",
    "Request Id",
    "Message",
    "Event Type",
    "Client IP",
    "Service",
    "Operation",
    "Rqst Length",
    "Resp Length",
    "Resp Status",
    "Resp Time",
    "User ID",
    "User Name",
    "Admin User",
    "Admin IP",
    "Auth Method",
    "Component",
    "Action",
];
const LEVELS: [&str; 7] = ["SEVERE", "WARNING", "INFO", "CONFIG", "FINE", "FINER", "FINEST"];
/// Stands where a log has its logger, which the window does not show.
const LOGGER: &str = "com.l7tech.server.audit";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_and_its_details() {
        let lines = [
            "Node        : Gateway1",
            "Time        : 20190222 03:10:51.459",
            "Severity    : WARNING",
            "Request Id  : 0000016914f1c2b0-5f",
            "Message     : Message was not processed: Error in Assertion Processing (601)",
            "Event Type  : Message Summary",
            "Client IP   : ",
            "Service     : fooBarService [/foo/bar]",
            "Resp Time   : 0ms",
            "",
            "WARNING 4042 Problem routing to http://h/. Error msg: x",
            "FINE\t3102 No match possible with URI \"/fakeservice\"",
        ];
        let mut window = Window::default();
        let found: Vec<_> = lines
            .iter()
            .filter_map(|line| window.line(line.as_bytes()))
            .map(|line| String::from_utf8(line).unwrap())
            .collect();
        let head = "2019-02-22T03:10:51.459";
        let from = "[0000016914f1c2b0-5f] com.l7tech.server.audit:";
        let of = |code: u32| format!("[0000016914f1c2b0-5f] com.l7tech.server.audit.{code}: {code}:");
        let expected = [
            format!("{head} WARNING {from} Message was not processed: Error in Assertion Processing (601)"),
            format!("{head} INFO {from} Processing request for service: fooBarService [/foo/bar]"),
            String::new(),
            format!("{head} WARNING {} Problem routing to http://h/. Error msg: x", of(4042)),
            format!("{head} FINE {} No match possible with URI \"/fakeservice\"", of(3102)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn other_lines() {
        assert!(tells_time(b"Time : 20190222 03:10:51.459"));
        for line in ["Time : today", "Time : 2019 03:10", "Times : 20190222 03:10:51.459", "", ":"] {
            assert!(!tells_time(line.as_bytes()), "{line}");
        }
    }
}
