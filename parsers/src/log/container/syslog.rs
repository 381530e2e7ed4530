//! Syslog: RFC 5424, RFC 3164, and the two forms in which rsyslog writes a message to a file.
//!
//! RFC 3164 knows neither year nor zone. Its stamp is dropped: a message that brings none of its own has no time, and that
//! is counted.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{is_not, tag, take_while_m_n},
    character::complete::{char, digit1, one_of, space1},
    combinator::{consumed, map_res, opt, recognize, verify},
    error::ParseError,
    multi::many1_count,
    sequence::{delimited, preceded, terminated},
};

use super::{Peeled, Source};
use crate::log::stamp::starts_stamp;

/// What stands before a message: its stamp, if that names an instant, and who wrote it.
type Wrapping<'a> = (Option<&'a str>, Source<'a>);

pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let (text, (stamp, source)) = alt((rfc5424, file, rfc3164)).parse(line).ok()?;
    Some(Peeled::whole(text, stamp).from(source))
}

/// `<132>1 2021-09-15T09:34:47.413+02:00 gw01 SSG 1234 - - message`
fn rfc5424(input: &[u8]) -> IResult<&[u8], Wrapping<'_>> {
    let (input, _) = (priority, tag("1 ")).parse(input)?;
    let (input, stamp) = terminated(iso_stamp, char(' ')).parse(input)?;
    let (input, source) = source(word, (char(' '), word, char(' '), word).map(drop)).parse(input)?;
    let (input, _) = (char(' '), word, char(' ')).parse(input)?;
    let element = delimited(char('['), is_not("]"), char(']'));
    let (input, _) = alt((tag("-"), recognize(many1_count(element)))).parse(input)?;
    let (input, _) = (opt(char(' ')), opt(tag("\u{feff}"))).parse(input)?;
    Ok((input, (Some(stamp), source)))
}

/// `2021-09-15T09:34:47.413+02:00 gw01 SSG[1234]: message`
fn file(input: &[u8]) -> IResult<&[u8], Wrapping<'_>> {
    let (input, _) = opt(priority).parse(input)?;
    let (input, stamp) = terminated(iso_stamp, space1).parse(input)?;
    let (input, source) = host_and_tag(input)?;
    Ok((input, (Some(stamp), source)))
}

/// `<132>Sep 15 09:34:47 gw01 SSG: message`, in a file without the priority.
fn rfc3164(input: &[u8]) -> IResult<&[u8], Wrapping<'_>> {
    let (input, _) = opt(priority).parse(input)?;
    let month = verify(take_while_m_n(3, 3, |b: u8| b.is_ascii_alphabetic()), |name: &[u8]| {
        MONTHS.iter().any(|month| month.as_bytes() == name)
    });
    let time = take_while_m_n(8, 8, |b: u8| b.is_ascii_digit() || b == b':');
    let (input, _) = (month, space1, digit1, char(' '), time, char(' ')).parse(input)?;
    let (input, source) = host_and_tag(input)?;
    Ok((input, (None, source)))
}

/// `gw01 SSG[1234]: `
fn host_and_tag(input: &[u8]) -> IResult<&[u8], Source<'_>> {
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
        for (line, stamp, text) in [
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
        for line in
            ["Xxx 15 09:34:47 gw01 SSG: x", "<>Sep 15 09:34:47 a b: c", "<1234>1 x", "2021-09-15T09:34:47 a", ""]
        {
            assert_eq!(peel(line.as_bytes()), None, "{line}");
        }
    }
}
