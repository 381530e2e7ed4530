//! The tests of the whole: the command as users run it, the documentation against the program, the shape of the source.

mod against_tshark;
mod command;
mod damage;
mod documents;
mod drawn;
mod figures;
mod findings;
mod harness;
mod hostile;
mod incidents;
mod kinds;
mod loopback;
mod msrv;
mod oracle;
mod order;
mod output;
mod properties;
mod scenario;
mod scenario_file;
mod scenario_packets;
mod scenario_tracking;
mod score;
mod tshark;
mod wire_file;
mod zeek;
