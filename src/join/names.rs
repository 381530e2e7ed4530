//! Names and addresses: what a host name in a URL can mean on the wire.
//!
//! In order of strength: the user's hosts file, the address in the log's own text, the name that a connection itself shows
//! (TLS server name, HTTP Host), DNS answers in the capture.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use wirecause_parsers::{payload::dns, time::Timestamp};

/// What is known of names, from the user and from DNS messages in the captures.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    hosts: BTreeMap<String, BTreeSet<IpAddr>>,
    answers: BTreeMap<String, BTreeSet<IpAddr>>,
    aliases: BTreeMap<String, BTreeSet<String>>,
    queries: BTreeMap<String, Vec<Query>>,
}

/// One question to the resolver, as the capture shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Query {
    /// When it was asked, or answered where the question was not seen.
    pub time: Timestamp,
    /// DNS id, to pair question and answer.
    pub id: u16,
    /// What came back.
    pub outcome: Option<Answer>,
}

/// What a resolver answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// At least one address.
    Addresses,
    /// No error, and no address of this type.
    Empty,
    /// An error, by its code (3 = the name does not exist).
    Error(u8),
}

impl NameTable {
    /// Adds the lines of a hosts file, already parsed.
    pub fn add_hosts(&mut self, hosts: impl IntoIterator<Item = (String, IpAddr)>) {
        for (name, address) in hosts {
            self.hosts.entry(name.to_ascii_lowercase()).or_default().insert(address);
        }
    }

    /// Adds a DNS message with that transaction id, seen at `time`.
    pub fn add_message(&mut self, time: Timestamp, id: u16, message: &dns::Message) {
        for (alias, canonical) in &message.aliases {
            self.aliases.entry(alias.clone()).or_default().insert(canonical.clone());
        }
        for (name, address, _) in &message.addresses {
            self.answers.entry(name.clone()).or_default().insert(*address);
        }
        let Some((name, _)) = &message.question else { return };
        let queries = self.queries.entry(name.clone()).or_default();
        let outcome = message.response.then_some(match (message.rcode, message.addresses.is_empty()) {
            (0, false) => Answer::Addresses,
            (0, true) => Answer::Empty,
            (code, _) => Answer::Error(code),
        });
        let recent = queries.partition_point(|query| time.since(query.time) > LONGEST_WAIT);
        let mut recent = queries.iter_mut().skip(recent).rev();
        let asked = recent.find(|query| query.id == id && query.outcome.is_none());
        if let (Some(asked), Some(_)) = (asked, outcome) {
            asked.outcome = outcome;
        } else if queries.len() < MAX_QUERIES {
            queries.push(Query { time, id, outcome });
        }
    }

    /// All addresses that `host` is known to have; the host itself if it is one.
    pub fn addresses(&self, host: &str) -> BTreeSet<IpAddr> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return BTreeSet::from([address]);
        }
        if let Some(addresses) = self.hosts.get(host) {
            return addresses.clone();
        }
        let mut found = BTreeSet::new();
        let mut names = vec![host];
        let mut seen = BTreeSet::new();
        while let Some(name) = names.pop() {
            if !seen.insert(name) || seen.len() > MAX_ALIASES {
                continue;
            }
            found.extend(self.answers.get(name).into_iter().flatten().copied());
            names.extend(self.aliases.get(name).into_iter().flatten().map(String::as_str));
        }
        found
    }

    /// Questions for `host` in order of time.
    pub fn queries(&self, host: &str) -> &[Query] {
        self.queries.get(host).map_or(&[], Vec::as_slice)
    }

    /// Whether the capture shows any DNS message at all.
    pub fn any_dns(&self) -> bool {
        !self.queries.is_empty()
    }

    /// Names by address, for connections that show none themselves.
    pub fn by_address(&self) -> BTreeMap<IpAddr, BTreeSet<String>> {
        let mut names: BTreeMap<IpAddr, BTreeSet<String>> = BTreeMap::new();
        for host in self.hosts.keys().chain(self.answers.keys()).chain(self.aliases.keys()) {
            for address in self.addresses(host) {
                names.entry(address).or_default().insert(host.clone());
            }
        }
        names
    }
}

