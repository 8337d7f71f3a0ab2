//! A board as a loader leaves it, and the kernel's own map built on it as boot builds it.

use std::collections::{BTreeMap, BTreeSet};

use pagetable::{
    AccessType, Mapping, Memory, MemoryType, Outside, PAGE_BYTES, PhysAddr, Pte, Root, Seen,
};
use pagetable::{VirtAddr, visit};
use sim::{HartView, Quirks, SimCause, SimRam};

use super::machine::TestMachine;
use crate::board::BOARDS;
use crate::mm::bootmap::{BootMapError, BootMapPlan, ImageSections, VirtualLayout, build};
use crate::mm::{TableFrames, table};
use crate::tree::{Range, Wiring};

/// As `link.ld` lays an Image out; the initrd's end is on no border of a page.
pub const TEXT_END: u64 = 0x4_b000;
const RODATA_END: u64 = 0x6_f000;
const TABLES_AT: u64 = 0x7_1000;
pub const GUARD: u64 = 0x9_8000;
const END: u64 = 0xa_7000;
pub const IMAGE_BYTES: u64 = 0x13_4238;
/// RAM that there is on the host; the map has more, which building it may not touch.
pub const BACKED: u64 = 8 << 20;
/// What the loader's side of the story needs: provisional tables.
const SCRATCH: u64 = 7 << 20;

/// A board, and the kernel's map on it.
pub struct World<M> {
    pub machine: M,
    pub root: PhysAddr,
    /// How many tables the map took.
    pub tables: usize,
    pub layout: ImageSections,
    pub ram: [Range; 2],
    pub held: [Range; 3],
    pub wiring: Wiring,
}

/// The hart that boots.
const HART: usize = 0;

pub fn range(base: u64, bytes: u64) -> Range {
    Range { base, bytes }
}

struct Scratch(u64);

impl TableFrames for Scratch {
    fn take(&mut self) -> Option<PhysAddr> {
        self.0 += PAGE_BYTES;
        Some(PhysAddr::new(self.0 - PAGE_BYTES))
    }

    fn give(&mut self, _table: PhysAddr) {}
}

impl<M: TestMachine> World<M> {
    pub const VIRTUAL: VirtualLayout = VirtualLayout::of(M::MODE);

    /// On the boards that the host knows. Those of QEMU have the same devices, RV64 or RV32.
    pub fn each(quirks: Quirks, test: impl Fn(World<M>)) {
        for (name, base, bytes) in [
            ("ox64", 0x5000_0000, 64 << 20),
            ("qemu-virt", 0x8000_0000, 128 << 20),
        ] {
            if !(Self::VIRTUAL.reach.base..Self::VIRTUAL.reach.end()).contains(&base) {
                continue;
            }
            let mut world = World::<M>::before(quirks, name, range(base, bytes));
            let bits = world.machine.dialect().bits(MemoryType::Ram);
            world.enter(bits);
            world.build().unwrap();
            test(world);
        }
    }

    /// As the loader leaves it: RAM full of noise, no map.
    pub fn before(quirks: Quirks, name: &str, ram: Range) -> World<M> {
        let noise = SimRam::new(ram.base, (BACKED / PAGE_BYTES) as usize);
        let machine = M::new(sim::SimMachine::new(M::MODE, noise, quirks));
        World {
            machine,
            root: PhysAddr::new(0),
            tables: 0,
            layout: ImageSections {
                base: PhysAddr::new(ram.base + M::MODE.leaf_bytes(1)),
                text_end: TEXT_END,
                rodata_end: RODATA_END,
                guard: GUARD,
                end: END,
                tables: TABLES_AT,
            },
            // A second piece, behind a gap.
            ram: [ram, range(ram.end() + 0x10_0000, 0x5_0000)],
            held: [
                range(ram.base, 0x4_0000),
                range(ram.base + 0x68_0800, 0x900),
                range(ram.end() - 0x10_0000, 0x10_0000),
            ],
            wiring: {
                let board = BOARDS.iter().find(|board| board.name == name).unwrap();
                Wiring::of_board(board, HART)
            },
        }
    }

