//! Syslog: RFC 5424, RFC 3164, and the two forms in which rsyslog writes a message to a file.
//!
//! RFC 3164 knows neither year nor zone. Some senders add the year or a fraction.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{is_not, tag, take_while_m_n},
    character::complete::{char, digit1, one_of, space1},
    combinator::{consumed, map_opt, map_res, opt, recognize, value, verify},
    error::{Error, ErrorKind, ParseError},
    multi::many1_count,
    sequence::{delimited, preceded, terminated},
};

use super::{Peeled, Source, translator::continues, year::Yearless};
use crate::log::stamp::starts_stamp;

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let (text, (stamp, source)) = alt((rfc5424, file, rfc3164)).parse(line).ok()?;
    let peeled = match stamp {
        Stamp::None => Peeled::bare(text),
        Stamp::Whole(stamp) => Peeled::whole(text, Some(stamp)),
        Stamp::WithYear(year, Yearless { month, day, time }) => {
            Peeled::whole(text, Some(format!("{year:04}-{month:02}-{day:02}T{time}")))
        }
        Stamp::Yearless(stamp) => Peeled { yearless: Some(stamp), ..Peeled::bare(text) },
    };
    Some(peeled.from(source))
}

/// When a message was sent.
#[derive(Clone, Copy)]
enum Stamp<'a> {
    /// RFC 5424's `-`.
    None,
    /// As it stands.
    Whole(&'a str),
    Yearless(Yearless<'a>),
    /// The same with the year, in some place of its own.
    WithYear(u32, Yearless<'a>),
}

/// What stands before a message: its stamp, and who wrote it.
type Wrapping<'a> = (Stamp<'a>, Source<'a>);

/// `<132>1 2021-09-15T09:34:47.413+02:00 gw01 SSG 1234 - - message`
fn rfc5424(input: &[u8]) -> IResult<&[u8], Wrapping<'_>> {
    let (input, _) = (priority, tag("1 ")).parse(input)?;
    let stamp = alt((value(Stamp::None, tag("-")), iso_stamp.map(Stamp::Whole)));
    let (input, stamp) = terminated(stamp, char(' ')).parse(input)?;
    let (input, source) = source(word, (char(' '), word, char(' '), word).map(drop)).parse(input)?;
    let (input, _) = (char(' '), word, char(' ')).parse(input)?;
    let unescaped = delimited(char('['), is_not("]"), char(']')).map(drop);
    let (input, _) = alt((tag("-"), recognize(many1_count(alt((element, unescaped)))))).parse(input)?;
    let (input, _) = (opt(char(' ')), opt(tag("\u{feff}"))).parse(input)?;
    Ok((input, (stamp, source)))
}

/// An element of structured data, `[id name="value"]`. In a value `"`, `\` and `]` stand behind a backslash.
fn element(input: &[u8]) -> IResult<&[u8], ()> {
    let refused = || nom::Err::Error(Error::new(input, ErrorKind::Char));
    let inner = input.strip_prefix(b"[").ok_or_else(refused)?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inner.iter().position(|byte| {
        let is_end = *byte == b']' && !quoted;
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        is_end
    });
    let rest = end.and_then(|end| inner.get(end + 1..)).ok_or_else(refused)?;
    Ok((rest, ()))
}

/// `2021-09-15T09:34:47.413+02:00 gw01 SSG[1234]: message`
fn file(input: &[u8]) -> IResult<&[u8], Wrapping<'_>> {
    let (input, _) = opt(priority).parse(input)?;
    let (input, stamp) = terminated(iso_stamp, space1).parse(input)?;
    let (input, source) = host_and_tag(input)?;
    Ok((input, (Stamp::Whole(stamp), source)))
}

/// `<132>Sep 15 09:34:47 gw01 SSG: message`, in a file without the priority.
fn rfc3164(input: &[u8]) -> IResult<&[u8], Wrapping<'_>> {
    let (input, _) = opt(priority).parse(input)?;
    let month = map_opt(take_while_m_n(3, 3, |b: u8| b.is_ascii_alphabetic()), |name: &[u8]| {
        (1..).zip(MONTHS).find(|(_, month)| month.as_bytes() == name).map(|(number, _)| number)
    });
    let (input, (month, _, day, _)) = (month, space1, number::<1, 2>, space1).parse(input)?;
    let (input, before) = opt(terminated(number::<4, 4>, char(' '))).parse(input)?;
    let (input, time) = time(input)?;
    let (input, behind) = opt(preceded(char(' '), number::<4, 4>)).parse(input)?;
    let (input, _) = char(' ').parse(input)?;
    let (input, source) = host_and_tag(input)?;
    let stamp = Yearless { month, day, time };
    let year = before.or(behind);
    Ok((input, (year.map_or(Stamp::Yearless(stamp), |year| Stamp::WithYear(year, stamp)), source)))
}

