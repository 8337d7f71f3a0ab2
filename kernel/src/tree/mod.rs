//! What the device tree says that the board table cannot: RAM, what is taken, boot arguments.

mod cells;
mod devices;
mod error;
mod harts;
mod key;
mod name;
mod ram;
mod ranges;
mod walk;
mod wiring;

use crate::board::{self, BuiltinBoard};
use cells::Cells;
use devices::Devices;
pub use error::{MAX_RANGES, TreeError};
pub use harts::{TreeHarts, WhyNot};
use key::{Keys, PropertyKey};
pub use name::Name;
pub use ram::RamMap;
pub use ranges::{Range, Ranges};
use walk::{Token, TokenWalk, number, number32, text};
pub use wiring::{PlicNode, Polled, UartNode, Wiring};

/// The boot arguments, cut where they exceed what a loader may sensibly pass.
#[derive(Clone, Copy)]
pub struct BootArguments {
    bytes: [u8; 256],
    used: usize,
    lost: bool,
}

impl BootArguments {
    const EMPTY: BootArguments = BootArguments {
        bytes: [0; 256],
        used: 0,
        lost: false,
    };

    /// BootArguments as a loader passes them.
    pub fn new(text: &str) -> BootArguments {
        let mut arguments = BootArguments::EMPTY;
        arguments.keep(text);
        arguments
    }

    fn keep(&mut self, text: &str) {
        let mut end = text.len().min(self.bytes.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        self.used = end;
        self.lost = end < text.len();
    }

    /// As a tree has them: what is not text is not read.
    fn keep_bytes(&mut self, bytes: &[u8]) {
        let whole = core::str::from_utf8(bytes);
        self.keep(whole.unwrap_or(""));
        self.lost |= whole.is_err();
    }

    /// Are some not read: those beyond 256 bytes, or all because they are not text?
    pub fn are_lost(&self) -> bool {
        self.lost
    }

    /// The kernel's arguments, split at blanks (`/chosen/bootargs`).
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let text = core::str::from_utf8(&self.bytes[..self.used]).unwrap_or("");
        text.split_ascii_whitespace()
    }

    /// The value after `key=` among the words, if there is one.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.words()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// What one walk over the tree brings home.
pub struct Tree {
    /// The board whose `compatible` the root names.
    pub board: &'static BuiltinBoard,
    /// The console and the interrupt controller.
    pub wiring: Wiring,
    /// RAM, as `/memory` nodes list it.
    pub ram: Ranges,
    /// `/reserved-memory`: firmware's and other processors' memory.
    pub held: Ranges,
    /// `/memreserve/` entries of the header.
    pub reserved: Ranges,
    /// `/chosen bootargs`, empty if there are none.
    pub arguments: BootArguments,
    /// Ticks of `time` in a second; 0 where the tree does not say.
    pub timebase_hz: u32,
    /// The first CPU lists the Sstc extension.
    pub sstc: bool,
    /// The first CPU lists the Svpbmt extension: leaves have memory types.
    pub svpbmt: bool,
    /// The first CPU lists the Zicboz extension.
    zicboz: bool,
    /// Bytes that `cbo.zero` clears at once; 0 where the first CPU has none.
    pub cboz_bytes: u32,
    /// How many harts it lists, usable or not.
    pub harts: usize,
}

/// The nodes below the root that are looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Top {
    Memory,
    Held,
    Chosen,
    Cpus,
    Other,
}

impl Top {
    fn named(name: &[u8]) -> Top {
        match name.split(|&byte| byte == b'@').next() {
            Some(b"memory") => Top::Memory,
            Some(b"reserved-memory") => Top::Held,
            Some(b"chosen") => Top::Chosen,
            Some(b"cpus") => Top::Cpus,
            _ => Top::Other,
        }
    }
}

/// What is known on the way through the tree.
struct TreeReader<'a> {
    tree: &'a mut Tree,
    board: Option<&'static BuiltinBoard>,
    top: Top,
    /// Of the root, and of `/reserved-memory`.
    cells: [Cells; 2],
    cpus: usize,
}

impl Tree {
    /// What is known without a tree.
    pub fn unread() -> Tree {
        Tree {
            board: &board::BOARDS[0],
            wiring: Wiring::of_board(&board::BOARDS[0], 0),
            ram: Ranges::EMPTY,
            held: Ranges::EMPTY,
            reserved: Ranges::EMPTY,
            arguments: BootArguments::EMPTY,
            timebase_hz: 0,
            sstc: false,
            svpbmt: false,
            zicboz: false,
            cboz_bytes: 0,
            harts: 0,
        }
    }

