//! U-Boot, played: the distro boot of a card, from its partition table to the jump into the Image.
//!
//! ```text
//! part list -bootable --> extlinux/extlinux.conf --> KERNEL, FDT --> booti --> Image at its offset, tree on top
//! ```
//!
//! Source: U-Boot 2023.04 with the openbouffalo project's patches: include/config_distro_bootcmd.h,
//! boot/pxe_utils.c, cmd/booti.c, arch/riscv/lib/image.c. It says what U-Boot says.

mod disk;
mod menu;
mod tree;

use std::fs::File;
use std::path::Path;

use boards::Board;
use thiserror::Error;

use crate::hart::C906;
use crate::machine::StrictMachine;
use disk::{CardFiles, CardPartition};
use menu::{Label, Menu};

/// Why a card does not boot: what U-Boot has said, and the rule behind it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{why}")]
pub struct BootError {
    /// The rule that the card breaks last.
    pub why: String,
    pub said: Vec<String>,
}

/// A kernel in memory, about to be entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booted {
    pub entry: u64,
    pub tree: u64,
    pub said: Vec<String>,
}

/// Below it U-Boot puts the tree: its own code, stack and heap lie above. An Ox64 of 64 MiB says 0x53f22000.
const BELOW_TOP: u64 = 0xd_a000;
const MAGIC: u32 = 0x0543_5352;

struct Loader<'a> {
    machine: &'a mut StrictMachine,
    board: &'a Board,
    /// Instead of the label's own.
    arguments: Option<&'a str>,
    said: Vec<String>,
}

/// Boots the card in `path`; `arguments` stand in the place of the label's `APPEND`.
///
/// # Errors
///
/// Which of U-Boot's rules the card breaks.
pub fn boot(
    machine: &mut StrictMachine,
    board: &Board,
    card: &File,
    path: &Path,
    arguments: Option<&str>,
) -> Result<Booted, BootError> {
    let mut loader = Loader {
        machine,
        board,
        arguments,
        said: Vec::new(),
    };
    let result = loader.distro_boot(card, path);
    let said = loader.said;
    match result {
        Ok((entry, tree)) => Ok(Booted { entry, tree, said }),
        Err(why) => Err(BootError { why, said }),
    }
}

/// The entry and the tree.
type Started = (u64, u64);

