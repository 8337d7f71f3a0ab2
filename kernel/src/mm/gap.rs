//! New regions: at an address, or wherever there is room.

use abi::Error;
use pagetable::{PhysAddr, Pte, VirtAddr};

use super::layout::{UserRange, user_ranges};
use super::region::{Object, Prot, Region, RegionKind};
use super::{Budget, Frames, Job, Machine, Owner, PAGE_BYTES, RunSearch, Space, table};

/// Pages that one wired mapping can have, 64 MiB: its run of frames is taken in one go.
pub const MOST_WIRED: u64 = 16_384;

/// Where a new region is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Where there is room, at a multiple of so many bytes (a power of two), with an empty
    /// page on either side.
    Anywhere {
        /// Alignment in bytes, a power of two.
        align: u64,
    },
    /// At this address; `InUse` if a region is there.
    At(VirtAddr),
}

impl Placement {
    /// Wherever a page may be.
    pub const ANYWHERE: Placement = Placement::Anywhere { align: PAGE_BYTES };
}

/// What a new region is to hold, and its rights.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// Length in pages, at least 1.
    pub pages: u64,
    /// What the program may do with them.
    pub prot: Prot,
    /// What it may ever be allowed to do.
    pub max: Prot,
    /// What the pages are for.
    pub kind: RegionKind,
    /// What the pages hold when they are first touched.
    pub object: Object,
}

impl MapRequest {
    /// A request for pages of zeros, readable and writable, anywhere.
    pub const fn zeros(pages: u64) -> MapRequest {
        MapRequest {
            pages,
            prot: Prot::DATA,
            max: Prot::DATA,
            kind: RegionKind::Anonymous,
            object: Object::Zero,
        }
    }
}

impl Space {
    /// Makes a region; its first address. No table is touched, however large it is.
    ///
    /// `BadArgument` for no page at all or an alignment that is none, `BadAlignment` and
    /// `BadAddress` for an address that no region can have, `InUse` where one is,
    /// `NoAddressSpace` where no gap is large enough, `AccessDenied` for rights that no
    /// region gets, `LimitExceeded` when the table of regions is full.
    pub fn map<M: Machine>(
        &mut self,
        place: Placement,
        wanted: &MapRequest,
    ) -> Result<VirtAddr, Error> {
        if wanted.pages == 0 {
            return Err(Error::BadArgument);
        }
        let pages = u32::try_from(wanted.pages).map_err(|_| Error::NoAddressSpace)?;
        let (base, at) = match place {
            Placement::At(va) => (va, self.regions().partition_point(|known| known.base < va)),
            Placement::Anywhere { align } => self.gap::<M>(wanted.pages * PAGE_BYTES, align)?,
        };
        let region = Region::new(base, pages, wanted.prot, wanted.kind, wanted.object)?;
        if !wanted.max.covers(wanted.prot) {
            return Err(Error::AccessDenied);
        }
        let max = wanted.max;
        self.add_at::<M>(at, Region { max, ..region })?;
        Ok(base)
    }

    /// The lowest gap of `bytes` bytes with an empty page on either side: in the layout's
    /// window first, then wherever a program may have memory. With it, the place that its region will have.
    fn gap<M: Machine>(&self, bytes: u64, align: u64) -> Result<(VirtAddr, usize), Error> {
        if !align.is_power_of_two() || align < PAGE_BYTES {
            return Err(Error::BadAlignment);
        }
        let layout = self.layout::<M>();
        let windows = core::iter::once(&layout.map).chain(user_ranges(M::MODE));
        windows
            .filter_map(|&window| self.gap_in(window, layout.message, bytes, align))
            .next()
            .map(|(base, at)| (VirtAddr::new(base), at))
            .ok_or(Error::NoAddressSpace)
    }

    pub(super) fn gap_in(
        &self,
        within: UserRange,
        not: UserRange,
        bytes: u64,
        align: u64,
    ) -> Option<(u64, usize)> {
        // By mask: the multiple is a power of two, and a division of 64 bits takes a hart of 32 hundreds of instructions.
        let aligned = |at: u64| Some(at.checked_add(align - 1)? & !(align - 1));
        let mut base = aligned(within.start)?;
        let first = self
            .regions()
            .partition_point(|region| region.end().raw() + PAGE_BYTES <= base);
        let mut place = first;
        loop {
            let end = base.checked_add(bytes).filter(|&end| end <= within.end)?;
            if (UserRange { start: base, end }).meets(not) {
                base = aligned(not.end)?;
                continue;
            }
            match self.regions().get(place) {
                Some(region) if region.base.raw() < end + PAGE_BYTES => {
                    base = aligned(base.max(region.end().raw() + PAGE_BYTES))?;
                    place += 1;
                }
                _ => return Some((base, place)),
            }
        }
    }

