//! JSON objects, as far as containers of logs use them.

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{is_not, tag, take_while_m_n},
    character::complete::{anychar, char, multispace0},
    combinator::{all_consuming, fail, map_opt, value},
    multi::{fold_many0, separated_list0},
    number::complete::double,
    sequence::{delimited, preceded, separated_pair},
};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(f64),
    List(Vec<Value>),
    Object(Object),
    /// `true`, `false` or `null`.
    Word,
}

/// The members of an object, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Object(Vec<(String, Value)>);

impl Object {
    /// Reads a line that is one object. Bytes that are no UTF-8 become replacement characters.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        if line.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let text = String::from_utf8_lossy(line);
        let whole = delimited(multispace0, |input| object(input, DEEPEST), multispace0);
        let (_, object) = all_consuming(whole).parse(&*text).ok()?;
        Some(object)
    }

    /// The first member of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The text of the first of these names that has one.
    pub(super) fn text(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| match self.get(name)? {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

fn object(input: &str, depth: usize) -> IResult<&str, Object> {
    let member = separated_pair(spaced(string), char(':'), move |input| any(input, depth));
    delimited(char('{'), separated_list0(char(','), member), preceded(multispace0, char('}'))).map(Object).parse(input)
}

fn any(input: &str, depth: usize) -> IResult<&str, Value> {
    let Some(depth) = depth.checked_sub(1) else { return fail().parse(input) };
    let list = delimited(
        char('['),
        separated_list0(char(','), move |input| any(input, depth)),
        preceded(multispace0, char(']')),
    );
    spaced(alt((
        string.map(Value::Text),
        (move |input| object(input, depth)).map(Value::Object),
        list.map(Value::List),
        value(Value::Word, alt((tag("true"), tag("false"), tag("null")))),
        double.map(Value::Number),
    )))
    .parse(input)
}

fn string(input: &str) -> IResult<&str, String> {
    let plain = is_not("\"\\").map(|text: &str| Part::Text(text));
    let escaped = preceded(char('\\'), escape).map(Part::Char);
    let parts = fold_many0(alt((plain, escaped)), String::new, |mut text: String, part| {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Char(char) => text.push(char),
        }
        text
    });
    delimited(char('"'), parts, char('"')).parse(input)
}

enum Part<'a> {
    Text(&'a str),
    Char(char),
}

/// What follows a backslash. Half of a surrogate pair is a replacement character.
fn escape(input: &str) -> IResult<&str, char> {
    let pair = map_opt((preceded(char('u'), hex), preceded(tag("\\u"), hex)), |(high, low)| {
        char::decode_utf16([high, low]).next()?.ok().filter(|char| char.len_utf16() == 2)
    });
    let single =
        preceded(char('u'), hex).map(|code| char::from_u32(u32::from(code)).unwrap_or(char::REPLACEMENT_CHARACTER));
    let short = map_opt(anychar, |letter| {
        Some(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            _ => return None,
        })
    });
    alt((pair, single, short)).parse(input)
}

fn hex(input: &str) -> IResult<&str, u16> {
    map_opt(take_while_m_n(4, 4, |c: char| c.is_ascii_hexdigit()), |text| u16::from_str_radix(text, 16).ok())
        .parse(input)
}

fn spaced<'a, O, P>(parser: P) -> impl Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>>
where
    P: Parser<&'a str, Output = O, Error = nom::error::Error<&'a str>>,
{
    delimited(multispace0, parser, multispace0)
}

/// Objects in objects; logs have two or three, and deeper ones must not cost the stack.
const DEEPEST: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Object> {
        Object::read(text.as_bytes())
    }

    #[test]
    fn values() {
        let object =
            read(r#" {"a":"x\n\"\u00e9\ud83d\ude00\ud83d", "b" : -4.0,"c":[1,{}],"d":{"e":null},"f":true,"g":""} "#)
                .unwrap();
        assert_eq!(object.text(&["z", "a"]), Some("x\n\"é😀\u{fffd}"));
        assert_eq!(object.get("b"), Some(&Value::Number(-4.0)));
        assert_eq!(object.get("c"), Some(&Value::List(vec![Value::Number(1.0), Value::Object(Object(Vec::new()))])));
        assert_eq!((object.text(&["b"]), object.text(&["g"])), (None, Some("")));
    }

    #[test]
    fn what_is_no_object() {
        for text in ["", "[]", "{", "{\"a\"}", "{\"a\":1,}", "{\"a\":\"\\x\"}", "{} x", "{\"a\":\"\\u12\"}"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&("{\"a\":".repeat(100_000) + &"}".repeat(100_000))), None);
        assert!(read("{}").is_some());
    }
}
