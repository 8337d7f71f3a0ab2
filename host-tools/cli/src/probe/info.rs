//! `pagewalk probe info`: the chain behind a probe.

use link::probe::AccessMethod;
use model::probe::Wired;

use super::args::ProbeFirstArgs;

/// Show what is behind a probe: the chain, the debug module, the hart.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk probe info
  pagewalk probe info 0403:6010 --speed 1000
  pagewalk probe info bitbang://localhost:9824 --format json")]
pub struct ProbeInfoArgs {
    #[command(flatten)]
    hart: ProbeFirstArgs,
}

/// Prints the facts.
pub fn run(args: ProbeInfoArgs) -> anyhow::Result<()> {
    let mut hart = args.hart.open()?;
    let info = hart.target()?.info()?;
    let offers = info.offers;
    let widths = (0..5).filter(|bit| offers.bus_widths >> bit & 1 == 1);
    let answer = Wired {
        probe: info.probe,
        idcodes: info.chain.idcodes,
        ir_bits: info.chain.ir_bits,
        port: info.chain.port,
        board: hart.board(),
        version: offers.version,
        abits: info.abits,
        idle: info.idle,
        program_words: offers.program_words,
        has_implicit_ebreak: offers.has_implicit_ebreak,
        data_words: offers.data_words,
        bus_bits: widths.map(|bit| 8 << bit).collect(),
        ways: info.methods.into_iter().map(AccessMethod::name).collect(),
        is_bus_doubtful: info.is_bus_doubtful,
        harts: offers.harts,
        hart: args.hart.wiring.number(),
        is_halted: info.was_halted,
        xlen: info.xlen,
        vendor: info.vendor,
    };
    hart.close()?;
    let format = args.hart.format;
    format.answer(&answer)
}
