//! What every command on a hart at a probe takes: which probe, which hart, which form.

use crate::format::Format;
use crate::hart::{ProbeBoardArgs, ProbedHart};

/// The selector in what names a probe here: that alone, or behind the word that `--from` has.
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

/// The probe stands first: for a command that takes nothing else without a name.
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

/// The probe is an option: other words stand first.
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
    /// Opens the probe and looks for the hart.
    pub fn open(&self) -> anyhow::Result<ProbedHart> {
        ProbedHart::open(&self.probe, &self.wiring)
    }
}

impl ProbeOptionArgs {
    /// Opens the probe and looks for the hart.
    pub fn open(&self) -> anyhow::Result<ProbedHart> {
        ProbedHart::open(&self.probe, &self.wiring)
    }
}
