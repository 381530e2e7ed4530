//! The tests of the whole: the command as users run it, the documentation against the program, the shape of the source.

mod command;
mod documents;
mod drawn;
mod evidence;
mod explain;
mod figures;
mod findings;
mod formats;
mod harness;
mod incidents;
mod kinds;
mod order;
mod page;
mod scenario;
mod scenario_file;
mod scenario_packets;
mod scenario_tracking;
mod score;
mod settings;
mod zeek;
