//! `pagewalk image`: make, look into and change bootable images.

mod build;
mod glue;
mod inspect;
mod swap;

/// Make, look into and change bootable images
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk image glue kernel --initrd initrd.romfs -o Image
  pagewalk image build images/ox64-sd.toml -o ox64-sd.img
  pagewalk image inspect ox64-sd.img --board ox64
  pagewalk image swap-kernel Image ox64-sd.img")]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    Build(build::Args),
    Glue(glue::Args),
    Inspect(inspect::Args),
    SwapKernel(swap::Args),
}

/// Carries the verb out.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.verb {
        Verb::Build(args) => build::run(args),
        Verb::Glue(args) => glue::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::SwapKernel(args) => swap::run(args),
    }
}
