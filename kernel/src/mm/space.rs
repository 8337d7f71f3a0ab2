//! An address space: its regions, sorted, and the root of the tables that cache them.

use abi::Error;
use pagetable::{Mode, PhysAddr, Pte, Satp, VirtAddr};

use super::frame::TablesOf;
use super::heap::Heap;
use super::region::{Kind, Object, Prot, Region};
use super::{Frames, Machine, Owner, PAGE_BYTES, table};

/// Regions a space can have: a fixed table, so that the fault path never allocates.
pub const MAX_REGIONS: usize = 64;
/// The lowest address a program may have; below it a null pointer is caught.
const USER_START: u64 = 0x1_0000;

/// One past the last address a program may have.
pub const fn user_end(mode: Mode) -> VirtAddr {
    VirtAddr::new(match mode {
        Mode::Sv32 => 0x8000_0000,
        _ => 0x40_0000_0000,
    })
}

/// Where `mmap` looks for room first.
const fn map_start(mode: Mode) -> u64 {
    user_end(mode).raw() / 2
}

/// An address space.
#[derive(Debug)]
pub struct Space {
    id: u16,
    pub(super) root: PhysAddr,
    satp: u64,
    pub(super) regions: [Region; MAX_REGIONS],
    used: usize,
    last: usize,
    pub(super) heap: Heap,
    pub(super) resident: u32,
}

impl Space {
    /// No space: no root, no region.
    pub const EMPTY: Space = Space {
        id: 0,
        root: PhysAddr::new(0),
        satp: 0,
        regions: [Region::EMPTY; MAX_REGIONS],
        used: 0,
        last: 0,
        heap: Heap::NONE,
        resident: 0,
    };

    /// A space without regions, whose upper half is the kernel's.
    pub fn create<M: Machine>(
        id: u16,
        frames: &mut Frames,
        machine: &mut M,
        kernel_root: PhysAddr,
    ) -> Result<Space, Error> {
        let root = frames
            .alloc(Owner::Table { space: id })
            .ok_or(Error::OutOfMemory)?;
        machine.zero_frame(root);
        for offset in (PAGE_BYTES / 2..PAGE_BYTES).step_by(M::MODE.entry_bytes()) {
            let entry = machine.read_entry(PhysAddr::new(kernel_root.raw() + offset));
            if entry != 0 {
                machine.write_entry(PhysAddr::new(root.raw() + offset), entry);
            }
        }
        let satp = Satp {
            mode: M::MODE,
            asid: 0,
            root,
        }
        .encode(M::MODE.xlen());
        Ok(Space {
            id,
            root,
            satp,
            ..Space::EMPTY
        })
    }

    /// Gives every page and table back. The space must not be in force; afterwards it is empty.
    pub fn destroy<M: Machine>(&mut self, frames: &mut Frames, machine: &mut M) {
        if self.root.raw() == 0 {
            return;
        }
        let user_entries = M::MODE.entries() as u64 / 2;
        release(
            frames,
            machine,
            self.root,
            user_entries,
            M::MODE.levels() - 1,
        );
        frames.free(self.root);
        // The walker may hold parts of the tables; their frames are somebody else's soon.
        machine.fence_all();
        *self = Space::EMPTY;
    }

    /// Its number in frame owners.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// The root of its tables.
    #[inline]
    pub fn root(&self) -> PhysAddr {
        self.root
    }

    /// What `satp` holds while the space is in force.
    #[inline]
    pub fn satp(&self) -> u64 {
        self.satp
    }

    /// Pages it holds in frames of its own, or has mapped in place.
    pub fn resident(&self) -> u32 {
        self.resident
    }

    /// Its regions, ascending.
    pub fn regions(&self) -> &[Region] {
        &self.regions[..self.used]
    }

    /// The region that `va` lies in.
    #[inline]
    pub fn region_at(&mut self, va: VirtAddr) -> Option<Region> {
        if self.regions[self.last].contains(va) {
            return Some(self.regions[self.last]);
        }
        let after = self.regions().partition_point(|region| region.base <= va);
        self.last = after.checked_sub(1)?;
        let region = self.regions[self.last];
        region.contains(va).then_some(region)
    }

    /// Adds a region where none is.
    pub fn add<M: Machine>(&mut self, region: Region) -> Result<(), Error> {
        if region.base.raw() < USER_START || region.end() > user_end(M::MODE) {
            return Err(Error::BadAddress);
        }
        let at = self
            .regions()
            .partition_point(|known| known.base < region.base);
        let before = at
            .checked_sub(1)
            .is_some_and(|before| self.regions[before].end() > region.base);
        let after = at < self.used && self.regions[at].base < region.end();
        if before || after {
            return Err(Error::InUse);
        }
        self.insert(at, region)
    }

