//! Facts about the machine: its memory, its hart.

use std::path::Path;

use boards::Board;
use link::device_tree::DeviceTree;
use link::memory::{PhysRange, PhysRangeError};
use model::space::{AreaOf, Bounds, NamedArea};
use pagetable::Dialect;

use crate::board_file::{board, dialect};

/// Facts about the machine from the command line.
#[derive(clap::Args, Clone)]
pub struct MachineArgs {
    /// RAM of the machine, as 0x80000000+128M; may be repeated. On a running machine only RAM is read
    #[arg(long, value_name = "START+SIZE", value_parser = span)]
    ram: Vec<PhysRange>,
    /// The board: its RAM, its encoding of memory types, what its hart rejects
    #[arg(long, value_name = "NAME|FILE", value_parser = board)]
    pub board: Option<Board>,
    /// The flattened device tree: its nodes name physical addresses. QEMU writes one with -M dumpdtb=FILE, Linux
    /// has its own in /sys/firmware/fdt
    #[arg(long, value_name = "FILE", value_parser = tree)]
    pub dtb: Option<DeviceTree>,
    /// Address at which the target's kernel maps physical address 0: for a stub that reads virtual addresses
    /// only
    #[arg(long, value_name = "ADDR", value_parser = super::number)]
    pub linear: Option<u64>,
}

/// A name for a range of addresses.
pub fn area(name: &str, of: AreaOf, span: PhysRange) -> NamedArea {
    NamedArea {
        name: name.to_owned(),
        of,
        bounds: Bounds {
            first: span.first,
            last: span.last,
        },
    }
}

/// Most bytes of a device tree: boards have some 100 KiB.
const MOST_TREE: u64 = 64 << 20;

/// Reads a flattened device tree.
fn tree(path: &str) -> Result<DeviceTree, String> {
    let whole = |error: &dyn std::error::Error| match error.source() {
        Some(why) => format!("{error}: {why}"),
        None => error.to_string(),
    };
    let bytes = container::read(Path::new(path), MOST_TREE).map_err(|it| whole(&it))?;
    link::device_tree::read(&bytes).map_err(|it| whole(&it))
}

/// Parses a range of addresses.
pub fn span(text: &str) -> Result<PhysRange, PhysRangeError> {
    text.parse()
}

/// Facts about the hart from a board file.
#[derive(Clone, Copy, Default)]
pub struct HartTraits {
    /// Encoding of memory types.
    pub dialect: Option<Dialect>,
    /// Whether A and D are set by software.
    pub svade: Option<bool>,
    /// Register width in bits.
    pub bits: Option<u32>,
}

impl MachineArgs {
    /// The facts of the named board.
    pub fn traits(&self) -> HartTraits {
        let Some(board) = &self.board else {
            return HartTraits::default();
        };
        HartTraits {
            dialect: Some(dialect(board.dialect)),
            svade: Some(board.svade),
            bits: Some(board.xlen),
        }
    }

    /// Devices and RAM of the board file, with their names, and those of the device tree.
    pub fn areas(&self) -> Vec<NamedArea> {
        let ram = self
            .board
            .as_ref()
            .map(|board| ("ram", board.ram.base, board.ram.size));
        let all = self.named_devices().into_iter().chain(ram);
        let of_board = all.filter_map(|(name, base, bytes)| {
            Some(area(name, AreaOf::Physical, PhysRange::of(base, bytes)?))
        });
        let named = self.dtb.iter().flat_map(|tree| &tree.names);
        let of_tree = named.map(|(name, span)| area(name, AreaOf::Physical, *span));
        of_board.chain(of_tree).collect()
    }

    /// Device ranges from the board file.
    pub fn devices(&self) -> Vec<PhysRange> {
        let all = self.named_devices().into_iter();
        all.filter_map(|(_, base, bytes)| PhysRange::of(base, bytes))
            .collect()
    }

    /// Name, first address and length of each device of the board file.
    fn named_devices(&self) -> Vec<(&str, u64, u64)> {
        /// Size of a UART, one page, and of a PLIC: RISC-V PLIC specification 1.0.0, memory map.
        const BYTES: [u64; 2] = [0x1000, 0x400_0000];
        let Some(board) = &self.board else {
            return Vec::new();
        };
        let [uart, plic] = BYTES;
        let built_in = [
            ("uart", board.uart.base, uart),
            ("plic", board.plic.base, plic),
        ];
        let listed = board.device.iter();
        let listed = listed.map(|it| (it.name.as_str(), it.base, it.size));
        built_in.into_iter().chain(listed).collect()
    }

    /// RAM ranges from the command line or the board file.
    pub fn ram(&self) -> Option<Vec<PhysRange>> {
        if !self.ram.is_empty() {
            return Some(self.ram.clone());
        }
        let ram = self.board.as_ref()?.ram;
        PhysRange::of(ram.base, ram.size).map(|span| vec![span])
    }
}