/// A resolver's client gives a question up sooner, whatever it was told to wait (`resolv.conf`: five seconds, thirty at the most), ns.
const LONGEST_WAIT: i64 = 60_000_000_000;
/// Questions kept per name: a resolver that is asked for every call would grow the table without end.
const MAX_QUERIES: usize = 4096;
/// Longest chain of aliases followed; resolvers give up after 8 to 16.
const MAX_ALIASES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, addresses: &[&str], aliases: &[(&str, &str)]) -> dns::Message {
        dns::Message {
            id: 1,
            response: true,
            rcode: 0,
            question: Some((name.into(), 1)),
            addresses: addresses
                .iter()
                .map(|address| {
                    (aliases.last().map_or(name, |(_, to)| to).to_owned(), address.parse().expect("address"), 60)
                })
                .collect(),
            aliases: aliases.iter().map(|(from, to)| ((*from).into(), (*to).into())).collect(),
        }
    }

    #[test]
    fn aliases_are_followed_to_addresses() {
        let mut names = NameTable::default();
        names.add_message(
            Timestamp::default(),
            1,
            &answer("api.example", &["10.0.0.1", "10.0.0.2"], &[("api.example", "lb.example")]),
        );
        assert_eq!(names.addresses("api.example").len(), 2);
        assert_eq!(names.addresses("lb.example").len(), 2);
    }

    #[test]
    fn a_circle_of_aliases_ends() {
        let mut names = NameTable::default();
        names.add_message(
            Timestamp::default(),
            1,
            &answer("a.example", &[], &[("a.example", "b.example"), ("b.example", "a.example")]),
        );
        assert!(names.addresses("a.example").is_empty());
    }

    /// Ids have sixteen bits and come again: who asked gave up after a minute at most.
    #[test]
    fn an_answer_is_to_a_question_of_the_last_minute() {
        let at = |second: i64| Timestamp::from_nanos(second * 1_000_000_000);
        for (second, expected) in [(59, vec![Some(Answer::Addresses)]), (61, vec![None, Some(Answer::Addresses)])] {
            let mut names = NameTable::default();
            let answer = answer("api.example", &["10.0.0.1"], &[]);
            let question = dns::Message { response: false, addresses: vec![], ..answer.clone() };
            names.add_message(at(0), 9, &question);
            names.add_message(at(second), 9, &answer);
            let outcomes: Vec<_> = names.queries("api.example").iter().map(|query| query.outcome).collect();
            assert_eq!(outcomes, expected, "{second} s");
        }
    }

    #[test]
    fn the_hosts_file_wins_over_dns() {
        let mut names = NameTable::default();
        names.add_message(Timestamp::default(), 1, &answer("api.example", &["10.0.0.1"], &[]));
        names.add_hosts([("API.example".into(), IpAddr::from([10, 9, 9, 9]))]);
        assert_eq!(names.addresses("api.example"), BTreeSet::from([IpAddr::from([10, 9, 9, 9])]));
    }

    #[test]
    fn a_question_without_an_answer_is_kept_as_such() {
        let mut names = NameTable::default();
        let question = dns::Message {
            id: 7,
            response: false,
            rcode: 0,
            question: Some(("gone.example".into(), 1)),
            addresses: vec![],
            aliases: vec![],
        };
        names.add_message(Timestamp::default(), 7, &question);
        assert_eq!(names.queries("gone.example")[0].outcome, None);
        names.add_message(Timestamp::default(), 7, &dns::Message { response: true, rcode: 3, ..question });
        assert_eq!(
            names.queries("gone.example"),
            [Query { time: Timestamp::default(), id: 7, outcome: Some(Answer::Error(3)) }]
        );
    }
}