    fn insert(&mut self, at: usize, region: Region) -> Result<(), Error> {
        if self.used == MAX_REGIONS {
            return Err(Error::LimitExceeded);
        }
        self.regions.copy_within(at..self.used, at + 1);
        self.regions[at] = region;
        self.used += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.regions.copy_within(at + 1..self.used, at);
        self.used -= 1;
        self.regions[self.used] = Region::EMPTY;
    }

    /// Reserves `pages` pages of zeros where there is room, an empty page on either side.
    /// No table is touched.
    pub fn map_anonymous<M: Machine>(&mut self, pages: u64) -> Result<VirtAddr, Error> {
        let count = u32::try_from(pages).map_err(|_| Error::NoAddressSpace)?;
        let bytes = pages * PAGE_BYTES;
        let mut base = map_start(M::MODE);
        for region in self.regions() {
            if region.base.raw() >= base + bytes + PAGE_BYTES {
                break;
            }
            base = base.max(region.end().raw() + PAGE_BYTES);
        }
        if base + bytes > user_end(M::MODE).raw() {
            return Err(Error::NoAddressSpace);
        }
        let base = VirtAddr::new(base);
        self.add::<M>(Region::new(
            base,
            count,
            Prot::DATA,
            Kind::Anonymous,
            Object::Zero,
        )?)?;
        Ok(base)
    }

    /// Gives whole pages of one anonymous region back; what remains stays where it is.
    pub fn unmap<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if !va.raw().is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadAlignment);
        }
        if bytes == 0 {
            return Err(Error::BadArgument);
        }
        let end = va
            .raw()
            .checked_add(bytes)
            .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
        let end = end.ok_or(Error::BadAddress)?;
        let region = self.region_at(va).ok_or(Error::NotFound)?;
        if region.kind != Kind::Anonymous {
            return Err(Error::AccessDenied);
        }
        if end > region.end().raw() {
            return Err(Error::BadAddress);
        }
        let at = self.last;
        let before = ((va.raw() - region.base.raw()) / PAGE_BYTES) as u32;
        let through = ((end - region.base.raw()) / PAGE_BYTES) as u32;
        match (before > 0, through < region.pages) {
            (true, true) => {
                self.insert(at + 1, region.tail(through))?;
                self.regions[at].pages = before;
            }
            (true, false) => self.regions[at].pages = before,
            (false, true) => self.regions[at] = region.tail(through),
            (false, false) => self.remove(at),
        }
        self.drop_pages(va, VirtAddr::new(end), frames, machine);
        Ok(())
    }

    /// Takes the leaves of a range out, fences, and only then gives frames and tables back.
    pub(super) fn drop_pages<M: Machine>(
        &mut self,
        from: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        let mut va = from.raw();
        while va < end.raw() {
            let page = VirtAddr::new(va);
            let stop = table::walk(machine, self.root, page);
            let pte = Pte::new(stop.entry);
            if pte.is_valid() {
                machine.write_entry(stop.at, 0);
                machine.fence_page(page);
                frames.free(pte.target(M::MODE));
                self.resident -= 1;
            }
            // Where a walk stops early, nothing is mapped as far as that entry reaches.
            let reach = M::MODE.leaf_bytes(stop.level);
            va = (va / reach + 1) * reach;
        }
        let given = table::prune(machine, &mut self.tables(frames), self.root, from, end);
        if given > 0 {
            // The walker may hold a pointer to a table. Nobody can have got its frame yet:
            // the allocator is borrowed here.
            machine.fence_all();
        }
    }

    /// The source of this space's page tables.
    #[inline]
    pub(super) fn tables<'a>(&self, frames: &'a mut Frames) -> TablesOf<'a> {
        TablesOf {
            frames,
            space: self.id,
        }
    }
}

/// Gives back what the first `entries` entries of a table reach, tables included.
fn release<M: Machine>(
    frames: &mut Frames,
    machine: &mut M,
    table: PhysAddr,
    entries: u64,
    level: u8,
) {
    for index in 0..entries {
        let at = PhysAddr::new(table.raw() + index * M::MODE.entry_bytes() as u64);
        let pte = Pte::new(machine.read_entry(at));
        if !pte.is_valid() {
            continue;
        }
        let target = pte.target(M::MODE);
        if level > 0 && !pte.is_leaf() {
            release(frames, machine, target, M::MODE.entries() as u64, level - 1);
        }
        // A page mapped in place belongs to the initrd: the allocator knows it never gave it out.
        frames.free(target);
    }
}
