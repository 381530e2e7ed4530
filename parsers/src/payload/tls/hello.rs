//! `ClientHello` and `ServerHello`.
//!
//! They are walked field by field, so that one cut by the snap length or the end of a segment still gives the extensions
//! before the cut; what an extension holds is read by the parser library.

use tls_parser::{TlsExtension, parse_tls_client_hello_extension, parse_tls_server_hello_extension};

/// What a `ClientHello` says; of a cut one, what stands before the cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Server name, lower-case.
    pub sni: Option<String>,
    /// Application protocols, in the order of preference.
    pub alpn: Vec<String>,
    /// TLS 1.3 is seen among the versions offered; a cut may hide them.
    pub offers_tls13: bool,
}

/// Reads a `ClientHello` from the body of a handshake record; `None` where it is another message, or cut before its
/// extensions.
pub fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let (rest, _) = hello(body, CLIENT_HELLO)?;
    let (_, rest) = short_vector(rest)?;
    let (_, rest) = long_vector(rest)?;
    let (_, rest) = short_vector(rest)?;
    let mut client = ClientHello::default();
    for extension in extensions(rest) {
        match parse_tls_client_hello_extension(extension) {
            Ok((_, TlsExtension::SNI(names))) => client.sni = names.first().and_then(|(_, name)| host_name(name)),
            Ok((_, TlsExtension::ALPN(names))) => client.alpn = names.into_iter().map(protocol).collect(),
            Ok((_, TlsExtension::SupportedVersions(versions))) => {
                client.offers_tls13 = versions.iter().any(|version| version.0 == TLS_1_3);
            }
            _ => (),
        }
    }
    Some(client)
}

/// What a `ServerHello` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// Version chosen: by the extension `supported_versions`, or else by the message's own field.
    pub version: u16,
    /// Application protocol chosen. TLS 1.3 encrypts it.
    pub alpn: Option<String>,
}

/// Reads a `ServerHello` from the body of a handshake record; `None` where it is another message, or cut before the
/// version is certain.
pub fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let legacy = body.get(4..)?.first_chunk().map(|&version| u16::from_be_bytes(version))?;
    let (rest, cut) = hello(body, SERVER_HELLO)?;
    let (_, rest) = short_vector(rest)?;
    let (_cipher_and_compression, rest) = rest.split_first_chunk::<3>()?;
    let mut chosen = None;
    let mut alpn = None;
    for extension in extensions(rest) {
        match parse_tls_server_hello_extension(extension) {
            Ok((_, TlsExtension::ALPN(names))) => alpn = names.first().map(|name| protocol(name)),
            Ok((_, TlsExtension::SupportedVersions(versions))) => chosen = versions.first().map(|version| version.0),
            _ => (),
        }
    }
    let version = chosen.or((!cut).then_some(legacy))?;
    Some(ServerHello { version, alpn })
}

/// What follows version and random of a hello message of this type, and whether the message goes on beyond the bytes.
fn hello(body: &[u8], kind: u8) -> Option<(&[u8], bool)> {
    let (&[found, l0, l1, l2], rest) = body.split_first_chunk()?;
    if found != kind {
        return None;
    }
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let message = rest.get(..length).unwrap_or(rest);
    Some((message.get(VERSION_AND_RANDOM..)?, message.len() < length))
}

/// The extensions of a hello, each with its header; stops at the first that is cut.
struct Extensions<'a>(&'a [u8]);

/// The extensions at the end of a hello; it may end without any.
fn extensions(rest: &[u8]) -> Extensions<'_> {
    let Some((&length, list)) = rest.split_first_chunk() else { return Extensions(&[]) };
    Extensions(list.get(..u16::from_be_bytes(length).into()).unwrap_or(list))
}

impl<'a> Iterator for Extensions<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let &[_, _, high, low] = self.0.first_chunk()?;
        let (extension, rest) = self.0.split_at_checked(4 + usize::from(u16::from_be_bytes([high, low])))?;
        self.0 = rest;
        Some(extension)
    }
}

/// A vector with one length byte, and what follows it.
fn short_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

/// A vector with two length bytes, and what follows it.
fn long_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(length).into())
}

/// A server name is ASCII by RFC 6066; anything else is no name.
fn host_name(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.is_ascii())?;
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

