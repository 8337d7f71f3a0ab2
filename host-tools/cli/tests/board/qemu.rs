//! A QEMU `virt` machine: which one, and started.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::console::BoardConsole;
use super::inputs::built;

/// What the shell on the board says when it waits for a line.
pub const PROMPT: &str = "pw> ";

/// A machine to be started; the defaults are those of `just run`.
#[derive(Clone)]
pub struct Qemu {
    bits: u32,
    cpu: String,
    memory: String,
    kernel: Option<PathBuf>,
    append: String,
    drives: Vec<PathBuf>,
    counting: bool,
    harts: u32,
    traps: Option<PathBuf>,
}

impl Qemu {
    /// The default machine with the built Image as its kernel.
    #[track_caller]
    pub fn with_image() -> Self {
        Self::with_kernel(&built("images/Image"))
    }

    /// The machine of 32 bits with the Image of 32 bits as its kernel.
    #[track_caller]
    pub fn with_image_of_32_bits() -> Self {
        Self {
            bits: 32,
            cpu: "rv32".into(),
            ..Self::with_kernel(&built("images/rv32/Image"))
        }
    }

    /// Both machines, each with its Image: what must hold on Sv39 must hold on Sv32.
    pub fn of_each_width() -> [Self; 2] {
        [Self::with_image(), Self::with_image_of_32_bits()]
    }

    /// The default machine with this file started by OpenSBI.
    pub fn with_kernel(kernel: &Path) -> Self {
        Self {
            kernel: Some(kernel.to_owned()),
            ..Self::bare()
        }
    }

    /// The default machine with firmware only.
    pub fn bare() -> Self {
        Self {
            bits: 64,
            cpu: "rv64".into(),
            memory: "128M".into(),
            kernel: None,
            append: String::new(),
            drives: Vec::new(),
            counting: false,
            harts: 1,
            traps: None,
        }
    }

    /// `-cpu`.
    pub fn cpu(mut self, cpu: &str) -> Self {
        self.cpu = cpu.into();
        self
    }

    /// `-m`.
    pub fn memory(mut self, memory: &str) -> Self {
        self.memory = memory.into();
        self
    }

    /// `-append`: the kernel's command line.
    pub fn append(mut self, words: &str) -> Self {
        self.append = words.into();
        self
    }

    /// One more virtio disk, holding this raw image, which the machine cannot change.
    pub fn disk(mut self, image: &Path) -> Self {
        self.drives.push(image.to_owned());
        self
    }

    /// `-smp`: so many harts.
    pub fn harts(mut self, harts: u32) -> Self {
        self.harts = harts;
        self
    }

    /// `-d int`: each trap is a line in this file.
    pub fn traps_into(mut self, log: &Path) -> Self {
        self.traps = Some(log.to_owned());
        self
    }

    /// One instruction is one nanosecond of guest time: counts are then exact.
    pub fn counting(mut self) -> Self {
        self.counting = true;
        self
    }

    /// Powers the machine on.
    pub fn start(&self) -> Board {
        Board {
            console: BoardConsole::start(&mut self.command()),
        }
    }

    /// Powers the machine on and waits for the shell's prompt.
    #[track_caller]
    pub fn boot(&self) -> Board {
        let mut board = self.start();
        board.expect(PROMPT);
        board
    }

    fn command(&self) -> Command {
        let mut qemu = Command::new(format!("qemu-system-riscv{}", self.bits));
        qemu.args([
            "-M",
            "virt",
            "-nodefaults",
            "-display",
            "none",
            "-no-reboot",
        ])
        .args(["-serial", "stdio"])
        .args(["-cpu", &self.cpu, "-m", &self.memory])
        .args(["-smp", &self.harts.to_string()]);
        if let Some(kernel) = &self.kernel {
            qemu.arg("-kernel").arg(kernel);
        }
        if !self.append.is_empty() {
            qemu.args(["-append", &self.append]);
        }
        for (number, image) in self.drives.iter().enumerate() {
            // The image stays as it was packed: what the guest writes goes to a scratch file.
            let image = image
                .to_str()
                .expect("paths of the build are UTF-8")
                .replace(',', ",,");
            qemu.arg("-drive").arg(format!(
                "file={image},format=raw,if=none,id=disk{number},snapshot=on"
            ));
            qemu.arg("-device")
                .arg(format!("virtio-blk-device,drive=disk{number}"));
        }
        if let Some(log) = &self.traps {
            qemu.args(["-d", "int", "-D"]).arg(log);
        }
        if self.counting {
            // Not `sleep=off`: an idle machine would jump to its last timer, which is at the end of time.
            qemu.args(["-icount", "shift=0"]);
        }
        qemu
    }
}

/// A running machine and its serial line.
pub struct Board {
    console: BoardConsole,
}

impl Board {
    /// Gives the shell a command and returns its answer, the prompt being back.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> String {
        self.console.ask(command, PROMPT).replace('\r', "")
    }
}

impl Deref for Board {
    type Target = BoardConsole;
    fn deref(&self) -> &BoardConsole {
        &self.console
    }
}

impl DerefMut for Board {
    fn deref_mut(&mut self) -> &mut BoardConsole {
        &mut self.console
    }
}
