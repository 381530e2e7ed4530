//! Redaction: what a reader outside may see.
//!
//! Hosts and addresses get names that stay the same all over one run's output; URLs lose their user information and query. Connections are
//! redacted before rows are made of them, so that ids and filters follow. Packets are [`packets`]'s.

pub mod packets;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use wirecause_parsers::packet::Outer;

use super::rows::{ErrorRow, FindingRow};
use crate::{attribute::hints, track::Connection};

/// Names for the hosts and addresses of one run.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    hosts: BTreeMap<String, String>,
    addresses: BTreeMap<IpAddr, IpAddr>,
}

impl Redactor {
    /// Names everything that the run knows: the names depend on the set alone.
    pub fn new(hosts: impl IntoIterator<Item = String>, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let hosts: BTreeSet<String> = hosts
            .into_iter()
            .map(|host| host.trim_end_matches('.').to_ascii_lowercase())
            .filter(|host| !host.is_empty() && host.parse::<IpAddr>().is_err())
            .collect();
        let addresses: BTreeSet<IpAddr> = addresses.into_iter().collect();
        let (mut v4, mut v6) = (0, 0);
        let named = addresses.into_iter().map(|address| {
            let (count, name): (&mut u32, fn(u32) -> IpAddr) = match address {
                IpAddr::V4(_) => (&mut v4, documentation_v4),
                IpAddr::V6(_) => (&mut v6, documentation_v6),
            };
            *count += 1;
            (address, name(*count))
        });
        Self {
            addresses: named.collect(),
            hosts: hosts.into_iter().zip(1_u32..).map(|(host, number)| (host, format!("host-{number}"))).collect(),
        }
    }

    /// The name of a host; an address written as a host gets the address's.
    pub fn host(&self, host: &str) -> String {
        match host.parse::<IpAddr>() {
            Ok(address) => self.address(address).to_string(),
            Err(_) => self.hosts.get(&host.to_ascii_lowercase()).cloned().unwrap_or_else(|| UNKNOWN_HOST.to_owned()),
        }
    }

    /// The address that stands for another; one that was not announced is made unspecified.
    pub fn address(&self, address: IpAddr) -> IpAddr {
        self.addresses.get(&address).copied().unwrap_or(match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        })
    }

    /// A text with the hosts, addresses and URLs in it redacted.
    pub fn text(&self, text: &str) -> String {
        let mut redacted = String::with_capacity(text.len());
        for word in text.split_inclusive(char::is_whitespace) {
            self.names(&bare_url(word), &mut redacted);
        }
        redacted
    }

    /// A connection between the addresses that stand for its own.
    pub fn connection(&self, mut redacted: Connection) -> Connection {
        for end in [&mut redacted.originator, &mut redacted.responder] {
            end.address = self.address(end.address);
        }
        for icmp in &mut redacted.icmp {
            icmp.sender = self.address(icmp.sender);
        }
        for outer in &mut redacted.outer {
            if let Outer::Ip(source, destination) = outer {
                (*source, *destination) = (self.address(*source), self.address(*destination));
            }
        }
        let names = &mut redacted.names;
        for name in [&mut names.sni, &mut names.host].into_iter().flatten() {
            *name = self.host(name).into();
        }
        redacted
    }

    /// What the log and the explanation say in a row; its connection is redacted already.
    pub fn error(&self, row: ErrorRow) -> ErrorRow {
        ErrorRow {
            thread: row.thread.as_deref().map(|thread| self.text(thread)),
            service: row.service.as_deref().map(|service| self.text(service)),
            url: self.text(&row.url),
            host: self.host(&row.host),
            message: self.text(&row.message),
            explanation: self.text(&hints::without_payload(&row.explanation)),
            ..row
        }
    }

    /// A finding's texts.
    pub fn finding(&self, row: FindingRow) -> FindingRow {
        FindingRow {
            host: row.host.as_deref().map(|host| self.text(host)),
            peer: row.peer.as_deref().map(|peer| self.text(peer)),
            statement: self.text(&row.statement),
            advice: row.advice.as_deref().map(|advice| self.text(advice)),
            ..row
        }
    }

    /// What `how` makes of a value where there is a redactor, else the value.
    pub fn optionally<T>(redactor: Option<&Self>, value: T, how: impl FnOnce(&Self, T) -> T) -> T {
        match redactor {
            Some(redactor) => how(redactor, value),
            None => value,
        }
    }

    /// Names by address, both redacted.
    pub fn names_by_address(&self, names: BTreeMap<IpAddr, BTreeSet<String>>) -> BTreeMap<IpAddr, BTreeSet<String>> {
        let redacted = |names: BTreeSet<String>| names.iter().map(|name| self.host(name)).collect();
        names.into_iter().map(|(address, names)| (self.address(address), redacted(names))).collect()
    }

    /// Copies a word with known hosts and all addresses in it replaced.
    fn names(&self, word: &str, out: &mut String) {
        let mut rest = word;
        while !rest.is_empty() {
            let length = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
            let (run, behind) = rest.split_at(length);
            self.run(run, out);
            let other = behind.find(is_name).unwrap_or(behind.len());
            let (between, behind) = behind.split_at(other);
            out.push_str(between);
            rest = behind;
        }
    }

    /// A run of letters, digits and what stands within names and addresses.
    fn run(&self, run: &str, out: &mut String) {
        let name = run.trim_end_matches(['.', ':', '-']);
        let behind = run.get(name.len()..).unwrap_or_default();
        match self.replacement(name) {
            Some(replaced) => out.push_str(&replaced),
            // The parts of `name:port`, `host:name`, and of a name with a mark before it.
            None if name.contains(':') => {
                for (index, part) in name.split(':').enumerate() {
                    if index > 0 {
                        out.push(':');
                    }
                    out.push_str(&self.replacement(part).unwrap_or_else(|| part.to_owned()));
                }
            }
            None => out.push_str(name),
        }
        out.push_str(behind);
    }

    fn replacement(&self, name: &str) -> Option<String> {
        let name = name.trim_end_matches('.');
        match name.parse::<IpAddr>() {
            Ok(address) => Some(self.address(address).to_string()),
            Err(_) => self.hosts.get(&name.to_ascii_lowercase()).cloned(),
        }
    }
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':')
}

