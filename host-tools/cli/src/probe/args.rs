//! Options of every command on a hart at a probe: probe, hart, output format.

use crate::format::Format;
use crate::hart::{ProbeBoardArgs, ProbedHart};

/// Parses a selector, with or without the prefix of `--from`.
fn selector(text: &str) -> Result<String, String> {
    match text.strip_prefix("probe") {
        Some("") => Ok(String::new()),
        Some(":") => Err(format!(
            "`{text}` names no probe: `probe` is the only one, `probe:0403:6010` one of several"
        )),
        Some(rest) => Ok(rest.strip_prefix(':').unwrap_or(text).to_owned()),
        None => Ok(text.to_owned()),
    }
}

/// The probe as first argument, for commands without other positional arguments.
#[derive(clap::Args)]
pub struct ProbeFirstArgs {
    /// The probe, as --from names it: probe for the only one, probe:SELECTOR, or SELECTOR alone,
    /// which is VENDOR:PRODUCT, VENDOR:PRODUCT:SERIAL or bitbang://HOST:PORT
    #[arg(default_value = "", hide_default_value = true, value_parser = selector)]
    probe: String,
    #[command(flatten)]
    pub wiring: ProbeBoardArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// The probe as option, for commands with other positional arguments.
#[derive(clap::Args)]
pub struct ProbeOptionArgs {
    /// The probe, as --from names it: probe for the only one, probe:SELECTOR, or SELECTOR alone,
    /// which is VENDOR:PRODUCT, VENDOR:PRODUCT:SERIAL or bitbang://HOST:PORT
    #[arg(
        long,
        value_parser = selector,
        value_name = "PROBE",
        default_value = "",
        hide_default_value = true
    )]
    probe: String,
    #[command(flatten)]
    wiring: ProbeBoardArgs,
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

impl ProbeFirstArgs {
    /// Opens the probe and finds the hart.
    pub fn open(&self) -> anyhow::Result<ProbedHart> {
        ProbedHart::open(&self.probe, &self.wiring)
    }
}

impl ProbeOptionArgs {
    /// Opens the probe and finds the hart.
    pub fn open(&self) -> anyhow::Result<ProbedHart> {
        ProbedHart::open(&self.probe, &self.wiring)
    }
}
