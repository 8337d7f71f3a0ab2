//! What the device tree says that the board table cannot: RAM, what is taken, boot arguments.

use core::fmt;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

use crate::board::{self, Board};

/// At most this many pieces of RAM, and of memory that somebody holds, are looked at.
pub const MAX_RANGES: usize = 32;

/// A piece of physical memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub base: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Range {
    /// One past the last byte; saturates at the end of the address space.
    pub fn end(self) -> u64 {
        self.base.saturating_add(self.bytes)
    }

    /// The whole pages of this range that none of `holes` touches, ascending.
    pub fn without(
        self,
        holes: impl Iterator<Item = Range> + Clone,
    ) -> impl Iterator<Item = Range> {
        const PAGE: u64 = 4096;
        let end = self.end() / PAGE * PAGE;
        let mut at = self.base.div_ceil(PAGE).saturating_mul(PAGE);
        core::iter::from_fn(move || {
            // Step over every hole that begins at or before here.
            while let Some(hole) = holes
                .clone()
                .find(|hole| hole.base <= at && at < hole.end())
            {
                at = hole.end().div_ceil(PAGE).saturating_mul(PAGE);
            }
            if at >= end {
                return None;
            }
            let next = holes
                .clone()
                .map(|hole| hole.base / PAGE * PAGE)
                .filter(|&base| base >= at)
                .min();
            let stop = next.unwrap_or(end).min(end);
            let piece = Range {
                base: at,
                bytes: stop - at,
            };
            at = stop;
            // A hole that begins inside the page at `stop` ends the piece before that page.
            if let Some(hole) = holes.clone().find(|hole| hole.base / PAGE * PAGE == stop) {
                at = hole.end().div_ceil(PAGE).saturating_mul(PAGE);
            }
            Some(piece)
        })
        .filter(|piece| piece.bytes > 0)
    }
}

/// A few ranges, in the order of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Ranges {
    list: [Range; MAX_RANGES],
    used: usize,
}

impl Ranges {
    const EMPTY: Ranges = Ranges {
        list: [Range { base: 0, bytes: 0 }; MAX_RANGES],
        used: 0,
    };

    fn push(&mut self, base: u64, bytes: u64) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        let slot = self.list.get_mut(self.used).ok_or(Error::TooManyRanges)?;
        *slot = Range { base, bytes };
        self.used += 1;
        Ok(())
    }

    /// The ranges.
    pub fn as_slice(&self) -> &[Range] {
        &self.list[..self.used]
    }
}

/// Why a device tree was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It is not a device tree, or its structure block is broken.
    Malformed,
    /// More than [`MAX_RANGES`] pieces of RAM or of held memory.
    TooManyRanges,
    /// No `/memory` node with a size.
    NoMemory,
    /// None of the root's `compatible` words is a board's; here is the first.
    UnknownBoard,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::Malformed => f.write_str("it is damaged, or no device tree"),
            Error::TooManyRanges => write!(
                f,
                "more than {MAX_RANGES} pieces of RAM or of reserved memory"
            ),
            Error::NoMemory => f.write_str("no /memory with a size"),
            Error::UnknownBoard => f
                .write_str("no `compatible` of its root is a known board's; there is")
                .and_then(|()| {
                    board::BOARDS
                        .iter()
                        .try_for_each(|board| write!(f, " {}", board.name))
                }),
        }
    }
}

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
}

impl Tree {
    /// Reads the tree once, top level first, descending only where something is wanted.
    pub fn read(bytes: &[u8]) -> Result<Tree, Error> {
        let fdt = Fdt::new(bytes).map_err(|_| Error::Malformed)?;
        let root = fdt.root();
        let board = root
            .compatible()
            .and_then(|mut words| words.find_map(board::by_compatible))
            .ok_or(Error::UnknownBoard)?;
        let mut tree = Tree {
            board,
            ram: Ranges::EMPTY,
            held: Ranges::EMPTY,
            reserved: Ranges::EMPTY,
            arguments: Arguments::EMPTY,
            timebase_hz: 0,
            sstc: false,
        };
        for entry in fdt.memory_reservations() {
            tree.reserved.push(entry.address(), entry.size())?;
        }
        for node in root.children() {
            let name = node.name();
            match name.split('@').next().unwrap_or(name) {
                "memory" => push_reg(node, &mut tree.ram)?,
                "reserved-memory" => {
                    for child in node.children() {
                        push_reg(child, &mut tree.held)?;
                    }
                }
                "chosen" => with_text(node, "bootargs", |text| tree.arguments.keep(text)),
                "cpus" => tree.read_cpus(node),
                _ => {}
            }
        }
        if tree.ram.as_slice().is_empty() {
            Err(Error::NoMemory)
        } else {
            Ok(tree)
        }
    }