/// A word without what a URL in it says of its user and of its query.
fn bare_url(word: &str) -> String {
    let text = word.trim_end();
    let blank = word.get(text.len()..).unwrap_or_default();
    let Some((scheme, rest)) = text.split_once("://") else {
        // A target without its host.
        let target = text.trim_start_matches(['"', '\'', '(', '<']).starts_with('/');
        let bare = if target { text.split('?').next().unwrap_or_default() } else { text };
        return format!("{bare}{blank}");
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let user = authority.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}{blank}", rest.get(user..).unwrap_or_default())
}

/// Addresses that RFC 5737 keeps for documents, and behind them those that RFC 2544 keeps for tests.
fn documentation_v4(number: u32) -> IpAddr {
    let number = number - 1;
    let within = (number % 254 + 1) as u8;
    let address = match number / 254 {
        0 => Ipv4Addr::new(192, 0, 2, within),
        1 => Ipv4Addr::new(198, 51, 100, within),
        2 => Ipv4Addr::new(203, 0, 113, within),
        _ => Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 0)) + (number - 3 * 254) % (1 << 17)),
    };
    IpAddr::V4(address)
}

/// The prefix that RFC 3849 keeps for documents.
fn documentation_v6(number: u32) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, (number >> 16) as u16, number as u16))
}

const UNKNOWN_HOST: &str = "host-0";

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let addresses = ["10.0.0.7", "10.0.0.8", "fd77::1"].map(|address| address.parse().unwrap());
        Redactor::new(["Pay.Example.".to_owned(), "auth.example".to_owned(), "10.0.0.7".to_owned()], addresses)
    }

    #[test]
    fn names_and_addresses_stay_the_same_all_over() {
        let redactor = redactor();
        for (text, redacted) in [
            ("calls to pay.example:8080 (10.0.0.8:8080).", "calls to host-2:8080 (192.0.2.2:8080)."),
            ("AUTH.example, pay.example.", "host-1, host-2."),
            ("[fd77::1]:443 and fd77::1", "[2001:db8::1]:443 and 2001:db8::1"),
            ("ip.addr==10.0.0.7 && tcp.port==80", "ip.addr==192.0.2.1 && tcp.port==80"),
            ("at 2026-11-20T23:54:31.378123Z after 0.021 ms", "at 2026-11-20T23:54:31.378123Z after 0.021 ms"),
            ("from 10.9.9.9", "from 0.0.0.0"),
            ("repay.example and pay.example.org", "repay.example and pay.example.org"),
        ] {
            assert_eq!(redactor.text(text), redacted);
        }
        assert_eq!(redactor.host("PAY.example"), "host-2");
        assert_eq!(redactor.host("elsewhere"), "host-0");
    }

    #[test]
    fn urls_lose_their_user_and_their_query() {
        let redactor = redactor();
        for (text, redacted) in [
            ("routing to https://me:secret@pay.example:8443/a?card=1. Error", "routing to https://host-2:8443/a Error"),
            ("\"/api/v1?token=x\" failed", "\"/api/v1 failed"),
            ("http://auth.example?x=1#y", "http://host-1"),
            ("why? because", "why? because"),
        ] {
            assert_eq!(redactor.text(text), redacted);
        }
    }

    #[test]
    fn documentation_addresses_do_not_repeat() {
        let all: BTreeSet<IpAddr> = (1..5_000).map(documentation_v4).chain((1..5_000).map(documentation_v6)).collect();
        assert_eq!(all.len(), 2 * 4_999);
        assert!(all.contains(&"203.0.113.254".parse().unwrap()) && all.contains(&"198.18.0.0".parse().unwrap()));
    }
}
