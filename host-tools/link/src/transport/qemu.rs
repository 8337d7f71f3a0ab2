//! An emulated board, its serial line on pipes.

use std::io;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The running emulator.
pub struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts QEMU's `virt` machine with an Image, as `just run` does.
pub fn start(image: &Path) -> io::Result<(ChildStdout, ChildStdin, Emulator)> {
    if !image.is_file() {
        let missing = format!("{} is not there: run `just build` first", image.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let mut machine = Command::new("qemu-system-riscv64")
        .args(["-M", "virt", "-m", "128M", "-smp", "1", "-nodefaults"])
        .args(["-display", "none", "-serial", "stdio", "-kernel"])
        .arg(image)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let hint = format!("qemu-system-riscv64: {error}; `./setup` installs it");
            io::Error::new(error.kind(), hint)
        })?;
    let halves = machine.stdout.take().zip(machine.stdin.take());
    let (reader, writer) = halves.ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((reader, writer, Emulator(machine)))
}
