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

use pagetable::{PhysAddr, Pte, VirtAddr};

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
        /// The page's virtual address.
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
    /// A page is in a slot of the backing store that is free.
    FreeSlot {
        /// The slot.
        slot: u32,
    },
    /// Slots of the backing store are in use, and not as many pages refer to one.
    Slots,
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
            AuditFinding::FreeSlot { slot } => {
                write!(f, "a page is in slot {slot} of the store, which is free")
            }
            AuditFinding::Slots => f.write_str("slots of the store are in use for no page"),
        }
    }
}

/// Totals of an audit, and the first finding; the findings are none on a sound kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Spaces that were looked at.
    pub spaces: u32,
    /// Frames that are page tables of those spaces.
    pub tables: u32,
    /// Frames that are pages, of one space or common to several.
    pub pages: u32,
    /// Frames that belong to shared objects, attached or not.
    pub objects: u32,
    /// Frames that can be given out.
    pub free: u32,
    /// Slots of the backing store that a page refers to, in memory or not.
    pub slots: u32,
    /// Things that must not be.
    pub problems: u32,
    /// The first finding; `None` if there was none.
    pub first: Option<AuditFinding>,
    /// Memory changed while it was looked at: sums were not compared.
    pub changed: bool,
}

impl Audit {
    /// An audit that has looked at no frame.
    pub const NOTHING: Audit = Audit {
        spaces: 0,
        tables: 0,
        pages: 0,
        objects: 0,
        free: 0,
        slots: 0,
        problems: 0,
        first: None,
        changed: false,
    };

    /// A page refers to that slot.
    fn slot(&mut self, frames: &Frames, slot: u32) {
        self.slots += 1;
        if !frames.backing.slots().is_used(slot) {
            self.blame(AuditFinding::FreeSlot { slot });
        }
    }

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
    /// Its number, which its marks bear; 0 before it has begun.
    number: u32,
    /// How memory stood when the last piece ended.
    stamp: Option<Stamp>,
}