/// `20:54:31`, with a fraction or without. A colon may follow.
fn time(input: &[u8]) -> IResult<&[u8], &str> {
    let seconds = take_while_m_n(8, 8, |b: u8| b.is_ascii_digit() || b == b':');
    let fraction = (one_of(".,"), take_while_m_n(1, 9, |b: u8| b.is_ascii_digit()));
    let time = map_res(recognize((seconds, opt(fraction))), std::str::from_utf8);
    terminated(time, opt(char(':'))).parse(input)
}

/// A number of so many digits.
fn number<const LEAST: usize, const MOST: usize>(input: &[u8]) -> IResult<&[u8], u32> {
    let digits = verify(digit1, |digits: &[u8]| (LEAST..=MOST).contains(&digits.len()));
    digits.map(|digits: &[u8]| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))).parse(input)
}

/// `gw01 SSG[1234]: `
fn host_and_tag(input: &[u8]) -> IResult<&[u8], Source<'_>> {
    // Some senders leave the tag out.
    let (record, host) = terminated(word, char(' ')).parse(input)?;
    if starts_stamp(record) || continues(record) {
        return Ok((record, Source::named(host)));
    }
    let tag = (char(' '), is_not(" :["), opt((char('['), is_not("] "), char(']'))));
    let (input, source) = source(word, tag.map(drop)).parse(input)?;
    let (input, _) = (char(':'), opt(char(' '))).parse(input)?;
    Ok((input, source))
}

/// Host and tag, as they stand. A gateway's sinks may have tags of their own, so that its host tells whose threads are meant.
fn source<'a, E: ParseError<&'a [u8]>>(
    host: impl Parser<&'a [u8], Output = &'a [u8], Error = E>,
    tag: impl Parser<&'a [u8], Output = (), Error = E>,
) -> impl Parser<&'a [u8], Output = Source<'a>, Error = E> {
    consumed((host, tag)).map(|(name, (host, ()))| Source::new(name, host.len()))
}

fn priority(input: &[u8]) -> IResult<&[u8], &[u8]> {
    preceded(char('<'), terminated(take_while_m_n(1, 3, |b: u8| b.is_ascii_digit()), one_of(">"))).parse(input)
}

fn iso_stamp(input: &[u8]) -> IResult<&[u8], &str> {
    map_res(verify(word, |stamp: &[u8]| starts_stamp(stamp)), std::str::from_utf8).parse(input)
}

fn word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    is_not(" ").parse(input)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let iso = Some("2021-09-15T09:34:47.413+02:00");
        let year = Some("2021-09-05T09:34:47.413");
        for (line, stamp, text) in [
            ("<132>Sep 5 2021 09:34:47.413: gw01 SSG: x", year, "x"),
            ("Sep  5 09:34:47.413 2021 gw01 SSG: x", year, "x"),
            ("Sep  5 09:34:47 gw01 a.b.DException: x", None, "a.b.DException: x"),
            ("Sep  5 09:34:47 gw01 \tat a.b", None, "\tat a.b"),
            ("Sep  5 09:34:47 gw01 2021-09-15T09:34:47.413Z x", None, "2021-09-15T09:34:47.413Z x"),
            ("<132>Sep 15 09:34:47,413 gw01 SSG: x", None, "x"),
            ("<132>1 - gw01 SSG - - - x", None, "x"),
            (r#"<132>1 - gw01 SSG - - [x@1 a="b \] \" \\" c="]"][y] x"#, None, "x"),
            (r#"<132>1 - gw01 SSG - - [x@1 a="b] x"#, None, "x"),
            ("<132>Sep 15 09:34:47 gw01 SSG-default: WARNING a.b: x", None, "WARNING a.b: x"),
            ("Sep  5 09:34:47 gw01 SSG[12]: x", None, "x"),
            ("<132>1 2021-09-15T09:34:47.413+02:00 gw01 SSG 1234 - - WARNING a.b: x", iso, "WARNING a.b: x"),
            ("<132>1 2021-09-15T09:34:47.413+02:00 gw01 SSG - - [a b=\"c\"][d] \u{feff}x", iso, "x"),
            ("2021-09-15T09:34:47.413+02:00 gw01 SSG[1234]: #011at a", iso, "#011at a"),
            ("<132>2021-09-15T09:34:47.413+02:00 gw01 SSG: ", iso, ""),
        ] {
            let peeled = peel(line.as_bytes()).unwrap();
            assert_eq!((peeled.stamp.as_deref(), &*peeled.text), (stamp, text.as_bytes()), "{line}");
        }
        for line in [
            "Xxx 15 09:34:47 gw01 SSG: x",
            "Sep 151 09:34:47 gw01 SSG: x",
            "<132>1 - a b - - [x",
            "<>Sep 15 09:34:47 a b: c",
            "<1234>1 x",
            "2021-09-15T09:34:47 a",
            "",
        ] {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
