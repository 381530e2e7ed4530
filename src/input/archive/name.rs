//! Names of members, as they may be shown.

use std::borrow::Cow;

use super::LONGEST_NAME;

/// The name with `/` between its parts, without empty parts and `.`, control characters replaced; or what it is shown as where it leads
/// out of the archive or names nothing.
pub(in crate::input) fn clean(name: &[u8]) -> Result<String, String> {
    let shown = |bytes: &[u8]| {
        let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
        text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect::<String>()
    };
    let cut = name.get(..LONGEST_SHOWN).unwrap_or(name);
    if name.len() > LONGEST_NAME {
        return Err(shown(cut));
    }
    let text = shown(name);
    let has_drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if text.starts_with(['/', '\\']) || has_drive || parts.is_empty() || parts.contains(&"..") {
        return Err(shown(cut));
    }
    Ok(parts.join("/"))
}

/// Bytes shown of a name that is not used.
const LONGEST_SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_archive() {
        for (name, clean_name) in [
            ("a/b.log", "a/b.log"),
            ("./a//b.log", "a/b.log"),
            ("a/", "a"),
            ("a\n\x1b[31m", "a\u{fffd}\u{fffd}[31m"),
            ("..x/a..", "..x/a.."),
        ] {
            assert_eq!(clean(name.as_bytes()).as_deref(), Ok(clean_name));
        }
        assert_eq!(clean(b"a\xff").as_deref(), Ok("a\u{fffd}"));
        for name in ["/etc/passwd", "../a", "a/../../b", "..", "", ".", "./", "C:/a", "c:a", "\\\\host\\a"] {
            assert!(clean(name.as_bytes()).is_err(), "{name}");
        }
        assert!(clean("a/".repeat(3_000).as_bytes()).is_err());
    }
}
