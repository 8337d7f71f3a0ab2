//! A region: a run of pages of one kind, with the same rights, filled from one object.

use abi::{Access, Class, Error};
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::PAGE_BYTES;

/// What a program may do with a page: R, W and X of a leaf. Never W and X both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prot(u8);

const R: u8 = Pte::READ as u8;
const W: u8 = Pte::WRITE as u8;
const X: u8 = Pte::EXEC as u8;

impl Prot {
    /// Nothing at all: a guard.
    pub const NONE: Prot = Prot(0);
    /// Loads alone.
    pub const READ: Prot = Prot(R);
    /// Loads and stores: data, heap and stack.
    pub const DATA: Prot = Prot(R | W);
    /// Loads and instruction fetches: text.
    pub const TEXT: Prot = Prot(R | X);

    /// Loads, stores and instruction fetches, each or not.
    pub const fn new(read: bool, write: bool, execute: bool) -> Prot {
        Prot((read as u8 * R) | (write as u8 * W) | (execute as u8 * X))
    }

    /// Loads.
    #[inline]
    pub const fn read(self) -> bool {
        self.0 & R != 0
    }

    /// True if stores are permitted.
    #[inline]
    pub const fn write(self) -> bool {
        self.0 & W != 0
    }

    /// True if instruction fetches are permitted.
    #[inline]
    pub const fn execute(self) -> bool {
        self.0 & X != 0
    }

    /// Never both: what can be written can not be run; and what can be written can be read,
    /// since the architecture has no write-only page.
    pub const fn is_allowed(self) -> bool {
        !self.write() || self.0 == R | W
    }

    /// Is every right of `other` one of these?
    pub const fn covers(self, other: Prot) -> bool {
        other.0 & !self.0 == 0
    }

    /// Does it permit this access?
    #[inline]
    pub fn permits(self, access: Access) -> bool {
        // Reads, writes and fetches are numbered as their bits follow each other.
        const _: () = assert!(Access::Read.number() == 1 && Access::Execute.number() == 3);
        const _: () = assert!(R == 1 << 1 && W == 1 << 2 && X == 1 << 3);
        self.0 >> (access.number() & 7) & 1 != 0
    }

    /// The R, W and X bits of a leaf.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0 as u64
    }
}

/// What a region is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// Instructions of the program's file.
    Text,
    /// Constants, data and BSS of the program's file.
    Data,
    /// Memory that `sbrk` added, directly above the program's data.
    Heap,
    /// The stack: it grows down by faults, above a guard.
    Stack,
    /// Pages that no access may touch, below a stack.
    Guard,
    /// Memory that `mmap` made.
    Anonymous,
    /// Addresses that are kept, with nothing behind them.
    Reserved,
    /// A device's registers, or other memory at a fixed physical address.
    Device,
    /// Memory that several spaces share.
    Shared,
    /// Pages that another space has lent.
    Borrowed,
}

impl RegionKind {
    /// The same as the fault record says it.
    #[inline]
    pub fn class(self) -> Class {
        match self {
            RegionKind::Text => Class::Text,
            RegionKind::Data => Class::Data,
            RegionKind::Heap => Class::Heap,
            RegionKind::Stack => Class::Stack,
            RegionKind::Guard => Class::Guard,
            RegionKind::Anonymous => Class::Anonymous,
            RegionKind::Reserved => Class::Reserved,
            RegionKind::Device => Class::Device,
            RegionKind::Shared => Class::Shared,
            RegionKind::Borrowed => Class::Borrowed,
        }
    }
}

/// Where a page's first content comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Zeros: a frame is taken at the first touch of each page.
    Zero,
    /// Bytes of the initrd, then zeros.
    Image {
        /// Of the byte that belongs at the region's base.
        at: PhysAddr,
        /// How many bytes there are; the rest of the region is zero.
        bytes: u32,
    },
    /// Frames that were taken, one behind the other, when the region was made. They are there
    /// until it goes.
    Wired,
    // The pager distinguishes these three from the others with one comparison.
    /// Pages of a shared object, see `object.rs`.
    Shared {
        /// The object's place in the table.
        object: u16,
        /// The page that belongs at the region's base.
        page: u32,
        /// The frame that lists the object's pages.
        list: PhysAddr,
    },
    /// Physical memory outside of the pool of frames.
    Phys {
        /// What belongs at the region's base.
        at: PhysAddr,
        /// Type of each access: memory or device (Svpbmt, T-Head attributes).
        memory: MemoryType,
    },
    /// Bytes of the initrd, then zeros, as of a store that takes its time: a task that
    /// touches a page of them waits for it, and gets a copy.
    Stored {
        /// Of the byte that belongs at the region's base.
        at: PhysAddr,
        /// How many bytes there are; the rest of the region is zero.
        bytes: u32,
    },
}

impl Object {
    /// Does its content belong to the region alone?
    pub(super) fn is_private(&self) -> bool {
        matches!(
            self,
            Object::Zero | Object::Image { .. } | Object::Stored { .. }
        )
    }
}

/// How a program says it will use a region, and whether its pages stay. One byte: a region has no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage(u8);

const RANDOM: u8 = 1;
const PINNED: u8 = 2;

impl Usage {
    /// In some order: pages of a file come several at a time. Pages may go.
    pub const NORMAL: Usage = Usage(0);

    /// Here and there, or not: then each page comes alone.
    #[must_use]
    pub const fn with_random(self, random: bool) -> Usage {
        self.with(RANDOM, random)
    }

    /// Its pages stay in memory, or not.
    #[must_use]
    pub const fn with_pinned(self, pinned: bool) -> Usage {
        self.with(PINNED, pinned)
    }

