//! A region: a run of pages of one kind, with the same rights, filled from one object.

use abi::{Access, Class, Error};
use pagetable::{PhysAddr, Pte, VirtAddr};

use super::PAGE_BYTES;

/// What a program may do with a page. Never write and execute both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prot {
    /// Loads.
    pub read: bool,
    /// Stores; readable too, since the architecture has no write-only page.
    pub write: bool,
    /// Instruction fetches.
    pub execute: bool,
}

impl Prot {
    /// Nothing at all: a guard.
    pub const NONE: Prot = Prot {
        read: false,
        write: false,
        execute: false,
    };
    /// Loads and stores.
    pub const DATA: Prot = Prot {
        read: true,
        write: true,
        execute: false,
    };

    /// Does it permit this access?
    #[inline]
    pub fn permits(self, access: Access) -> bool {
        match access {
            Access::Read => self.read,
            Access::Write => self.write,
            Access::Execute => self.execute,
            _ => false,
        }
    }

    /// The R, W and X bits of a leaf.
    #[inline]
    pub fn bits(self) -> u64 {
        let bit = |wanted: bool, bit| if wanted { bit } else { 0 };
        bit(self.read, Pte::READ) | bit(self.write, Pte::WRITE) | bit(self.execute, Pte::EXEC)
    }
}

/// What a region is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Instructions of the program's file.
    Text,
    /// Constants, data and BSS of the program's file.
    Data,
    /// What `sbrk` gave.
    Heap,
    /// The stack.
    Stack,
    /// Pages kept empty.
    Guard,
    /// What `mmap` gave.
    Anonymous,
}

impl Kind {
    /// The same as the fault record says it.
    #[inline]
    pub fn class(self) -> Class {
        match self {
            Kind::Text => Class::Text,
            Kind::Data => Class::Data,
            Kind::Heap => Class::Heap,
            Kind::Stack => Class::Stack,
            Kind::Guard => Class::Guard,
            Kind::Anonymous => Class::Anonymous,
        }
    }
}

/// Where a page's first content comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Zeros.
    Zero,
    /// Bytes of the initrd, then zeros.
    Image {
        /// Of the byte that belongs at the region's base.
        at: PhysAddr,
        /// How many bytes there are; the rest of the region is zero.
        bytes: u64,
    },
}

/// A run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its first page.
    pub base: VirtAddr,
    /// How many.
    pub pages: u32,
    /// What a program may do with them.
    pub prot: Prot,
    /// What they are for.
    pub kind: Kind,
    /// What they hold at first.
    pub object: Object,
}

impl Region {
    /// A place in the table that holds none.
    pub(super) const EMPTY: Region = Region {
        base: VirtAddr::new(0),
        pages: 0,
        prot: Prot::NONE,
        kind: Kind::Guard,
        object: Object::Zero,
    };

    /// Checks what no region may be: unaligned, empty, writable and executable.
    pub fn new(
        base: VirtAddr,
        pages: u32,
        prot: Prot,
        kind: Kind,
        object: Object,
    ) -> Result<Region, Error> {
        if !base.raw().is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadAlignment);
        }
        let bytes = u64::from(pages) * PAGE_BYTES;
        if pages == 0 || base.raw().checked_add(bytes).is_none() {
            return Err(Error::BadArgument);
        }
        if prot.write && (prot.execute || !prot.read) {
            return Err(Error::AccessDenied);
        }
        Ok(Region {
            base,
            pages,
            prot,
            kind,
            object,
        })
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

    /// The part of it that begins `pages` pages in.
    pub(super) fn tail(&self, pages: u32) -> Region {
        let skipped = u64::from(pages) * PAGE_BYTES;
        let object = match self.object {
            Object::Zero => Object::Zero,
            Object::Image { at, bytes } => Object::Image {
                at: PhysAddr::new(at.raw() + skipped),
                bytes: bytes.saturating_sub(skipped),
            },
        };
        Region {
            base: VirtAddr::new(self.base.raw() + skipped),
            pages: self.pages - pages,
            object,
            ..*self
        }
    }
}
