//! Text from logs and packets, made visible for a page or a document: nothing in it acts, and nothing is hidden.
//!
//! [`super::printable`] is for a terminal, where one mark for all that is unsafe is enough. A reviewer wants to see what stood there.

use std::{borrow::Cow, fmt::Write as _};

/// The text with every character that acts or hides shown by name: C0 controls and DEL as their pictures (`␛`), and C1 controls,
/// marks that turn the reading order, separators and characters without width by their code (`⟨U+202E⟩`). Tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\u{7f}' => shown.push('␡'),
            c if acts(c) && (c as u32) < 0x20 => shown.extend(char::from_u32(PICTURES + c as u32)),
            c if acts(c) => {
                let _ = write!(shown, "⟨U+{:04X}⟩", c as u32);
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Makes every string of a JSON value visible, keys left alone: they are names of fields.
pub fn visible_json(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => {
            if let Cow::Owned(shown) = visible(text) {
                *text = shown;
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(visible_json),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(visible_json),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

fn acts(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Unicode's pictures of the C0 controls begin here.
const PICTURES: u32 = 0x2400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_is_named() {
        assert_eq!(visible("a\u{1b}[31m\u{7f}\n"), "a␛[31m␡␊");
        assert_eq!(
            visible("\u{202e}gnp.exe \u{9b}2J \u{200b}|\u{feff}"),
            "⟨U+202E⟩gnp.exe ⟨U+009B⟩2J ⟨U+200B⟩|⟨U+FEFF⟩"
        );
    }

    #[test]
    fn other_text_stays_whatever_its_script() {
        let text = "\tat com.l7tech <script> \"שלום\" – 支払い";
        assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn every_string_of_a_value_is_made_visible() {
        let mut value = serde_json::json!({ "log": ["a\u{7}", { "b": "\u{202e}" }], "n": 1 });
        visible_json(&mut value);
        assert_eq!(value, serde_json::json!({ "log": ["a␇", { "b": "⟨U+202E⟩" }], "n": 1 }));
    }
}