    fn read_cpus(&mut self, cpus: FdtNode) {
        self.timebase_hz = number(cpus, "timebase-frequency").unwrap_or(0);
        let Some(cpu) = cpus.children().find(|node| node.name().starts_with("cpu@")) else {
            return;
        };
        self.timebase_hz = number(cpu, "timebase-frequency").unwrap_or(self.timebase_hz);
        let mut listed = false;
        with_bytes(cpu, "riscv,isa-extensions", |list| {
            listed = list.split(|&byte| byte == 0).any(|word| word == b"sstc");
        });
        with_text(cpu, "riscv,isa", |isa| {
            listed |= isa.split('_').any(|word| word == "sstc")
        });
        self.sstc = listed;
    }
}

fn push_reg(node: FdtNode, into: &mut Ranges) -> Result<(), Error> {
    // A node without `reg` (a dynamically placed reservation) holds nothing yet.
    let Some(regs) = node.reg().map_err(|_| Error::Malformed)? else {
        return Ok(());
    };
    for reg in regs {
        let base = reg.address::<u64>().map_err(|_| Error::Malformed)?;
        let bytes = reg.size::<u64>().map_err(|_| Error::Malformed)?;
        into.push(base, bytes)?;
    }
    Ok(())
}

fn with_bytes(node: FdtNode, name: &str, mut see: impl FnMut(&[u8])) {
    if let Some(property) = node.property(name) {
        see(property.value());
    }
}

fn with_text(node: FdtNode, name: &str, mut see: impl FnMut(&str)) {
    with_bytes(node, name, |bytes| {
        let end = bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(bytes.len());
        see(core::str::from_utf8(&bytes[..end]).unwrap_or(""));
    });
}

fn number(node: FdtNode, name: &str) -> Option<u32> {
    let mut answer = None;
    with_bytes(node, name, |bytes| {
        answer = bytes.try_into().ok().map(u32::from_be_bytes)
    });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(ram: Range, holes: &[Range]) -> Vec<(u64, u64)> {
        ram.without(holes.iter().copied())
            .map(|piece| (piece.base, piece.bytes))
            .collect()
    }

    fn range(base: u64, bytes: u64) -> Range {
        Range { base, bytes }
    }

    #[test]
    fn holes_split_ram_and_are_rounded_out_to_pages() {
        let ram = range(0x8000_0000, 0x10_0000);
        let holes = [
            range(0x8000_4800, 0x10),
            range(0x8000_0000, 0x1001),
            range(0x800f_f000, 0x9000),
        ];
        assert_eq!(
            pieces(ram, &holes),
            [(0x8000_2000, 0x2000), (0x8000_5000, 0xf_a000)]
        );
    }

    #[test]
    fn overlapping_nested_and_foreign_holes_are_no_trouble() {
        let ram = range(0x1000, 0x9000);
        let holes = [
            range(0x2000, 0x4000),
            range(0x3000, 0x1000),
            range(0x5000, 0x2000),
            range(0x100_0000, 0x1000),
        ];
        assert_eq!(pieces(ram, &holes), [(0x1000, 0x1000), (0x7000, 0x3000)]);
        assert_eq!(pieces(ram, &[range(0, u64::MAX)]), []);
        assert_eq!(pieces(range(0x1800, 0x400), &[]), []);
    }

    #[test]
    fn arguments_are_cut_not_refused_and_found_by_key() {
        let mut arguments = Arguments::EMPTY;
        arguments.keep("pool=4M  log=8192 frames=1");
        assert_eq!(arguments.value("pool"), Some("4M"));
        assert_eq!(arguments.value("frames"), Some("1"));
        assert_eq!(arguments.value("poo"), None);
        arguments.keep(&"é".repeat(200));
        assert_eq!(arguments.used, 256);
    }

    #[test]
    fn noise_is_not_a_tree() {
        assert_eq!(Tree::read(&[0xd0; 64]).err(), Some(Error::Malformed));
        assert_eq!(Tree::read(&[]).err(), Some(Error::Malformed));
    }
}
