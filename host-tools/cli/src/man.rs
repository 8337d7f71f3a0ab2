//! `pagewalk man`: the manual pages, one for each command, made from the same words as its help.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;
use view::words::counted;

/// Write the manual pages, one for each command, into a folder
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  pagewalk man ~/.local/share/man/man1
`just install` does it.")]
pub struct ManArgs {
    /// The folder; it is made if it is not there
    folder: PathBuf,
}

/// Writes them, and says how many.
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

/// The page of a command and those of the commands below it: `pagewalk-image-build.1`.
fn write(command: &Command, above: &str, folder: &Path) -> anyhow::Result<usize> {
    let name = match above {
        "" => command.get_name().to_owned(),
        above => format!("{above}-{}", command.get_name()),
    };
    let mut page = Vec::new();
    // The date is left out: the same program has the same pages.
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
