//! `pagewalk probe list`: the connected probes.

use model::probe::{Probe, Probes};

use crate::format::Format;

/// List the connected probes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe list
  pagewalk probe list --format json")]
pub struct ProbeListArgs {
    /// Output format
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Prints the list.
pub fn run(args: ProbeListArgs) -> anyhow::Result<()> {
    let found = link::probe::list().into_iter().map(|found| Probe {
        selector: found.selector,
        name: found.name,
        kind: found.kind,
        is_allowed: found.is_allowed,
    });
    let probes = Probes(found.collect());
    args.format.answer(&probes)
}
