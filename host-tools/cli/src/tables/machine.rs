//! Facts about the machine: its memory, its hart.

use boards::Board;
use link::memory::{PhysRange, PhysRangeError};
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

    /// Device ranges from the board file.
    pub fn devices(&self) -> Vec<PhysRange> {
        /// Size of a UART, one page, and of a PLIC: RISC-V PLIC specification 1.0.0, memory map.
        const BYTES: [u64; 2] = [0x1000, 0x400_0000];
        let Some(board) = &self.board else {
            return Vec::new();
        };
        let built_in = [board.uart.base, board.plic.base].into_iter().zip(BYTES);
        let listed = board.device.iter().map(|it| (it.base, it.size));
        let all = built_in.chain(listed);
        all.filter_map(|(base, bytes)| PhysRange::of(base, bytes))
            .collect()
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
