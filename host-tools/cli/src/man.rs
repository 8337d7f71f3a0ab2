//! `pagewalk man`: manual pages, one per command, generated from the help texts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;
use view::words::counted;

/// Write the manual pages, one for each command, to a folder
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk man ~/.local/share/man/man1
`just install` does it.")]
pub struct ManArgs {
    /// The folder; it is created if necessary
    folder: PathBuf,
}

/// Writes the pages, and prints their number.
pub fn run(args: ManArgs) -> anyhow::Result<()> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let mut command = crate::command(&Arc::default());
    command.build();
    let pages = write(&command, "", folder)?;
    eprintln!("{}: {}", folder.display(), counted(pages, "page", "pages"));
    Ok(())
}

/// Writes the page of a command and of its subcommands: `pagewalk-image-build.1`.
fn write(command: &Command, above: &str, folder: &Path) -> anyhow::Result<usize> {
    let name = match above {
        "" => command.get_name().to_owned(),
        above => format!("{above}-{}", command.get_name()),
    };
    let mut page = Vec::new();
    // The date is left out, so that a program always has the same pages.
    Man::new(command.clone())
        .title(name.to_uppercase())
        .section("1")
        .date("")
        .source(concat!("pagewalk ", env!("CARGO_PKG_VERSION")))
        .manual("Pagewalk")
        .render(&mut page)?;
    pack::output::write(&folder.join(format!("{name}.1")), &page)?;
    let mut pages = 1;
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            pages += write(below, &name, folder)?;
        }
    }
    Ok(pages)
}
