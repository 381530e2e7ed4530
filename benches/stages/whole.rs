//! The main job from files to tables.

use std::{io, path::Path};

use clap::Parser as _;
use divan::Bencher;
use wirecause::{cli::Cli, config::Config, pipeline};

use crate::material::{material, names};

/// `wirecause analyze --tables-only`.
#[divan::bench(args = names())]
fn analyze(bencher: Bencher, name: &str) {
    let of = material(name);
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-whole").join(name);
    let mut args = vec!["wirecause".into(), "analyze".into()];
    args.extend(of.inputs.iter().map(|path| path.clone().into_os_string()));
    args.extend(["--tables-only", "--quiet", "--no-config", "-o"].map(Into::into));
    args.push(output.into_os_string());
    let Ok(Config::Analyze(config)) = Config::try_from(Cli::parse_from(args)) else {
        panic!("no job: {}", of.directory.display())
    };
    bencher
        .counter(of.capture_bytes())
        .counter(of.packets())
        .bench(|| pipeline::analyze(&config, io::sink(), io::sink()).expect("a run without faults"));
}
