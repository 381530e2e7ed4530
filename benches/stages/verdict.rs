//! From failed calls and connections to verdicts. Items are failed calls; healthy traffic has none.

use divan::{Bencher, counter::ItemsCount};
use wirecause::{
    attribute::{Population, attribute, coverage::Covered, decide::Background},
    join::{self, JoinConfig, NameTable},
    read::KeptCall,
    track::Finished,
};
use wirecause_parsers::{packet::Decoded, payload::dns};

use crate::{
    log::scan_of,
    material::{Material, material, names},
    support,
};

/// Joins calls and connections.
#[divan::bench(args = with_calls())]
fn join(bencher: Bencher, name: &str) {
    let read = Read::of(material(name));
    let calls: Vec<&KeptCall> = read.calls.iter().collect();
    let join = || join::join(&calls, &read.connections, &read.names, &JoinConfig::default());
    bencher.counter(ItemsCount::new(calls.len())).bench(join);
}

/// Learns from all connections, and judges every joined call.
#[divan::bench(args = with_calls())]
fn attribution(bencher: Bencher, name: &str) {
    let read = Read::of(material(name));
    let calls: Vec<&KeptCall> = read.calls.iter().collect();
    let joined = join::join(&calls, &read.connections, &read.names, &JoinConfig::default());
    bencher.counter(ItemsCount::new(calls.len())).bench(|| {
        let population = Population::new(&read.connections, Covered::default());
        attribute(&Background {
            calls: &calls,
            connections: &read.connections,
            joined: &joined,
            names: &read.names,
            population: &population,
        })
    });
}

fn with_calls() -> Vec<&'static str> {
    names().into_iter().filter(|name| *name != "calm").collect()
}

struct Read {
    calls: Vec<KeptCall>,
    connections: Vec<Finished>,
    names: NameTable,
}

impl Read {
    fn of(material: &Material) -> Self {
        let mut names = NameTable::default();
        material.capture.decode(|frame, decoded| {
            if let Decoded::Dns(datagram) = decoded
                && let Ok(message) = dns::message(datagram.payload)
            {
                names.add_message(frame.time, message.id, &message);
            }
        });
        let connections = support::track(&material.capture.found());
        let calls = scan_of(&material.log).calls.into_iter().map(KeptCall::from).collect();
        Self { calls, connections, names }
    }
}
