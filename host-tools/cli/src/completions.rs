//! `pagewalk completions`: completion scripts for shells.

use std::sync::Arc;

use clap_complete::Shell;

use crate::output;
use crate::settings::Settings;

/// Print the completion script for a shell.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk completions bash > ~/.local/share/bash-completion/completions/pagewalk")]
pub struct CompletionsArgs {
    /// The shell to write for
    shell: Shell,
}

/// Prints the script to stdout.
pub fn run(args: CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    // The user's own boards are included.
    let settings = Settings::read(std::iter::empty())?;
    let mut command = crate::command(&Arc::new(settings));
    clap_complete::generate(args.shell, &mut command, "pagewalk", &mut script);
    output::answer(|out| Ok(out.write_all(&script)?))
}
