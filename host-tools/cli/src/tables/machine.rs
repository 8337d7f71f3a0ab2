//! What is known of the machine: its memory, its hart.

use link::memory::{Span, SpanError};
use pagetable::Dialect;

use crate::exit::UsageError;

/// What the command line tells of the machine.
#[derive(clap::Args, Clone)]
pub struct MachineArgs {
    /// What is memory on the machine, as 0x80000000+128M; may be repeated. Of a running one
    /// nothing else is read
    #[arg(long, value_name = "START+SIZE", value_parser = span)]
    ram: Vec<Span>,
    /// The board: its memory, how it writes memory types, what its hart refuses
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Where the kernel on a target maps physical address 0: for a stub that reads virtual
    /// addresses only
    #[arg(long, value_name = "ADDR", value_parser = super::number)]
    pub linear: Option<u64>,
}

/// A run of addresses on a command line.
pub fn span(text: &str) -> Result<Span, SpanError> {
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
    /// What the board is called.
    pub fn name(&self) -> Option<&str> {
        self.board.as_deref()
    }

    /// What the named board says.
    pub fn board(&self) -> anyhow::Result<HartTraits> {
        let Some(name) = &self.board else {
            return Ok(HartTraits::default());
        };
        let board = boards::by_name(name).map_err(|error| UsageError(error.to_string()))?;
        let dialect = match board.dialect {
            boards::Dialect::None => Dialect::None,
            boards::Dialect::Svpbmt => Dialect::Svpbmt,
            boards::Dialect::Thead => Dialect::THead,
        };
        Ok(HartTraits {
            dialect: Some(dialect),
            svade: Some(board.svade),
            bits: Some(board.xlen),
        })
    }

    /// Where devices are, as far as the board's file says.
    pub fn devices(&self) -> Vec<Span> {
        /// A UART's page; and what a PLIC takes: RISC-V PLIC specification 1.0.0, memory map.
        const BYTES: [u64; 2] = [0x1000, 0x400_0000];
        let named = self.board.as_ref();
        let Some(board) = named.and_then(|name| boards::by_name(name).ok()) else {
            return Vec::new();
        };
        let built_in = [board.uart.base, board.plic.base].into_iter().zip(BYTES);
        let listed = board.device.iter().map(|it| (it.base, it.size));
        let all = built_in.chain(listed);
        all.filter_map(|(base, bytes)| Span::of(base, bytes))
            .collect()
    }

    /// What is memory, if the command line says so.
    pub fn ram(&self) -> Option<Vec<Span>> {
        if !self.ram.is_empty() {
            return Some(self.ram.clone());
        }
        let board = boards::by_name(self.board.as_ref()?).ok()?;
        Span::of(board.ram.base, board.ram.size).map(|span| vec![span])
    }
}
