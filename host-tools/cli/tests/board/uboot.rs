//! Debian's U-Boot for S-mode, stopped before it boots anything by itself.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use super::qemu::{Board, Qemu};

/// Where Debian's package `u-boot-qemu` puts it.
const BINARY: &str = "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin";

/// What U-Boot says when it waits for a line.
pub const PROMPT: &str = "=> ";

/// Keys that stop the countdown; blanks do nothing else.
const KEYS: &[u8] = b"   ";

/// A machine that stands at U-Boot's prompt.
pub struct UBoot {
    board: Board,
}

impl UBoot {
    /// Starts U-Boot on `machine` with `disk` as its virtio disk.
    ///
    /// Its load addresses lie beyond 128 MiB, so the machine gets 256.
    #[track_caller]
    pub fn start(disk: &Path) -> Self {
        Self::with_disks(&[disk])
    }

    /// The same with several disks, at most eight; U-Boot numbers them in an order of its own.
    #[track_caller]
    pub fn with_disks(disks: &[&Path]) -> Self {
        let binary = Path::new(BINARY);
        assert!(
            binary.is_file(),
            "{BINARY} is missing: run `./setup --tests`"
        );
        let qemu = Qemu::with_kernel(binary).memory("256M");
        let qemu = disks.iter().fold(qemu, |qemu, disk| qemu.disk(disk));
        let mut board = qemu.start();
        // Not earlier: what arrives before the driver has reset the UART is lost, and the
        // emulator then forgets to look for more until the guest reads.
        board.expect("Hit any key");
        board.send(KEYS);
        board.expect(PROMPT);
        let mut uboot = Self { board };
        uboot.ask("virtio scan");
        uboot
    }

    /// Gives a command and returns its answer, the prompt being back.
    #[track_caller]
    pub fn ask(&mut self, command: &str) -> String {
        self.board.ask(command, PROMPT)
    }

    /// The machine, once something else than U-Boot answers on its line.
    pub fn into_board(self) -> Board {
        self.board
    }
}

impl Deref for UBoot {
    type Target = Board;
    fn deref(&self) -> &Board {
        &self.board
    }
}

impl DerefMut for UBoot {
    fn deref_mut(&mut self) -> &mut Board {
        &mut self.board
    }
}
