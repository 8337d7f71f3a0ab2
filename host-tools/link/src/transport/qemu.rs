//! An emulated board, its serial line on pipes.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};

use super::child::{self, Keeper};

const PROGRAM: &str = "qemu-system-riscv64";

/// Starts QEMU's `virt` machine with an Image, as `just run` does. It ends with the keeper.
pub fn start(image: &Path) -> io::Result<(ChildStdout, ChildStdin, Keeper)> {
    if !image.is_file() {
        let missing = format!("{} is not there: run `just build` first", image.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let words = "-M virt -m 128M -smp 1 -nodefaults -display none -serial stdio -kernel";
    let mut arguments: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    arguments.push(image.into());
    child::start(PROGRAM, &arguments).map_err(|error| {
        let hint = format!("{PROGRAM}: {error}; `./setup` installs it");
        io::Error::new(error.kind(), hint)
    })
}