    /// Reads the tree in one walk, on that hart. It is filled in where it stays: copied out of a
    /// `Result`, it would cost a twentieth of all of boot.
    pub fn read(&mut self, bytes: &[u8], hart: usize) -> Result<(), TreeError> {
        let mut walk = TokenWalk::new(bytes)?;
        walk.reservations(|base, length| self.reserved.push(base, length))?;
        let mut devices = Devices::new(hart);
        let mut keys = Keys::new();
        let mut reader = TreeReader {
            tree: self,
            board: None,
            top: Top::Other,
            cells: [Cells::DEFAULT; 2],
            cpus: 0,
        };
        let mut depth = 0;
        while let Some(token) = walk.next()? {
            match token {
                Token::Begin(name) => {
                    depth += 1;
                    reader.begin(depth, name);
                    devices.begin(depth, name, &walk);
                }
                Token::End => {
                    devices.end(depth);
                    depth -= 1;
                }
                Token::Property { name, value } => {
                    let key = keys.at(name, &walk)?;
                    devices.property(depth, key, value);
                    reader.property(depth, key, value)?;
                }
            }
        }
        let (board, harts) = (reader.board, reader.cpus);
        self.board = board.ok_or(TreeError::UnknownBoard)?;
        self.harts = harts;
        if !self.zicboz {
            self.cboz_bytes = 0;
        }
        if self.ram.as_slice().is_empty() {
            return Err(TreeError::NoMemory);
        }
        self.wiring = devices.wiring(self.board, &self.ram)?;
        Ok(())
    }
}

impl TreeReader<'_> {
    /// A node begins; the root is at depth 1.
    fn begin(&mut self, depth: usize, name: &[u8]) {
        match depth {
            2 => {
                self.top = Top::named(name);
                self.cells[1] = Cells::DEFAULT;
            }
            3 if self.top == Top::Cpus => self.cpus += usize::from(name.starts_with(b"cpu@")),
            _ => {}
        }
    }

    fn property(&mut self, depth: usize, key: PropertyKey, value: &[u8]) -> Result<(), TreeError> {
        let tree = &mut *self.tree;
        match (depth, self.top, key) {
            (1, _, PropertyKey::Compatible) => {
                let words = value.split(|&byte| byte == 0);
                self.board = words
                    .filter_map(|word| core::str::from_utf8(word).ok())
                    .find_map(board::by_compatible);
            }
            (1, _, _) => self.cells[0].take_property(key, value)?,
            (2, Top::Memory, PropertyKey::Reg) => push(&mut tree.ram, self.cells[0], value)?,
            (2, Top::Held, _) => self.cells[1].take_property(key, value)?,
            (3, Top::Held, PropertyKey::Reg) => push(&mut tree.held, self.cells[1], value)?,
            (2, Top::Chosen, PropertyKey::Bootargs) => {
                tree.arguments.keep_bytes(text(value).unwrap_or(value));
            }
            (2, Top::Cpus, PropertyKey::TimebaseFrequency) => {
                tree.timebase_hz = number32(value).unwrap_or(0);
            }
            (3, Top::Cpus, _) if self.cpus == 1 => tree.take_cpu_property(key, value),
            _ => {}
        }
        Ok(())
    }
}

impl Tree {
    /// A property of the first CPU.
    fn take_cpu_property(&mut self, key: PropertyKey, value: &[u8]) {
        match key {
            PropertyKey::TimebaseFrequency => {
                self.timebase_hz = number32(value).unwrap_or(self.timebase_hz);
            }
            PropertyKey::IsaExtensions => self.hear_extensions(value.split(|&byte| byte == 0)),
            PropertyKey::Isa => {
                let isa = text(value).unwrap_or(value);
                self.hear_extensions(isa.split(|&byte| byte == b'_'));
            }
            PropertyKey::CbozBlockSize => self.cboz_bytes = number32(value).unwrap_or(0),
            _ => {}
        }
    }
}

impl Tree {
    fn hear_extensions<'a>(&mut self, words: impl Iterator<Item = &'a [u8]>) {
        for word in words {
            match word {
                b"sstc" => self.sstc = true,
                b"svpbmt" => self.svpbmt = true,
                b"zicboz" => self.zicboz = true,
                _ => {}
            }
        }
    }
}

/// Adds the pairs of a `reg`.
fn push(into: &mut Ranges, cells: Cells, reg: &[u8]) -> Result<(), TreeError> {
    if cells.address > 2 || cells.size > 2 || cells.address + cells.size == 0 {
        return Err(TreeError::Malformed);
    }
    let address = cells.address as usize * 4;
    let pairs = reg.chunks_exact(address + cells.size as usize * 4);
    if !pairs.remainder().is_empty() {
        return Err(TreeError::Malformed);
    }
    for pair in pairs {
        let base = number(&pair[..address]).ok_or(TreeError::Malformed)?;
        let bytes = number(&pair[address..]).ok_or(TreeError::Malformed)?;
        into.push(base, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod device_tests;
#[cfg(test)]
mod tests;