fn protocol(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

const VERSION_AND_RANDOM: usize = 34;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const TLS_1_3: u16 = 0x0304;

#[cfg(test)]
mod tests {
    use super::{super::handshake, *};

    /// An extension with its header.
    fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    /// A hello message of this type from what follows the random and from its extensions.
    fn message(kind: u8, middle: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
        let extensions = extensions.concat();
        let list = if extensions.is_empty() {
            Vec::new()
        } else {
            [&(extensions.len() as u16).to_be_bytes()[..], &extensions].concat()
        };
        let body = [&[3, 3][..], &[7; 32], middle, &list].concat();
        [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
    }

    fn client(extensions: &[Vec<u8>]) -> Vec<u8> {
        message(1, &[2, 0xaa, 0xbb, 0, 4, 0x13, 1, 0x13, 2, 1, 0], extensions)
    }

    fn server(extensions: &[Vec<u8>]) -> Vec<u8> {
        message(2, &[0, 0x13, 1, 0], extensions)
    }

    fn sni(name: &[u8]) -> Vec<u8> {
        let length = name.len() as u16;
        extension(0, &[&(length + 3).to_be_bytes()[..], &[0], &length.to_be_bytes(), name].concat())
    }

    fn all() -> Vec<u8> {
        let grease = extension(0x0a0a, &[]);
        let alpn = extension(16, b"\x00\x0c\x02h2\x08http/1.1");
        let versions = extension(43, &[4, 3, 4, 3, 3]);
        client(&[grease, sni(b"Front.Corp.example"), extension(23, &[]), alpn, versions])
    }

    #[test]
    fn a_client_hello_with_all_that_counts() {
        let expected = ClientHello {
            sni: Some("front.corp.example".to_owned()),
            alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
            offers_tls13: true,
        };
        assert_eq!(client_hello(&all()), Some(expected));
        assert_eq!(client_hello(&client(&[])), Some(ClientHello::default()));
        assert_eq!(client_hello(&server(&[])), None);
    }

    #[test]
    fn a_cut_takes_away_and_never_alters() {
        let bytes = all();
        let whole = client_hello(&bytes).unwrap();
        let mut with_name = 0;
        for length in 0..bytes.len() {
            let Some(cut) = client_hello(&bytes[..length]) else { continue };
            assert!(cut.sni.is_none() || cut.sni == whole.sni, "cut at {length}");
            assert!(cut.alpn.is_empty() || cut.alpn == whole.alpn, "cut at {length}");
            assert!(!cut.offers_tls13, "cut at {length}");
            with_name += usize::from(cut.sni.is_some());
        }
        // The name is whole from its extension's end on; three extensions of 4, 18 and 9 bytes follow it.
        assert_eq!(with_name, 4 + 18 + 9);
    }

    #[test]
    fn a_client_hello_over_two_records() {
        let bytes = all();
        let (first, second) = bytes.split_at(60);
        let record = |body: &[u8]| [&[22, 3, 1, 0, body.len() as u8][..], body].concat();
        let stream = [record(first), record(second)].concat();
        assert_eq!(client_hello(&handshake(&stream)), client_hello(&bytes));
    }

    #[test]
    fn an_extension_that_lies_ends_the_list() {
        let mut bytes = client(&[sni(b"a.example"), extension(16, b"\x00\x03\x02h2")]);
        let last = bytes.len() - 6;
        bytes[last] = 0xff;
        let found = client_hello(&bytes).unwrap();
        assert_eq!((found.sni.as_deref(), found.alpn.len()), (Some("a.example"), 0));
        assert_eq!(client_hello(&client(&[sni(b"\xff\xfe")])).unwrap().sni, None);
        assert_eq!(client_hello(&client(&[sni(b"")])).unwrap().sni, None);
    }

    #[test]
    fn a_server_hello_states_its_version() {
        assert_eq!(server_hello(&server(&[])), Some(ServerHello { version: 0x0303, alpn: None }));
        let alpn = extension(16, b"\x00\x03\x02h2");
        let expected = ServerHello { version: 0x0303, alpn: Some("h2".to_owned()) };
        assert_eq!(server_hello(&server(&[extension(0xff01, &[0]), alpn])), Some(expected));
        let bytes = server(&[extension(51, &[0, 29, 0, 1, 9]), extension(43, &[3, 4]), extension(0x2b2b, &[])]);
        assert_eq!(server_hello(&bytes), Some(ServerHello { version: 0x0304, alpn: None }));
        // Cut before the extension that may overrule it, the version is not known.
        for length in 0..bytes.len() {
            let version = server_hello(&bytes[..length]).map(|server| server.version);
            assert_eq!(version, (length >= bytes.len() - 4).then_some(0x0304), "cut at {length}");
        }
    }
}
