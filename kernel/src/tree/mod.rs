//! What the device tree says that the board table cannot: RAM, what is taken, boot arguments.

mod error;
mod ram;
mod ranges;
mod walk;

use crate::board::{self, Board};
pub use error::{Error, MAX_RANGES};
pub use ram::RamMap;
pub use ranges::{Range, Ranges};
use walk::{Token, Walk, number, text};

/// The boot arguments, cut where they exceed what a loader may sensibly pass.
#[derive(Clone, Copy)]
pub struct Arguments {
    bytes: [u8; 256],
    used: usize,
}

impl Arguments {
    const EMPTY: Arguments = Arguments {
        bytes: [0; 256],
        used: 0,
    };

    /// Arguments as a loader passes them.
    pub fn new(text: &str) -> Arguments {
        let mut arguments = Arguments::EMPTY;
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
    }

    /// The value after `key=` among the words, if there is one.
    pub fn value(&self, key: &str) -> Option<&str> {
        let text = core::str::from_utf8(&self.bytes[..self.used]).unwrap_or("");
        text.split_ascii_whitespace()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}

/// What one walk over the tree brings home.
pub struct Tree {
    /// The board whose `compatible` the root names.
    pub board: &'static Board,
    /// RAM, as `/memory` nodes list it.
    pub ram: Ranges,
    /// `/reserved-memory`: firmware's and other processors' memory.
    pub held: Ranges,
    /// `/memreserve/` entries of the header.
    pub reserved: Ranges,
    /// `/chosen bootargs`, empty if there are none.
    pub arguments: Arguments,
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

/// How many cells an address and a length in `reg` have, below a node.
#[derive(Clone, Copy)]
struct Cells {
    address: u32,
    size: u32,
}

impl Cells {
    /// Of a node that does not say: Devicetree Specification 0.4, 2.3.5.
    const DEFAULT: Cells = Cells {
        address: 2,
        size: 1,
    };

    fn hear(&mut self, name: &[u8], value: &[u8]) -> Result<(), Error> {
        let cells = match name {
            b"#address-cells" => &mut self.address,
            b"#size-cells" => &mut self.size,
            _ => return Ok(()),
        };
        *cells = number32(value).ok_or(Error::Malformed)?;
        Ok(())
    }
}

/// What is known on the way through the tree.
struct Reader {
    tree: Tree,
    board: Option<&'static Board>,
    top: Top,
    /// Of the root, and of `/reserved-memory`.
    cells: [Cells; 2],
    cpus: usize,
}

impl Tree {
    /// Reads the tree in one walk.
    pub fn read(bytes: &[u8]) -> Result<Tree, Error> {
        let mut walk = Walk::new(bytes)?;
        let mut reader = Reader {
            tree: Tree {
                board: &board::BOARDS[0],
                ram: Ranges::EMPTY,
                held: Ranges::EMPTY,
                reserved: Ranges::EMPTY,
                arguments: Arguments::EMPTY,
                timebase_hz: 0,
                sstc: false,
                svpbmt: false,
                zicboz: false,
                cboz_bytes: 0,
            },
            board: None,
            top: Top::Other,
            cells: [Cells::DEFAULT; 2],
            cpus: 0,
        };
        walk.reservations(|base, length| reader.tree.reserved.push(base, length))?;
        let mut depth = 0;
        while let Some(token) = walk.next()? {
            match token {
                Token::Begin(name) => {
                    depth += 1;
                    reader.begin(depth, name);
                }
                Token::End => depth -= 1,
                Token::Property { name, value } => reader.property(depth, name, value)?,
            }
        }
        let Reader {
            mut tree, board, ..
        } = reader;
        tree.board = board.ok_or(Error::UnknownBoard)?;
        if !tree.zicboz {
            tree.cboz_bytes = 0;
        }
        if tree.ram.as_slice().is_empty() {
            return Err(Error::NoMemory);
        }
        Ok(tree)
    }
}

impl Reader {
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

    fn property(&mut self, depth: usize, name: &[u8], value: &[u8]) -> Result<(), Error> {
        let tree = &mut self.tree;
        match (depth, self.top, name) {
            (1, _, b"compatible") => {
                let words = value.split(|&byte| byte == 0);
                self.board = words
                    .filter_map(|word| core::str::from_utf8(word).ok())
                    .find_map(board::by_compatible);
            }
            (1, _, _) => self.cells[0].hear(name, value)?,
            (2, Top::Memory, b"reg") => push(&mut tree.ram, self.cells[0], value)?,
            (2, Top::Held, _) => self.cells[1].hear(name, value)?,
            (3, Top::Held, b"reg") => push(&mut tree.held, self.cells[1], value)?,
            (2, Top::Chosen, b"bootargs") => tree
                .arguments
                .keep(core::str::from_utf8(text(value).unwrap_or(value)).unwrap_or("")),
            (2, Top::Cpus, b"timebase-frequency") => {
                tree.timebase_hz = number32(value).unwrap_or(0);
            }
            (3, Top::Cpus, _) if self.cpus == 1 => tree.hear_cpu(name, value),
            _ => {}
        }
        Ok(())
    }
}

impl Tree {
    /// A property of the first CPU.
    fn hear_cpu(&mut self, name: &[u8], value: &[u8]) {
        let is_sstc = |word: &[u8]| word == b"sstc";
        let is_svpbmt = |word: &[u8]| word == b"svpbmt";
        let is_zicboz = |word: &[u8]| word == b"zicboz";
        match name {
            b"timebase-frequency" => {
                self.timebase_hz = number32(value).unwrap_or(self.timebase_hz);
            }
            b"riscv,isa-extensions" => {
                let words = || value.split(|&byte| byte == 0);
                self.sstc |= words().any(is_sstc);
                self.zicboz |= words().any(is_zicboz);
                self.svpbmt |= words().any(is_svpbmt);
            }
            b"riscv,isa" => {
                let isa = text(value).unwrap_or(value);
                let words = || isa.split(|&byte| byte == b'_');
                self.sstc |= words().any(is_sstc);
                self.zicboz |= words().any(is_zicboz);
                self.svpbmt |= words().any(is_svpbmt);
            }
            b"riscv,cboz-block-size" => self.cboz_bytes = number32(value).unwrap_or(0),
            _ => {}
        }
    }
}

fn number32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// Adds the pairs of a `reg`.
fn push(into: &mut Ranges, cells: Cells, reg: &[u8]) -> Result<(), Error> {
    if cells.address > 2 || cells.size > 2 || cells.address + cells.size == 0 {
        return Err(Error::Malformed);
    }
    let address = cells.address as usize * 4;
    let pairs = reg.chunks_exact(address + cells.size as usize * 4);
    if !pairs.remainder().is_empty() {
        return Err(Error::Malformed);
    }
    for pair in pairs {
        let base = number(&pair[..address]).ok_or(Error::Malformed)?;
        let bytes = number(&pair[address..]).ok_or(Error::Malformed)?;
        into.push(base, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
