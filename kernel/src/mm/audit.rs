//! The audit: does every frame have the one owner that the tables say, and does it all add up?
//!
//! It looks at everything and believes nothing twice. Its cost is in proportion to RAM that was
//! ever given out.

use core::fmt;

use pagetable::{PhysAddr, Pte, VirtAddr};

use super::layout::kernel_entries;
use super::object::Objects;
use super::region::Object;
use super::{Frames, Machine, Owner, PAGE_BYTES, Space, table};

/// Something that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFinding {
    /// A table or page is reached a second time.
    Twice {
        /// The space whose tables reach it.
        space: u16,
        /// The frame.
        frame: PhysAddr,
    },
    /// A table or page is reached, and the frame table says that it is another's.
    Foreign {
        /// The space whose tables reach it.
        space: u16,
        /// The frame.
        frame: PhysAddr,
    },
    /// A page is there where no region, or another kind of region, is.
    Stray {
        /// The space.
        space: u16,
        /// Where.
        va: VirtAddr,
    },
    /// A frame is given out and nobody has it.
    Lost {
        /// The frame.
        frame: PhysAddr,
        /// The owner that the frame table says it is.
        owner: Owner,
    },
    /// A space counts its pages wrong.
    Resident {
        /// The space.
        space: u16,
    },
    /// The counts do not add up.
    Counts,
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuditFinding::Twice { space, frame } => {
                write!(
                    f,
                    "frame {:#x} is reached twice, by task {space}",
                    frame.raw()
                )
            }
            AuditFinding::Foreign { space, frame } => {
                write!(
                    f,
                    "frame {:#x} of another is reached by task {space}",
                    frame.raw()
                )
            }
            AuditFinding::Stray { space, va } => {
                write!(
                    f,
                    "task {space} has a page at {:#x} where it can have none",
                    va.raw()
                )
            }
            AuditFinding::Lost { frame, owner } => {
                let at = frame.raw();
                write!(
                    f,
                    "frame {at:#x} is given out and nobody has it: {owner:x?}"
                )
            }
            AuditFinding::Resident { space } => write!(f, "task {space} counts its pages wrong"),
            AuditFinding::Counts => f.write_str("the counts do not add up"),
        }
    }
}

/// What an audit found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Spaces that were looked at.
    pub spaces: u32,
    /// Their tables.
    pub tables: u32,
    /// Their own pages.
    pub pages: u32,
    /// Frames of shared objects.
    pub objects: u32,
    /// Frames that can be given out.
    pub free: u32,
    /// Things that must not be.
    pub problems: u32,
    /// The first of them.
    pub first: Option<AuditFinding>,
}

impl Audit {
    fn blame(&mut self, problem: AuditFinding) {
        self.problems += 1;
        self.first = self.first.or(Some(problem));
    }
}

/// Looks at all of it.
pub fn audit<'a, M: Machine>(
    frames: &mut Frames,
    machine: &M,
    spaces: impl Iterator<Item = &'a Space>,
    objects: &Objects,
) -> Audit {
    let mut found = Audit::default();
    for (object, page, frame) in objects.frames(machine) {
        found.objects += 1;
        if frames.owner(frame) != (Owner::Object { object, page }) || !frames.mark(frame) {
            found.blame(AuditFinding::Foreign { space: 0, frame });
        }
    }
    for space in spaces.filter(|space| space.root().raw() != 0) {
        let mut walk = AuditWalk {
            frames,
            machine,
            space,
            found: &mut found,
            resident: 0,
        };
        walk.root();
    }
    let Audit {
        tables,
        pages,
        objects,
        ..
    } = found;
    frames.sweep(|frame, owner, met| {
        if !met {
            found.blame(AuditFinding::Lost { frame, owner });
        }
    });
    found.free = frames.count_free();
    let counts = frames.counts();
    let agree = (counts.tables, counts.pages, counts.objects) == (tables, pages, objects)
        && (frames.is_limited() || counts.free() == found.free)
        && counts.total == counts.boot + found.free + counts.used();
    if !agree {
        found.blame(AuditFinding::Counts);
    }
    found
}

struct AuditWalk<'a, M> {
    frames: &'a mut Frames,
    machine: &'a M,
    space: &'a Space,
    found: &'a mut Audit,
    resident: u32,
}

impl<M: Machine> AuditWalk<'_, M> {
    fn root(&mut self) {
        self.found.spaces += 1;
        self.own_table(self.space.root());
        let kernel = kernel_entries(M::MODE);
        let level = M::MODE.levels() - 1;
        for index in (0..M::MODE.entries()).filter(|index| !kernel.contains(index)) {
            self.entry(self.space.root(), index, level, 0);
        }
        if self.resident != self.space.resident() {
            let space = self.space.id();
            self.found.blame(AuditFinding::Resident { space });
        }
    }

    fn own_table(&mut self, table: PhysAddr) {
        self.found.tables += 1;
        let space = self.space.id();
        if self.frames.owner(table) != (Owner::Table { space }) {
            self.found.blame(AuditFinding::Foreign {
                space,
                frame: table,
            });
        } else if !self.frames.mark(table) {
            self.found.blame(AuditFinding::Twice {
                space,
                frame: table,
            });
        }
    }

    /// Entry `index` of a table that translates from `base` on.
    fn entry(&mut self, table: PhysAddr, index: usize, level: u8, base: u64) {
        let at = table.wrapping_add((index * M::MODE.entry_bytes()) as u64);
        let entry = self.machine.read_entry(at);
        let va = base + index as u64 * M::MODE.leaf_bytes(level);
        if let Some(page) = table::page_of::<M>(entry, level) {
            for offset in (0..M::MODE.leaf_bytes(level)).step_by(PAGE_BYTES as usize) {
                self.page(VirtAddr::new(va + offset), page.wrapping_add(offset));
            }
            return;
        }
        let pte = Pte::new(entry);
        if pte.is_valid() {
            let below = pte.target(M::MODE);
            self.own_table(below);
            for index in 0..M::MODE.entries() {
                self.entry(below, index, level - 1, va);
            }
        }
    }

    fn page(&mut self, va: VirtAddr, frame: PhysAddr) {
        self.resident += 1;
        let space = self.space.id();
        let Some(place) = self.space.place_of(va) else {
            self.found.blame(AuditFinding::Stray { space, va });
            return;
        };
        let region = &self.space.regions()[place];
        let offset = va.raw() - region.base.raw();
        let vpn = (va.raw() / PAGE_BYTES) as u32;
        match (self.frames.owner(frame), region.object) {
            (
                owner,
                Object::Zero | Object::Image { .. } | Object::Stored { .. } | Object::Wired,
            ) if owner == (Owner::Page { space, vpn }) => {
                self.found.pages += 1;
                if !self.frames.mark(frame) {
                    self.found.blame(AuditFinding::Twice { space, frame });
                }
            }
            (
                Owner::Object { object, page },
                Object::Shared {
                    object: of,
                    page: from,
                    ..
                },
            ) if object == of && u64::from(page) == u64::from(from) + offset / PAGE_BYTES => {}
            (Owner::Boot, Object::Image { at, .. }) if frame == at.wrapping_add(offset) => {}
            (Owner::Boot, Object::Phys { at, .. }) if frame == at.wrapping_add(offset) => {}
            _ => self.found.blame(AuditFinding::Foreign { space, frame }),
        }
    }
}
