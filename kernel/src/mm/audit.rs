//! The audit: does every frame have the one owner that the tables say, and does it all add up?
//!
//! It looks at everything: every table and page of every space, and every row of the frame table that was ever written. That is
//! in proportion to RAM, so it goes on for as many entries into the kernel as it takes, and programs run between them:
//!
//! ```text
//!   objects ──► spaces: tables, then pages ──► rows ──► free lists ──► the sums
//! ```
//!
//! What one step finds is exact at that moment: an entry and the row of its frame are compared in one piece. Sums are only
//! compared where memory has not changed from the first piece to the last.

use core::fmt;

use pagetable::{PhysAddr, VirtAddr};

use super::frame::{NONE, Stamp};
use super::layout::user_ranges;
use super::object::Objects;
use super::region::Object;
use super::{Budget, Frames, Machine, Owner, PAGE_BYTES, Space, table};

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
    /// A frame is allocated, and no table, space or object refers to it.
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
                    "frame {at:#x} is allocated and nothing refers to it: {owner:x?}"
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
    /// Memory changed while it was looked at: sums were not compared.
    pub changed: bool,
}

impl Audit {
    /// Of nothing.
    pub const NOTHING: Audit = Audit {
        spaces: 0,
        tables: 0,
        pages: 0,
        objects: 0,
        free: 0,
        problems: 0,
        first: None,
        changed: false,
    };

    fn blame(&mut self, problem: AuditFinding) {
        self.problems += 1;
        self.first = self.first.or(Some(problem));
    }
}

/// An audit that may take more than one entry into the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Auditor {
    stage: Stage,
    found: Audit,
    /// How memory stood when the last piece ended.
    stamp: Option<Stamp>,
}

/// What is looked at next.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Objects,
    /// Pages of the n-th space from `va` on; `resident` were there before it.
    Space {
        nth: usize,
        va: u64,
        resident: u32,
    },
    /// The row of that frame in that arena.
    Row {
        arena: usize,
        number: u64,
    },
    /// That frame of an arena's free list; `left` may still follow, `listed` came before.
    List {
        arena: usize,
        at: u32,
        left: u64,
        listed: u32,
    },
    Done,
}

/// Looks at all of it in one go.
#[cfg(test)]
pub fn audit<'a, M: Machine>(
    frames: &mut Frames,
    machine: &M,
    spaces: impl Iterator<Item = &'a Space> + Clone,
    objects: &Objects,
) -> Audit {
    let mut auditor = Auditor::BEGIN;
    loop {
        let mut budget = Budget::of_an_entry();
        let found = auditor.go_on(frames, machine, spaces.clone(), objects, &mut budget);
        if let Some(found) = found {
            return found;
        }
    }
}

impl Auditor {
    /// Nothing was looked at yet.
    pub const BEGIN: Auditor = Auditor {
        stage: Stage::Objects,
        found: Audit::NOTHING,
        stamp: None,
    };