    /// The search for frames that follow each other in physical memory, as a wired region needs them.
    ///
    /// `LimitExceeded` for more than `MOST_WIRED` pages, `OutOfMemory` for more than are free.
    pub fn search_wired<M: Machine>(
        place: Placement,
        wanted: &MapRequest,
        frames: &Frames,
    ) -> Result<RunSearch, Error> {
        if !wanted.max.covers(wanted.prot) || !wanted.prot.is_allowed() {
            return Err(Error::AccessDenied);
        }
        if wanted.pages > u64::from(frames.counts().free()) {
            return Err(Error::OutOfMemory);
        }
        if wanted.pages > MOST_WIRED {
            return Err(Error::LimitExceeded);
        }
        let large = M::MODE.leaf_bytes(1);
        let has_large =
            matches!(place, Placement::Anywhere { .. }) && wanted.pages * PAGE_BYTES >= large;
        let align = if has_large { large / PAGE_BYTES } else { 1 };
        RunSearch::new(wanted.pages as u32, align as u32)
    }

    /// Makes a region of the frames that `found` has come to, entered at once with the largest leaves that fit; its
    /// address, and what is left to do: until that is done, no program may see what they hold. On an error
    /// nothing has changed.
    pub fn begin_wired<M: Machine>(
        &mut self,
        place: Placement,
        wanted: &MapRequest,
        found: &RunSearch,
        budget: &mut Budget,
        (frames, machine): (&mut Frames, &mut M),
    ) -> Result<(VirtAddr, Job), Error> {
        let hidden = MapRequest {
            object: Object::Wired,
            prot: Prot::NONE,
            ..*wanted
        };
        let place = match place {
            Placement::Anywhere { align } => Placement::Anywhere {
                align: align.max(found.align_bytes()),
            },
            at => at,
        };
        let base = self.map::<M>(place, &hidden)?;
        let count = wanted.pages as u32;
        let (space, vpn) = (self.id(), (base.raw() / PAGE_BYTES) as u32);
        let owner = |page| Owner::Page {
            space,
            vpn: vpn.wrapping_add(page),
        };
        let first = frames.take_found(found, budget, owner);
        let entered = first.ok_or(Error::OutOfMemory).and_then(|first| {
            self.enter_run(wanted.pages, base, first, frames, machine)
                .inspect_err(|_| frames.free_leaf(space, first, wanted.pages * PAGE_BYTES))
        });
        if let Err(error) = entered {
            if let Some(place) = self.place_of(base) {
                self.remove(place);
            }
            return Err(error);
        }
        self.resident += count;
        let end = base.wrapping_add(wanted.pages * PAGE_BYTES);
        Ok((base, Job::zero(wanted.prot, base, end)))
    }

    /// Enters leaves that permit nothing.
    fn enter_run<M: Machine>(
        &mut self,
        pages: u64,
        base: VirtAddr,
        first: PhysAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let bytes = pages * PAGE_BYTES;
        let memory = machine.dialect().bits(pagetable::MemoryType::Ram);
        let flags = Pte::USER | Pte::ACCESSED | Pte::DIRTY | memory | Pte::READ;
        let root = self.root();
        let mut tables = self.tables(frames);
        let mapped = table::map_range(machine, &mut tables, root, base, first, bytes, flags);
        let end = base.wrapping_add(bytes);
        if mapped.is_err() {
            table::clear_range(machine, root, base, end);
            table::prune(machine, &mut tables, root, base, end);
        } else {
            table::each_page(machine, root, base, end, |machine, _, stop| {
                machine.write_entry(stop.at, table::with_rights(stop.entry, 0));
            });
        }
        // Whether it is there or not: a miss may be held, or a table.
        machine.fence_all();
        mapped.map_err(|_| Error::OutOfMemory)
    }
}
