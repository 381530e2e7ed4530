//! `wirecause-maker --seed N --out DIR [--profile immediate|batched|cut96|mixed] [--vary NAME]`; names are those of [`Variation::named`].

use std::path::PathBuf;
use std::process::ExitCode;
use wirecause_maker::{Profile, Variation, draw_varied, truth};

fn run() -> Result<(), String> {
    let (mut seed, mut out, mut profile) = (1u64, None::<PathBuf>, Profile::Mixed);
    let mut variation = Variation::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        match arg.as_str() {
            "--seed" => seed = value.parse().map_err(|e| format!("--seed {value}: {e}"))?,
            "--out" => out = Some(value.into()),
            "--vary" => variation = Variation::named(&value).ok_or(format!("unknown variation {value}"))?,
            "--profile" => {
                profile = match value.to_ascii_lowercase().as_str() {
                    "immediate" => Profile::Immediate,
                    "batched" => Profile::Batched,
                    "cut96" => Profile::Cut96,
                    "mixed" => Profile::Mixed,
                    _ => return Err(format!("unknown profile {value}")),
                }
            }
            _ => return Err(format!("unknown option {arg}")),
        }
    }
    let out = out.ok_or("--out DIR is missing")?;
    let incident = draw_varied(seed, profile, &variation);
    let put = |name: &str, bytes: &[u8]| {
        std::fs::write(out.join(name), bytes).map_err(|e| format!("{}: {e}", out.join(name).display()))
    };
    std::fs::create_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    put("gateway.pcap", &incident.capture)?;
    put("ssg_0_0.log", incident.log.as_bytes())?;
    put("hosts", incident.hosts.as_bytes())?;
    put("truth.csv", truth::csv(&incident.truth).as_bytes())?;
    put("parameters.txt", incident.parameters.as_bytes())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("wirecause-maker: {e}");
            ExitCode::from(2)
        }
    }
}