    /// Goes on as far as the budget reaches; what was found, when that was all. `spaces` are those of all tasks.
    pub fn go_on<'a, M: Machine>(
        &mut self,
        frames: &mut Frames,
        machine: &M,
        spaces: impl Iterator<Item = &'a Space> + Clone,
        objects: &Objects,
        budget: &mut Budget,
    ) -> Option<Audit> {
        let stamp = frames.stamp();
        if self.stamp.is_some_and(|before| before != stamp) {
            self.found.changed = true;
        }
        self.stamp = Some(stamp);
        let spaces = spaces.filter(|space| space.root().raw() != 0);
        while !budget.is_spent() {
            match self.stage {
                Stage::Objects => {
                    self.objects(frames, machine, objects);
                    self.stage = Stage::space(0);
                }
                Stage::Space { nth, va, resident } => match spaces.clone().nth(nth) {
                    None => self.stage = self.first_row(frames, 0),
                    Some(space) => {
                        let mut walk = AuditWalk {
                            frames,
                            machine,
                            space,
                            found: &mut self.found,
                            resident,
                        };
                        self.stage = walk.go_on(nth, va, budget);
                    }
                },
                Stage::Row { arena, number } => {
                    let last = frames.written(arena).end;
                    if number == last {
                        self.found.free += frames.free_above(arena);
                        self.stage = self.first_row(frames, arena + 1);
                        continue;
                    }
                    self.row(frames, machine, &spaces, objects, number, budget);
                    self.stage = Stage::Row {
                        arena,
                        number: number + 1,
                    };
                }
                Stage::List { .. } if self.found.changed => self.stage = Stage::Done,
                Stage::List {
                    arena,
                    at,
                    left,
                    listed,
                } => self.list(frames, (arena, at, left, listed), budget),
                Stage::Done => {
                    self.sums(frames);
                    return Some(self.found);
                }
            }
        }
        None
    }

    /// At most 16 times 1,025 of them: one piece.
    fn objects<M: Machine>(&mut self, frames: &Frames, machine: &M, objects: &Objects) {
        for (object, page, frame) in objects.frames(machine) {
            self.found.objects += 1;
            if frames.owner(frame) != (Owner::Object { object, page }) {
                self.found.blame(AuditFinding::Foreign { space: 0, frame });
            }
        }
    }

    fn first_row(&self, frames: &Frames, arena: usize) -> Stage {
        match frames.arenas().len() {
            arenas if arena < arenas => Stage::Row {
                arena,
                number: frames.written(arena).start,
            },
            _ => first_of_list(frames, 0, 0),
        }
    }

    /// A frame that is allocated has a reference.
    fn row<'a, M: Machine>(
        &mut self,
        frames: &mut Frames,
        machine: &M,
        spaces: &(impl Iterator<Item = &'a Space> + Clone),
        objects: &Objects,
        number: u64,
        budget: &mut Budget,
    ) {
        budget.look();
        let frame = PhysAddr::new(number * PAGE_BYTES);
        let owner = frames.owner(frame);
        let space_of = |id: u16| spaces.clone().find(|space| space.id() == id);
        let is_had = match owner {
            Owner::Boot => true,
            Owner::Free => {
                self.found.free += 1;
                true
            }
            Owner::Table { space } => {
                // Met by its space, mostly. A table that was made since then is looked for.
                frames.take_mark(frame)
                    || space_of(space).is_some_and(|space| {
                        budget.pages(1);
                        table::pointers_to(machine, space.root(), frame) > 0
                    })
            }
            Owner::Page { space, vpn } => space_of(space).is_some_and(|space| {
                let va = VirtAddr::new(u64::from(vpn) * PAGE_BYTES);
                let stop = table::walk(machine, space.root(), va);
                let page = table::page_of::<M>(stop.entry, stop.level);
                let within = va.offset(M::MODE.leaf_bytes(stop.level));
                page.is_some_and(|page| page.wrapping_add(within) == frame)
            }),
            Owner::Object { object, page } => objects.frame(machine, object, page) == Some(frame),
        };
        if !is_had {
            self.found.blame(AuditFinding::Lost { frame, owner });
        }
    }

    /// The free lists hold every free row, and nothing else.
    fn list(
        &mut self,
        frames: &Frames,
        (arena, mut at, mut left, mut listed): (usize, u32, u64, u32),
        budget: &mut Budget,
    ) {
        // A list that goes round must not hang the one who looks for what is wrong.
        while at != NONE && left > 0 && !budget.is_spent() {
            (listed, left) = (listed + 1, left - 1);
            at = frames.next_free(at);
            budget.look();
        }
        self.stage = if at != NONE && left > 0 {
            Stage::List {
                arena,
                at,
                left,
                listed,
            }
        } else {
            let listed = listed + frames.free_above(arena);
            match first_of_list(frames, arena + 1, listed) {
                Stage::Done => {
                    if listed + frames.zeroed() as u32 != self.found.free {
                        self.found.blame(AuditFinding::Counts);
                    }
                    Stage::Done
                }
                next => next,
            }
        };
    }

    fn sums(&mut self, frames: &Frames) {
        let Audit {
            tables,
            pages,
            objects,
            free,
            ..
        } = self.found;
        let counts = frames.counts();
        let agree = (counts.tables, counts.pages, counts.objects) == (tables, pages, objects)
            && (frames.is_limited() || counts.free() == free)
            && counts.total == counts.boot + free + counts.used();
        if !self.found.changed && !agree {
            self.found.blame(AuditFinding::Counts);
        }
    }
}

impl Stage {
    const fn space(nth: usize) -> Stage {
        Stage::Space {
            nth,
            va: 0,
            resident: 0,
        }
    }
}

fn first_of_list(frames: &Frames, arena: usize, listed: u32) -> Stage {
    match frames.arenas().get(arena) {
        Some(found) => Stage::List {
            arena,
            at: frames.first_free(arena),
            left: found.end - found.first,
            listed,
        },
        None => Stage::Done,
    }
}

struct AuditWalk<'a, M> {
    frames: &'a mut Frames,
    machine: &'a M,
    space: &'a Space,
    found: &'a mut Audit,
    resident: u32,
}

impl<M: Machine> AuditWalk<'_, M> {
    /// The pages from `va` on, as far as the budget reaches; its tables first.
    fn go_on(&mut self, nth: usize, va: u64, budget: &mut Budget) -> Stage {
        let root = self.space.root();
        if va == 0 {
            self.found.spaces += 1;
            // All of them in one piece: which table a pointer leads to is only certain while nothing changes.
            // There are as many as one in 512 pages.
            self.own_table(root);
            table::each_pointer(self.machine, root, &mut |table| self.own_table(table));
        }
        let mut va = va;
        for range in user_ranges(M::MODE) {
            va = va.max(range.start);
            while va < range.end {
                if budget.is_spent() {
                    let resident = self.resident;
                    return Stage::Space { nth, va, resident };
                }
                budget.look();
                let stop = table::walk(self.machine, root, VirtAddr::new(va));
                let reach = M::MODE.leaf_bytes(stop.level);
                va = match table::page_of::<M>(stop.entry, stop.level) {
                    Some(page) => {
                        self.page(VirtAddr::new(va), page.wrapping_add(va % reach));
                        va + PAGE_BYTES
                    }
                    None => (va / reach + 1) * reach,
                };
            }
        }
        if !self.found.changed && self.resident != self.space.resident() {
            let space = self.space.id();
            self.found.blame(AuditFinding::Resident { space });
        }
        Stage::space(nth + 1)
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
            // An audit that did not come to its end may have left the mark.
            let pointers = table::pointers_to(self.machine, self.space.root(), table);
            if pointers > 1 {
                self.found.blame(AuditFinding::Twice {
                    space,
                    frame: table,
                });
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
                // No other entry can say the same: its row names the one page that it is.
                self.found.pages += 1;
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
