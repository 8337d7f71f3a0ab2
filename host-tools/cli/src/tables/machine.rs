//! Facts about the machine: its memory, its hart.

use boards::Board;
use link::memory::{PhysRange, PhysRangeError};
use model::space::{Bounds, NamedArea};
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
    /// Address at which the target's kernel maps physical address 0: for a stub that reads virtual addresses
    /// only
    #[arg(long, value_name = "ADDR", value_parser = super::number)]
    pub linear: Option<u64>,
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

    /// Devices and RAM of the board file, with their names.
    pub fn areas(&self) -> Vec<NamedArea> {
        let ram = self
            .board
            .as_ref()
            .map(|board| ("ram", board.ram.base, board.ram.size));
        let area = |(name, base, bytes): (&str, u64, u64)| {
            let span = PhysRange::of(base, bytes)?;
            Some(NamedArea {
                name: name.to_owned(),
                bounds: Bounds {
                    first: span.first,
                    last: span.last,
                },
            })
        };
        let all = self.named_devices().into_iter().chain(ram);
        all.filter_map(area).collect()
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
