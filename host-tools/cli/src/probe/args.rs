//! What every command on a hart at a probe takes: which probe, which hart, which form.

use crate::format::Format;
use crate::hart::{ProbeBoardArgs, ProbedHart};

/// The probe stands first: for a command that takes nothing else without a name.
#[derive(clap::Args)]
pub struct ProbeFirstArgs {
    /// The probe: VENDOR:PRODUCT, VENDOR:PRODUCT:SERIAL, bitbang://HOST:PORT; else the only one
    #[arg(default_value = "", hide_default_value = true)]
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
    /// The probe: VENDOR:PRODUCT, VENDOR:PRODUCT:SERIAL, bitbang://HOST:PORT; else the only one
    #[arg(
        long,
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
