//! Ctrl-C and `kill`: the process ends at once, and leaves nothing half-written.

use std::{
    io::{self, IsTerminal as _, Write as _},
    process, thread,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use wirecause::report::output;

/// Watches for signals in a thread of its own. A hang-up is left alone: `nohup` asks for that.
pub(crate) fn watch() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _held = output::abandon();
            // What shows progress stands on this line.
            let line = if io::stderr().is_terminal() { "\n" } else { "" };
            let _ = writeln!(io::stderr(), "{line}wirecause: interrupted");
            process::exit(BY_SIGNAL + signal);
        }
    })?;
    Ok(())
}

/// A process that a signal ended has this and the signal's number as its exit status, as shells tell it.
const BY_SIGNAL: i32 = 128;
