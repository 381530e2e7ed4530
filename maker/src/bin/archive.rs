//! `wirecause-archive --incident DIR [--calm DIR] (--preset realistic|dense [--scale X] | --copies N [--calm-copies N]) --out DIR [--files N]`

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use wirecause_maker::archive::{Copies, Made, Preset, Source, make};

fn run() -> Result<Made, String> {
    let (mut incident, mut calm, mut out) = (None::<PathBuf>, None::<PathBuf>, None::<PathBuf>);
    let (mut preset, mut scale, mut files) = (None, 1.0, 1);
    let mut copies = Copies { incident: 1, calm: 0 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        match arg.as_str() {
            "--incident" => incident = Some(value.into()),
            "--calm" => calm = Some(value.into()),
            "--out" => out = Some(value.into()),
            "--copies" => copies.incident = number(&arg, &value)?,
            "--calm-copies" => copies.calm = number(&arg, &value)?,
            "--scale" => scale = number(&arg, &value)?,
            "--files" => files = number(&arg, &value)?,
            "--preset" => {
                preset = Some(match value.as_str() {
                    "realistic" => Preset::Realistic,
                    "dense" => Preset::Dense,
                    _ => return Err(format!("unknown preset {value}")),
                });
            }
            _ => return Err(format!("unknown option {arg}")),
        }
    }
    if let Some(preset) = preset {
        copies = preset.copies(scale);
    }
    let incident = Source::read(&incident.ok_or("--incident DIR is missing")?)?;
    let calm = calm.as_deref().map(Source::read).transpose()?;
    make(copies, &incident, calm.as_ref(), files, &out.ok_or("--out DIR is missing")?)
}

fn number<T: FromStr<Err: std::fmt::Display>>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|e| format!("{option} {value}: {e}"))
}

fn main() -> ExitCode {
    match run() {
        Ok(made) => {
            let Made { copies, files, frames, capture_bytes, log_lines, log_bytes } = made;
            println!(
                "{copies} copies: {frames} frames, {capture_bytes} bytes in {files} captures, {log_lines} lines, {log_bytes} bytes of log"
            );
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("wirecause-archive: {e}");
            ExitCode::from(2)
        }
    }
}