    /// What `entry.S` does: with translation off it maps the Image in the largest leaves, and
    /// runs on that.
    pub fn enter(&mut self, bits: u64) {
        let mut scratch = Scratch(self.ram[0].base + SCRATCH);
        let root = scratch.take().unwrap();
        self.machine.zero_frame(root);
        let flags = Pte::READ | Pte::WRITE | Pte::EXEC | Pte::ACCESSED | Pte::DIRTY | bits;
        let base = self.layout.base;
        let bytes = IMAGE_BYTES.next_multiple_of(M::MODE.leaf_bytes(1));
        for seen in [Self::VIRTUAL.phys_to_virt(base), Self::VIRTUAL.link] {
            let va = VirtAddr::new(seen);
            let machine = &mut self.machine;
            table::map_range(machine, &mut scratch, root, va, base, bytes, flags).unwrap();
        }
        self.run_on(root);
    }

    fn run_on(&mut self, root: PhysAddr) {
        self.machine.hart().map_kernel(root, Self::VIRTUAL.physmap);
        self.machine.fence_all();
    }

    /// Builds the kernel's map, and runs on it.
    pub fn build(&mut self) -> Result<(), BootMapError> {
        let plan = BootMapPlan {
            layout: self.layout,
            image_bytes: IMAGE_BYTES,
            ram: &self.ram,
            held: &self.held,
            wiring: &self.wiring,
        };
        (self.root, self.tables) = build(&mut self.machine, &plan)?;
        self.run_on(self.root);
        Ok(())
    }

    /// All that the map maps, read by the tools' own decoder.
    pub fn mappings(&mut self) -> Vec<Mapping> {
        let mut found = Vec::new();
        self.visit(|seen| match seen {
            Seen::Mapping(mapping) => found.push(mapping),
            Seen::Problem(problem) => panic!("{:?}: {}", problem, problem.text()),
            Seen::Table(_) => {}
        });
        found
    }

    /// Where its tables lie.
    pub fn seen_tables(&mut self) -> BTreeSet<PhysAddr> {
        let mut found = BTreeSet::new();
        self.visit(|seen| {
            if let Seen::Table(table) = seen {
                found.insert(table.at);
            }
        });
        found
    }

    fn visit(&mut self, see: impl FnMut(Seen)) {
        let root = Root {
            mode: M::MODE,
            table: self.root,
            dialect: self.machine.dialect(),
        };
        visit(&mut Tables(&self.machine.hart().ram), root, see);
    }

    /// What becomes of an access of the kernel. A hart may fault once more than it must.
    pub fn access(&mut self, va: u64, access: AccessType) -> Result<PhysAddr, SimCause> {
        let (view, va) = (HartView::kernel(self.root), VirtAddr::new(va));
        let hart = self.machine.hart();
        let _ = hart.access_as(view, va, access);
        hart.access_as(view, va, access)
            .map_err(|fault| fault.cause)
    }

    /// Every page that is to be mapped: where, which frame, with which rights.
    pub fn planned(&self) -> BTreeMap<u64, (u64, u64)> {
        let (read, write, exec) = (Pte::READ, Pte::WRITE, Pte::EXEC);
        let base = self.layout.base.raw();
        let mut planned = BTreeMap::new();
        for at in (0..END).step_by(PAGE_BYTES as usize) {
            let rights = match at {
                at if at < TEXT_END => read | exec,
                at if at < RODATA_END => read,
                GUARD => continue,
                _ => read | write,
            };
            planned.insert(Self::VIRTUAL.link + at, (base + at, rights));
        }
        for ram in self.ram {
            for at in (ram.base..ram.end()).step_by(PAGE_BYTES as usize) {
                let meets = |held: &Range| held.base < at + PAGE_BYTES && at < held.end();
                if self.held.iter().any(meets) {
                    continue;
                }
                let is_constant = match at.checked_sub(base) {
                    Some(inside) => inside < RODATA_END || (END..IMAGE_BYTES).contains(&inside),
                    None => false,
                };
                let rights = if is_constant { read } else { read | write };
                planned.insert(Self::VIRTUAL.phys_to_virt(PhysAddr::new(at)), (at, rights));
            }
        }
        for plan::DevicePage {
            device: slot,
            base: first,
            page: at,
        } in self.wiring.device_pages()
        {
            let seen = Self::VIRTUAL.device(slot, first, at);
            planned.insert(seen, (at, read | write));
        }
        planned
    }
}

/// RAM as who reads tables wants it.
struct Tables<'a>(&'a SimRam);

impl Memory for Tables<'_> {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let inside = self.0.base()..self.0.base() + self.0.size();
        if !inside.contains(&at.raw()) {
            return Err(Outside { at, bytes });
        }
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(self.0.get(at, bytes));
        Ok(u64::from_le_bytes(word))
    }
}
