//! The `wirecause` command: parse, run, print the chain of errors, exit.

mod interrupt;

use std::{
    error::Error,
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use wirecause::{
    cli::Cli,
    config::Config,
    pipeline::{self, Outcome},
    report::paint::Paint,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::WithFaults) => ExitCode::from(1),
        Err(error) => {
            report(&*error);
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<Outcome, Box<dyn Error>> {
    let coloured = cli.color.wanted(io::stdout().is_terminal(), std::env::var_os("NO_COLOR").as_deref());
    let paint = if coloured { Paint::Coloured } else { Paint::Plain };
    let config = Config::try_from(cli)?;
    interrupt::watch()?;
    if config.is_binary() && io::stdout().is_terminal() {
        return Err("Parquet is not for a terminal: redirect standard output to a file or a pipe".into());
    }
    // Standard error is not locked: a thread that panics writes to it.
    let (out, messages) = (io::stdout(), io::stderr());
    let done = match &config {
        Config::Analyze(config) => pipeline::analyze(config, out, messages),
        Config::Inspect(config) => pipeline::inspect(config, out, messages),
        Config::Errors(config) => pipeline::errors(config, out, messages),
        Config::Connections(config) => pipeline::connections(config, out, messages),
        Config::Explain(config) => pipeline::explain(config, paint, out),
        Config::Print(text) => pipeline::print(text, out),
    };
    match done {
        // Whoever read our output has seen enough.
        Err(error) if error.is_broken_pipe() => Ok(Outcome::Complete),
        done => Ok(done?),
    }
}

fn report(error: &dyn Error) {
    let mut text = format!("wirecause: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    // Nothing is left to do where even standard error is closed.
    let _ = writeln!(io::stderr(), "{}", wirecause::report::printable::printable(&text));
}
