//! `review.md`: verdict, findings and the table of causes, to paste into a ticket.

use std::{
    io::{self, Write},
    path::Path,
};

use crate::report::Error;

use super::{
    Review,
    text::{self, Prose, Span},
};

/// Writes the review as Markdown; `path` is named if that fails.
pub fn write(review: &Review<'_>, mut out: impl Write, path: &Path) -> Result<(), Error> {
    try_write(review, &mut out).map_err(|source| Error::Io { path: path.to_owned(), source })
}

fn try_write(review: &Review<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Root-cause review\n\n{}", prose(&review.verdict.paragraph))?;
    if let Some((advice, because)) = &review.verdict.change_first {
        writeln!(out, "\n**Change first:** {} {}", escape(advice), escape(because))?;
    }
    causes(review, out)?;
    findings(review, out)?;
    writeln!(out, "\n## How this was made\n\n{}\n", escape(&review.provenance.clock))?;
    for line in &review.provenance.not_covered {
        writeln!(out, "- {}", escape(line))?;
    }
    writeln!(out, "\nMade by wirecause {}; `report.html` beside this file shows every call.", review.provenance.version)
}

fn causes(review: &Review<'_>, out: &mut impl Write) -> io::Result<()> {
    if review.shares.total == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\n## What ended the calls\n\n| what happened | cause | side | calls | share |\n|---|---|---|---:|---:|"
    )?;
    for part in &review.shares.parts {
        let side = if part.is_doubt { "–" } else { part.side };
        writeln!(
            out,
            "| {} | `{}` | {side} | {} | {} |",
            part.title,
            part.word,
            text::grouped(part.count),
            escape(&text::percent(part.share))
        )?;
    }
    Ok(())
}

fn findings(review: &Review<'_>, out: &mut impl Write) -> io::Result<()> {
    if review.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## Findings\n")?;
    for finding in &review.findings {
        writeln!(out, "{}. **{}.** {}", finding.number, finding.title, escape(&finding.statement))?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "   - Change: {}", escape(advice))?;
        }
        if !finding.examples.is_empty() {
            let examples: Vec<String> = finding.examples.iter().map(|id| format!("`{id}`")).collect();
            writeln!(out, "   - {}, for example {}", text::counted(finding.calls, "call"), examples.join(", "))?;
        }
    }
    Ok(())
}

fn prose(prose: &Prose) -> String {
    let span = |span: &Span| match span {
        Span::Plain(text) | Span::Name(text) => escape(text),
        // Emphasis ends before a blank.
        Span::Strong(text) => format!("**{}**", escape(text.trim())),
    };
    prose.0.iter().map(span).collect()
}

/// Text in which Markdown, HTML within it, and what trackers make of words (links, mentions, issues) mean nothing.
///
/// Block marks need no escape but at a line's beginning, where no text stands: line ends are gone, each is made visible before.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // A number after a hash, or a name after an at sign, would become a link of the tracker.
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            // So would what looks like an address of the web.
            ':' if text[at..].starts_with("://") => safe.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '!' | '$' => {
                safe.push('\\');
                safe.push(c);
            }
            '\t' => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(
            escape("<script>alert(1)</script> [x](http://e) `*_a_*` |b| #12 @team ~~c~~ &amp; ![i]"),
            "&lt;script&gt;alert(1)&lt;/script&gt; \\[x\\](http&#58;//e) \\`\\*\\_a\\_\\*\\` \\|b\\| &#35;12 &#64;team \\~\\~c\\~\\~ &amp;amp; \\!\\[i\\]"
        );
    }

    #[test]
    fn ordinary_words_stay_legible() {
        let text = "pay.example:8080 (10.0.0.1:8080) closes after 2.000 to 2.003 s; 7 calls met that.";
        assert_eq!(escape(text), text);
    }
}