impl Loader<'_> {
    fn say(&mut self, line: impl Into<String>) {
        self.said.push(line.into());
    }

    fn distro_boot(&mut self, card: &File, path: &Path) -> Result<Started, String> {
        let partitions = disk::bootable(card).map_err(|what| format!("the card {what}"))?;
        let mut why = String::new();
        for partition in &partitions {
            match self.boot_partition(card, path, partition) {
                Ok(started) => return Ok(started),
                Err(found) => why = found,
            }
        }
        Err(why)
    }

    fn boot_partition(
        &mut self,
        card: &File,
        path: &Path,
        partition: &CardPartition,
    ) -> Result<Started, String> {
        let number = partition.number;
        let files = CardFiles::open(card, path, partition).ok_or_else(|| {
            format!("partition {number} is not a FAT that this loader reads: FAT16 or FAT32, whole")
        })?;
        let mut why = format!(
            "partition {number} holds no /extlinux/extlinux.conf and no /boot/extlinux/extlinux.conf"
        );
        for folder in ["/extlinux/", "/boot/extlinux/"] {
            let conf = format!("{folder}extlinux.conf");
            if !files.has(&conf) {
                continue;
            }
            self.say(format!("Found {conf}"));
            match self.boot_menu(&files, folder, &conf) {
                Ok(started) => return Ok(started),
                Err(found) => why = found,
            }
        }
        Err(why)
    }

    fn boot_menu(
        &mut self,
        files: &CardFiles,
        folder: &str,
        conf: &str,
    ) -> Result<Started, String> {
        self.say(format!("Retrieving file: {conf}"));
        let text = files
            .read(conf)
            .ok_or_else(|| format!("{conf} cannot be read"))?;
        // As in C, it ends at the first zero.
        let end = text.iter().position(|&byte| byte == 0);
        let text = String::from_utf8_lossy(&text[..end.unwrap_or(text.len())]).into_owned();
        let read = Menu::read(&text);
        let (Ok(Menu { ignored, .. }) | Err(ignored)) = &read;
        for line in ignored {
            self.say(format!("Ignoring unknown command: {line}"));
        }
        let Ok(menu) = read else {
            self.say("Error parsing config file");
            return Err(format!("{conf}: a keyword stands without its value"));
        };
        let mut why = format!("{conf} has no LABEL");
        for label in menu.order() {
            match self.boot_label(files, folder, label) {
                Ok(started) => return Ok(started),
                Err(found) => why = found,
            }
        }
        Err(why)
    }

    fn boot_label(
        &mut self,
        files: &CardFiles,
        folder: &str,
        label: &Label,
    ) -> Result<Started, String> {
        let name = &label.name;
        if label.localboot {
            return Err(format!(
                "label `{name}`: LOCALBOOT, and there is no localcmd"
            ));
        }
        let Some(kernel) = &label.kernel else {
            self.say(format!("No kernel given, skipping {name}"));
            return Err(format!("label `{name}` has no KERNEL line"));
        };
        let load = self.board.boot.load_address;
        let Some(size) = self.retrieve(files, folder, kernel, load) else {
            self.say(format!("Skipping {name} for failure retrieving kernel"));
            return Err(format!("label `{name}`: KERNEL {kernel} cannot be loaded"));
        };
        if label.initrd.is_some() {
            self.say(format!("Skipping {name} for failure retrieving initrd"));
            return Err(format!(
                "label `{name}`: an INITRD, and this U-Boot has no ramdisk_addr_r"
            ));
        }
        let tree = self.load_tree(files, folder, label)?;
        let arguments = self.arguments.map(str::to_owned);
        let arguments = arguments.or_else(|| label.append.clone());
        if let Some(arguments) = &arguments {
            self.say(format!("append: {arguments}"));
        }
        self.booti(load, size, tree, arguments.as_deref())
    }

    fn load_tree(&mut self, files: &CardFiles, folder: &str, label: &Label) -> Result<u64, String> {
        let name = &label.name;
        let Some(at) = self.board.boot.dtb_address else {
            return Err(format!("{} has no fdt_addr_r", self.board.title));
        };
        match label.fdt.as_deref() {
            Some("-") | None => Err(format!(
                "label `{name}` has no FDT line: U-Boot would hand on its own tree, which is not on the card"
            )),
            Some(fdt) => match self.retrieve(files, folder, fdt, at) {
                Some(_) => Ok(at),
                None => {
                    self.say(format!("Skipping {name} for failure retrieving FDT"));
                    Err(format!("label `{name}`: FDT {fdt} cannot be loaded"))
                }
            },
        }
    }

    /// Loads a file, whose path may begin at the folder of extlinux.conf; answers its size.
    fn retrieve(&mut self, files: &CardFiles, folder: &str, path: &str, at: u64) -> Option<usize> {
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{folder}{path}")
        };
        if path.len() > 512 {
            self.say("Base path too long");
            return None;
        }
        self.say(format!("Retrieving file: {path}"));
        let bytes = files.read(&path)?;
        let place = self.machine.ram.offset(at, bytes.len());
        // lmb: what reaches into U-Boot itself, at the end of RAM, is not loaded.
        let limit = self.tree_limit();
        let Some(place) = place.filter(|_| at + bytes.len() as u64 <= limit) else {
            self.say("** Reading file would overwrite reserved memory **");
            return None;
        };
        self.machine.ram.load(place, &bytes)?;
        Some(bytes.len())
    }

    fn tree_limit(&self) -> u64 {
        self.board.ram.base + self.board.ram.size - BELOW_TOP
    }

    fn word(&self, at: u64) -> u64 {
        let place = self.machine.ram.offset(at, 8);
        let bytes = place.and_then(|place| self.machine.ram.get::<8>(place));
        bytes.map_or(0, u64::from_le_bytes)
    }

    /// cmd/booti.c: the header's checks, the move, the tree's.
    fn booti(
        &mut self,
        load: u64,
        file_size: usize,
        tree: u64,
        arguments: Option<&str>,
    ) -> Result<Started, String> {
        let first = self.word(load) as u16;
        if let Some(kind) = compression(first) {
            self.say("kernel_comp_addr_r or kernel_comp_size is not provided!");
            return Err(format!(
                "the Image is compressed ({kind}), and this U-Boot has no room to unpack it"
            ));
        }
        if self.word(load + 0x38) as u32 != MAGIC {
            self.say("Bad Linux RISCV Image magic!");
            return Err("the Image has no RISC-V magic (RSC\\x05) at 0x38".to_owned());
        }
        let image_size = self.word(load + 0x10);
        if image_size == 0 {
            self.say("Image lacks image_size field, error!");
            return Err("the Image's header says image_size 0".to_owned());
        }
        let entry = self.board.ram.base.wrapping_add(self.word(load + 8));
        if entry != load {
            let end = entry.wrapping_add(image_size);
            self.say(format!(
                "Moving Image from {load:#x} to {entry:#x}, end={end:x}"
            ));
            self.move_image(load, entry, image_size)?;
        }
        if (file_size as u64) > image_size && entry != load {
            self.say("note: what lies behind image_size in the file was not moved");
        }
        let extent = u64::from(self.tree_extent(tree).unwrap_or(0));
        if extent == 0 {
            self.say("ERROR: Did not find a cmdline Flattened Device Tree");
            return Err("the FDT is not a flattened device tree".to_owned());
        }
        let end = entry.saturating_add(image_size);
        let overlaps = |at: u64| (entry..end).contains(&at);
        if overlaps(tree) || overlaps(tree + extent) {
            self.say(format!(
                "ERROR: FDT image overlaps OS image (OS={entry:#x}..{end:#x})"
            ));
            return Err(format!(
                "the Image's image_size reaches over the FDT at {tree:#x}"
            ));
        }
        self.say(format!("## Flattened Device Tree blob at {tree:08x}"));
        let tree = self.relocate_tree(tree, extent as usize, end, arguments)?;
        self.say("Starting kernel ...");
        self.machine.hart = C906::new(entry, 0, tree);
        Ok((entry, tree))
    }

    fn move_image(&mut self, from: u64, to: u64, bytes: u64) -> Result<(), String> {
        let wrong = || {
            format!(
                "the Image's text_offset and image_size ({to:#x}, {bytes:#x}) leave RAM: U-Boot would crash"
            )
        };
        let size = usize::try_from(bytes).map_err(|_| wrong())?;
        let (from, to) = self
            .machine
            .ram
            .offset(from, size)
            .zip(self.machine.ram.offset(to, size))
            .ok_or_else(wrong)?;
        let image = self.machine.ram.bytes(from, size).map(<[u8]>::to_vec);
        self.machine.ram.load(to, &image.unwrap_or_default());
        Ok(())
    }

    /// `totalsize` of a tree, if it begins as one.
    fn tree_extent(&self, at: u64) -> Option<u32> {
        let head = self.word(at).to_le_bytes();
        let word = |at: usize| head[at..].first_chunk().map(|it| u32::from_be_bytes(*it));
        word(4).filter(|_| word(0) == Some(0xd00d_feed))
    }

    fn relocate_tree(
        &mut self,
        tree: u64,
        extent: usize,
        image_end: u64,
        arguments: Option<&str>,
    ) -> Result<u64, String> {
        let place = self.machine.ram.offset(tree, extent);
        let bytes = place.and_then(|place| self.machine.ram.bytes(place, extent));
        let changed = bytes.and_then(|bytes| tree::hand_on(bytes, arguments));
        let Some(changed) = changed else {
            self.say("ERROR: image is not a fdt - must RESET the board to recover.");
            return Err("the FDT is damaged".to_owned());
        };
        let to = (self.tree_limit() - changed.len() as u64) & !0xfff;
        if to < image_end {
            self.say("ERROR: Failed to allocate 0x3000 bytes below 0xffffffff.");
            return Err(format!(
                "the Image's image_size leaves no room for the tree: it ends at {image_end:#x}"
            ));
        }
        let end = to + changed.len() as u64 - 1;
        self.say(format!(
            "   Loading Device Tree to {to:016x}, end {end:016x} ... OK"
        ));
        let place = self.machine.ram.offset(to, changed.len());
        place.and_then(|place| self.machine.ram.load(place, &changed));
        Ok(to)
    }
}

/// `image_decomp_type`: what the first two bytes say.
fn compression(first: u16) -> Option<&'static str> {
    Some(match first.to_be_bytes() {
        [0x1f, 0x8b] => "gzip",
        [0x42, 0x5a] => "bzip2",
        [0x5d, 0x00] => "lzma",
        [0x89, 0x4c] => "lzo",
        [0x04, 0x22] => "lz4",
        [0x28, 0xb5] => "zstd",
        _ => return None,
    })
}
