//! `pagewalk image`: builds, inspects and changes bootable images.

mod build;
mod glue;
mod inspect;
mod swap;

/// Build, inspect and change bootable images
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk image glue kernel --initrd initrd.romfs -o Image
  pagewalk image build images/ox64-sd.toml -o ox64-sd.img
  pagewalk image inspect ox64-sd.img --board ox64
  pagewalk image swap-kernel Image ox64-sd.img")]
pub struct ImageArgs {
    #[command(subcommand)]
    verb: ImageVerb,
}

#[derive(clap::Subcommand)]
enum ImageVerb {
    Build(build::ImageBuildArgs),
    Glue(glue::ImageGlueArgs),
    Inspect(inspect::ImageInspectArgs),
    SwapKernel(swap::ImageSwapArgs),
}

/// Runs the chosen subcommand.
pub fn run(args: ImageArgs) -> anyhow::Result<()> {
    match args.verb {
        ImageVerb::Build(args) => build::run(args),
        ImageVerb::Glue(args) => glue::run(args),
        ImageVerb::Inspect(args) => inspect::run(args),
        ImageVerb::SwapKernel(args) => swap::run(args),
    }
}
