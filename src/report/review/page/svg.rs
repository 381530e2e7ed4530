//! A small writer of SVG: shapes with classes, so that the page's style sheet colours them in light, dark and print alike.
//!
//! Coordinates are in user units of the view box, one of which is about a pixel; everything textual is escaped.

use std::fmt::Write as _;

/// A picture under way.
#[derive(Clone, Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// At its beginning.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

impl Svg {
    /// An empty picture.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// A rectangle; nothing where it has no size.
    pub fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4]) {
        if width > 0.0 && height > 0.0 {
            let _ = write!(
                self.body,
                r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
                n(x),
                n(y),
                n(width),
                n(height)
            );
        }
    }

    /// A line.
    pub fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ =
            write!(self.body, r#"<line class="{class}" x1="{}" y1="{}" x2="{}" y2="{}"/>"#, n(x1), n(y1), n(x2), n(y2));
    }

    /// A circle.
    pub fn circle(&mut self, class: &str, [x, y]: [f64; 2], radius: f64) {
        let _ = write!(self.body, r#"<circle class="{class}" cx="{}" cy="{}" r="{}"/>"#, n(x), n(y), n(radius));
    }

    /// A path by its commands.
    pub fn path(&mut self, class: &str, commands: &str) {
        let _ = write!(self.body, r#"<path class="{class}" d="{commands}"/>"#);
    }

    /// A line of text.
    pub fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{}" y="{}" text-anchor="{anchor}">{}</text>"#,
            n(x),
            n(y),
            escape(text)
        );
    }

    /// The whole, with its name and what it shows for those who do not see it.
    pub fn finish(self, id: &str, class: &str, title: &str, description: &str) -> String {
        format!(
            r#"<svg class="{class}" viewBox="0 0 {} {}" role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>{}</svg>"#,
            n(self.width),
            n(self.height),
            escape(title),
            escape(description),
            self.body
        )
    }
}

/// Text as it may stand in an element or a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A text cut to what fits in `width`, its end kept: hosts differ at their beginning, but a port stands at the end.
pub fn fitted(text: &str, width: f64, per_character: f64) -> String {
    let most = (width / per_character) as usize;
    let length = text.chars().count();
    if length <= most || most < MIN_FITTED {
        return text.to_owned();
    }
    let head = most - 1 - most / 3;
    let tail = most / 3;
    let chars: Vec<char> = text.chars().collect();
    format!("{}…{}", chars[..head].iter().collect::<String>(), chars[length - tail..].iter().collect::<String>())
}

/// A coordinate with a tenth at most.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Shorter texts are not cut.
const MIN_FITTED: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_coordinates_short() {
        let mut svg = Svg::new(10.0, 20.5);
        svg.text("a", [1.0, 2.25], Anchor::End, "<b> & \"c'");
        svg.rect("r", [0.0, 0.0, 3.0, 0.0]);
        let text = svg.finish("x", "wide", "t<", "d");
        assert_eq!(
            text,
            "<svg class=\"wide\" viewBox=\"0 0 10 20.5\" role=\"img\" aria-labelledby=\"x-t x-d\"><title id=\"x-t\">t&lt;</title>\
             <desc id=\"x-d\">d</desc><text class=\"a\" x=\"1\" y=\"2.2\" text-anchor=\"end\">&lt;b&gt; &amp; &quot;c&#39;</text></svg>"
        );
    }

    #[test]
    fn a_text_that_is_too_long_keeps_both_ends() {
        assert_eq!(fitted("catalog.corp.example:8080", 100.0, 7.0), "catalog.c…8080");
        assert_eq!(fitted("short", 10.0, 7.0), "short");
    }
}