/// What is looked at next.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Objects,
    /// Tables and pages of the space of the lowest number from `id` on, from `va` on; `resident` pages were there
    /// before it. By number: its place among the others changes when a task ends.
    Space {
        id: u32,
        va: u64,
        resident: u32,
        stored: u32,
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
        number: 0,
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
        if self.number == 0 {
            self.number = frames.begin_audit();
        }
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
                Stage::Space {
                    id,
                    va,
                    resident,
                    stored,
                } => {
                    let behind = |space: &&Space| u32::from(space.id()) >= id;
                    match spaces.clone().filter(behind).min_by_key(|it| it.id()) {
                        None => self.stage = self.first_row(frames, 0),
                        // Its task has ended meanwhile.
                        Some(space) if va > 0 && u32::from(space.id()) != id => {
                            self.stage = Stage::space(space.id().into());
                        }
                        Some(space) => {
                            let mut walk = AuditWalk {
                                frames,
                                machine,
                                space,
                                number: self.number,
                                found: &mut self.found,
                                resident,
                                stored,
                            };
                            self.stage = walk.go_on(va, budget);
                        }
                    }
                }
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
        for slot in objects.slots(machine) {
            self.found.slot(frames, slot);
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
        if let Some(slot) = frames.slot_of(frame) {
            self.found.slot(frames, slot);
        }
        let space_of = |id: u16| spaces.clone().find(|space| space.id() == id);
        let is_had = match owner {
            Owner::Boot => true,
            Owner::Free => {
                self.found.free += 1;
                true
            }
            Owner::Table { space } => {
                // Met by its space, mostly. A table that was made since then is looked for.
                frames.is_marked(frame, self.number)
                    || space_of(space)
                        .is_some_and(|space| is_pointed_to(machine, space.root(), frame, budget))
            }
            Owner::Page { space, vpn } => {
                space_of(space).is_some_and(|space| page_at(machine, space, vpn) == Some(frame))
            }
            Owner::Object { object, page } => objects.frame(machine, object, page) == Some(frame),
            Owner::Common { shares, vpn } => {
                self.found.pages += 1;
                let has = |space: &Space| {
                    budget.look();
                    page_at(machine, space, vpn) == Some(frame)
                };
                // A fork keeps addresses, and nothing moves a page afterwards: each space has it there.
                spaces.clone().map(has).filter(|&has| has).count() == usize::from(shares)
            }
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
        if !self.found.changed && self.found.slots != frames.backing.slots().used() {
            self.found.blame(AuditFinding::Slots);
        }
    }
}

impl Stage {
    const fn space(id: u32) -> Stage {
        Stage::Space {
            id,
            va: 0,
            resident: 0,
            stored: 0,
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

/// The frame of a space's page, if it is there.
fn page_at<M: Machine>(machine: &M, space: &Space, vpn: u32) -> Option<PhysAddr> {
    let va = VirtAddr::new(u64::from(vpn) * PAGE_BYTES);
    let stop = table::walk(machine, space.root(), va);
    let page = table::page_of::<M>(stop.entry, stop.level)?;
    Some(page.wrapping_add(va.offset(M::MODE.leaf_bytes(stop.level))))
}

/// Does any pointer of a program's part lead to `table`? Looks at all of them, in one piece: there are at most as many
/// as entries of the tables that are not leaf tables, and all of the budget goes for it where there are many.
fn is_pointed_to<M: Machine>(
    machine: &M,
    root: PhysAddr,
    table: PhysAddr,
    budget: &mut Budget,
) -> bool {
    let (mut found, mut pointers) = (root == table, 0);
    table::each_pointer(machine, root, &mut |below| {
        found |= below == table;
        pointers += 1;
    });
    budget.pages(1 + pointers / 16);
    found
}

struct AuditWalk<'a, M> {
    frames: &'a mut Frames,
    machine: &'a M,
    space: &'a Space,
    number: u32,
    found: &'a mut Audit,
    resident: u32,
    stored: u32,
}

impl<M: Machine> AuditWalk<'_, M> {
    /// The tables and pages from `va` on, as far as the budget reaches.
    fn go_on(&mut self, va: u64, budget: &mut Budget) -> Stage {
        let id = u32::from(self.space.id());
        let root = self.space.root();
        if va == 0 {
            self.found.spaces += 1;
            self.own_table(root);
        }
        let mut va = va;
        let mut before = 0;
        for range in user_ranges(M::MODE) {
            va = va.max(range.start);
            while va < range.end {
                if budget.is_spent() {
                    let (resident, stored) = (self.resident, self.stored);
                    return Stage::Space {
                        id,
                        va,
                        resident,
                        stored,
                    };
                }
                budget.look();
                if va == range.start {
                    self.enter_tables(va, before);
                } else if va.is_multiple_of(M::MODE.leaf_bytes(1)) {
                    self.enter_tables(va, va);
                }
                let stop = table::walk(self.machine, root, VirtAddr::new(va));
                let reach = M::MODE.leaf_bytes(stop.level);
                va = match table::page_of::<M>(stop.entry, stop.level) {
                    Some(page) => {
                        self.page(VirtAddr::new(va), page.wrapping_add(va % reach));
                        va + PAGE_BYTES
                    }
                    None => {
                        if let Some(slot) = table::slot_of(stop.entry) {
                            self.stored += 1;
                            self.found.slot(self.frames, slot);
                            self.must_be_in_region(VirtAddr::new(va));
                        } else if let Some(page) = table::lent_page::<M>(stop.entry) {
                            self.lent_page(VirtAddr::new(va), page);
                        }
                        (va / reach + 1) * reach
                    }
                };
            }
            before = range.end;
        }
        let counted = (self.space.resident(), self.space.swapped());
        if !self.found.changed && (self.resident, self.stored) != counted {
            let space = self.space.id();
            self.found.blame(AuditFinding::Resident { space });
        }
        Stage::space(id + 1)
    }

    /// The tables on the way to `va` that translate nothing before `since`: each is met once, at its first address.
    fn enter_tables(&mut self, va: u64, since: u64) {
        let va = VirtAddr::new(va);
        let (mut table, mut level) = (self.space.root(), M::MODE.levels() - 1);
        while level > 0 {
            let entry = self.machine.read_entry(table::slot::<M>(table, va, level));
            let pte = Pte::new(entry);
            if !pte.is_valid() || pte.is_leaf() {
                return;
            }
            table = pte.target(M::MODE);
            if va.align_down(M::MODE.leaf_bytes(level)).raw() >= since {
                self.own_table(table);
            }
            level -= 1;
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
        } else if !self.frames.mark(table, self.number) {
            // A table that was freed meanwhile and allocated again has no mark.
            self.found.blame(AuditFinding::Twice {
                space,
                frame: table,
            });
        }
    }

    fn must_be_in_region(&mut self, va: VirtAddr) {
        if self.space.place_of(va).is_none() {
            let space = self.space.id();
            self.found.blame(AuditFinding::Stray { space, va });
        }
    }

    /// A page that is lent is one of another space, or of another place in this one.
    fn lent_page(&mut self, va: VirtAddr, frame: PhysAddr) {
        let (space, vpn) = (self.space.id(), (va.raw() / PAGE_BYTES) as u32);
        let own = Owner::Page { space, vpn };
        self.must_be_in_region(va);
        match self.frames.owner(frame) {
            owner @ Owner::Page { .. } if owner != own => {}
            _ => self.found.blame(AuditFinding::Foreign { space, frame }),
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
            // Counted with its row: others have it too.
            (
                Owner::Common { vpn: of, .. },
                Object::Zero | Object::Image { .. } | Object::Stored { .. },
            ) if of == vpn => {}
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