    /// Do its pages stay in memory because the program asked for it?
    pub const fn is_pinned(self) -> bool {
        self.0 & PINNED != 0
    }

    const fn with(self, bit: u8, set: bool) -> Usage {
        Usage(if set { self.0 | bit } else { self.0 & !bit })
    }
}

/// A run of pages with one purpose and one set of rights; regions never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Address of its first page, a multiple of 4096.
    pub base: VirtAddr,
    /// Length in pages, at least 1.
    pub pages: u32,
    /// What a program may do with them.
    pub prot: Prot,
    /// What it may ever be allowed to do with them.
    pub max: Prot,
    /// What the pages are for, as `vmm` and the fault log name it.
    pub kind: RegionKind,
    /// What they hold at first.
    pub object: Object,
    /// How they will be used.
    pub usage: Usage,
}

// Of 32 bytes it is found in a table by a shift, and a copy of it is eight words on RV32: for more the compiler calls
// `memcpy`, which costs 70 instructions.
const _: () = assert!(size_of::<Region>() == 32);

impl Region {
    /// A place in the table that holds none.
    pub(super) const EMPTY: Region = Region {
        base: VirtAddr::new(0),
        pages: 0,
        prot: Prot::NONE,
        max: Prot::NONE,
        // Zero as all the rest: an empty task table lies in BSS, not in the Image.
        kind: RegionKind::Text,
        object: Object::Zero,
        usage: Usage::NORMAL,
    };

    /// Checks what no region may be: unaligned, empty, writable and executable.
    pub fn new(
        base: VirtAddr,
        pages: u32,
        prot: Prot,
        kind: RegionKind,
        object: Object,
    ) -> Result<Region, Error> {
        if !base.raw().is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadAlignment);
        }
        let bytes = u64::from(pages) * PAGE_BYTES;
        if pages == 0 || base.raw().checked_add(bytes).is_none() {
            return Err(Error::BadArgument);
        }
        if !prot.is_allowed() {
            return Err(Error::AccessDenied);
        }
        Ok(Region {
            base,
            pages,
            prot,
            max: prot,
            kind,
            object,
            usage: Usage::NORMAL,
        })
    }

    /// Do its pages stay in memory? Those that are lent do: their lender gets back the frame that it has lent.
    #[inline]
    pub(super) fn is_pinned(&self) -> bool {
        self.kind == RegionKind::Borrowed || self.usage.is_pinned()
    }

    /// Is it memory of the space alone, whose pages can be dropped and come again as at first?
    pub(super) fn is_private(&self) -> bool {
        self.object.is_private() && self.kind != RegionKind::Borrowed
    }

    /// May it be unmapped by the program that has it?
    pub(super) fn is_mmapped(&self) -> bool {
        matches!(
            self.kind,
            RegionKind::Anonymous | RegionKind::Reserved | RegionKind::Device | RegionKind::Shared
        )
    }

    /// Is an empty page beside it a guard?
    pub(super) fn has_guards(&self) -> bool {
        self.is_mmapped() || self.kind == RegionKind::Stack
    }

    /// One past its last byte.
    #[inline]
    pub fn end(&self) -> VirtAddr {
        VirtAddr::new(self.base.raw() + u64::from(self.pages) * PAGE_BYTES)
    }

    /// Does `va` lie in it?
    #[inline]
    pub fn contains(&self, va: VirtAddr) -> bool {
        self.base <= va && va < self.end()
    }

    /// How many bytes of it come from a file.
    #[inline]
    pub fn file_bytes(&self) -> u64 {
        match self.object {
            Object::Image { bytes, .. } | Object::Stored { bytes, .. } => bytes.into(),
            _ => 0,
        }
    }

    /// The part of it that begins `pages` pages in.
    pub(super) fn tail(&self, pages: u32) -> Region {
        let skipped = u64::from(pages) * PAGE_BYTES;
        let object = match self.object {
            Object::Zero => Object::Zero,
            Object::Image { at, bytes } => Object::Image {
                at: PhysAddr::new(at.raw() + skipped),
                bytes: u64::from(bytes).saturating_sub(skipped) as u32,
            },
            Object::Stored { at, bytes } => Object::Stored {
                at: PhysAddr::new(at.raw() + skipped),
                bytes: u64::from(bytes).saturating_sub(skipped) as u32,
            },
            Object::Phys { at, memory } => Object::Phys {
                at: PhysAddr::new(at.raw() + skipped),
                memory,
            },
            Object::Wired => Object::Wired,
            Object::Shared { object, page, list } => Object::Shared {
                object,
                page: page + pages,
                list,
            },
        };
        Region {
            base: VirtAddr::new(self.base.raw() + skipped),
            pages: self.pages - pages,
            object,
            ..*self
        }
    }

    /// The part of it between two of its addresses, both at pages.
    pub(super) fn part(&self, from: u64, end: u64) -> Region {
        let skipped = ((from - self.base.raw()) / PAGE_BYTES) as u32;
        Region {
            pages: ((end - from) / PAGE_BYTES) as u32,
            ..self.tail(skipped)
        }
    }

    /// Does `next` go on where this one ends, in every respect?
    pub(super) fn goes_on_as(&self, next: &Region) -> bool {
        let joined = Region {
            pages: self.pages.saturating_add(next.pages),
            ..*self
        };
        self.end() == next.base
            && joined.pages > self.pages
            && joined.tail(self.pages) == *next
            // Bytes of a file that end at this border cannot be distinguished from zeros behind them.
            && (self.file_bytes() == 0 || self.file_bytes() >= u64::from(self.pages) * PAGE_BYTES)
    }
}
