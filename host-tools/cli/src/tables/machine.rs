//! What is known of the machine: its memory, its hart.

use boards::Board;
use link::memory::{PhysRange, PhysRangeError};
use pagetable::Dialect;

use crate::board_file::{board, dialect};

/// What the command line tells of the machine.
#[derive(clap::Args, Clone)]
pub struct MachineArgs {
    /// What is memory on the machine, as 0x80000000+128M; may be repeated. Of a running one
    /// nothing else is read
    #[arg(long, value_name = "START+SIZE", value_parser = span)]
    ram: Vec<PhysRange>,
    /// The board: its memory, how it writes memory types, what its hart refuses
    #[arg(long, value_name = "NAME|FILE", value_parser = board)]
    pub board: Option<Board>,
    /// Where the kernel on a target maps physical address 0: for a stub that reads virtual
    /// addresses only
    #[arg(long, value_name = "ADDR", value_parser = super::number)]
    pub linear: Option<u64>,
}

/// A run of addresses on a command line.
pub fn span(text: &str) -> Result<PhysRange, PhysRangeError> {
    text.parse()
}

/// What a board's file says of its hart.
#[derive(Clone, Copy, Default)]
pub struct HartTraits {
    /// How it writes memory types.
    pub dialect: Option<Dialect>,
    /// Whether it leaves A and D to software.
    pub svade: Option<bool>,
    /// How wide its registers are, in bits.
    pub bits: Option<u32>,
}

impl MachineArgs {
    /// What the named board says.
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

    /// Where devices are, as far as the board's file says.
    pub fn devices(&self) -> Vec<PhysRange> {
        /// A UART's page; and what a PLIC takes: RISC-V PLIC specification 1.0.0, memory map.
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

    /// What is memory, if the command line says so.
    pub fn ram(&self) -> Option<Vec<PhysRange>> {
        if !self.ram.is_empty() {
            return Some(self.ram.clone());
        }
        let ram = self.board.as_ref()?.ram;
        PhysRange::of(ram.base, ram.size).map(|span| vec![span])
    }
}
