//! One row of the frame table: whose a frame is, and why.

/// A frame that no list goes on after. Frame 0 is never given out.
pub const NONE: u32 = 0;

/// One row of the table: 16 bytes, integers only, so that any bit pattern is a value.
///
/// ```text
///  0       8        9      16               48      64      96     128
///  | state | backed | idle | audit          | space | vpn   | link |
/// ```
/// The first eight bytes are one value, which the fast path of `arch/fast.S` writes as it is.
///
/// A free frame is in its arena's list: `link` is the one behind it, `vpn` the one before it. The
/// first of a list may say anything there, because the fast path takes it and looks at no other.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDescriptor {
    head: u64,
    vpn: u32,
    /// Of a free frame: the number of the next one, or [`NONE`]. Of a page that is backed: its slot.
    pub(super) link: u32,
}

const _: () = assert!(size_of::<FrameDescriptor>() == 16);

/// Not given out.
pub(super) const FREE: u8 = 1;
/// A page table.
pub(super) const TABLE: u8 = 2;
/// A page of a space.
pub(super) const PAGE: u8 = 3;
/// Taken at boot, or set aside since.
pub(super) const BOOT: u8 = 4;
/// Not given out, and full of zeros.
pub(super) const ZEROED: u8 = 5;
/// A page of a shared object, or its list of pages.
pub(super) const OBJECT: u8 = 6;
/// A page that spaces have in common until one of them writes to it: in the place of the space, how many.
pub(super) const COMMON: u8 = 12;

/// In the head: `link` is the page's slot in the backing store. With the bits behind it, the heads of two pages of one space
/// differ: who compares owners compares state and space.
const BACKED: u64 = 1 << 8;
const IDLE_SHIFT: u32 = 9;
/// The most rounds that are counted.
pub(super) const IDLE_MAX: u8 = 127;

impl FrameDescriptor {
    /// A row that says nothing.
    pub const EMPTY: FrameDescriptor = FrameDescriptor::new(0, NONE);

    /// The descriptor of a free frame.
    #[inline(always)]
    pub(super) const fn new(state: u8, link: u32) -> FrameDescriptor {
        FrameDescriptor {
            head: state as u64,
            vpn: 0,
            link,
        }
    }

    /// The number of the frame before a free one that is not the first of its list.
    #[inline(always)]
    pub(super) fn before(&self) -> u32 {
        self.vpn
    }

    #[inline(always)]
    pub(super) fn set_before(&mut self, frame: u32) {
        self.vpn = frame;
    }

    #[inline(always)]
    pub(super) fn of(owner: Owner) -> Option<FrameDescriptor> {
        let (state, space, vpn) = match owner {
            Owner::Table { space } => (TABLE, space, 0),
            Owner::Page { space, vpn } => (PAGE, space, vpn),
            Owner::Object { object, page } => (OBJECT, object, page),
            Owner::Free | Owner::Boot | Owner::Common { .. } => return None,
        };
        Some(FrameDescriptor {
            head: u64::from(state) | u64::from(space) << 48,
            vpn,
            link: NONE,
        })
    }

    /// The slot of the backing store that has the page as it was when it came.
    #[inline]
    pub(super) fn slot(&self) -> Option<u32> {
        (self.head & BACKED != 0).then_some(self.link)
    }

    pub(super) fn set_slot(&mut self, slot: Option<u32>) {
        self.head = self.head & !BACKED | if slot.is_some() { BACKED } else { 0 };
        self.link = slot.unwrap_or(NONE);
    }

    /// How often the hand of the evictor has found it unused since it was used.
    pub(super) fn idle(&self) -> u8 {
        (self.head >> IDLE_SHIFT) as u8 & IDLE_MAX
    }

    pub(super) fn set_idle(&mut self, rounds: u8) {
        let field = u64::from(IDLE_MAX) << IDLE_SHIFT;
        self.head = self.head & !field | u64::from(rounds.min(IDLE_MAX)) << IDLE_SHIFT;
    }

    /// What it is given out as, if it is.
    #[inline]
    pub(super) fn state(&self) -> u8 {
        self.head as u8
    }

    /// The space, or the object; of a common page how many spaces have it.
    #[inline]
    pub(super) fn space(&self) -> u16 {
        (self.head >> 48) as u16
    }

    /// The number of the last audit that met it; 0 if none did since it was given out.
    pub(super) fn audit(&self) -> u32 {
        (self.head >> 16) as u32
    }

    pub(super) fn set_audit(&mut self, audit: u32) {
        self.head = self.head & !(0xffff_ffff << 16) | u64::from(audit) << 16;
    }

    pub(super) fn owner(&self) -> Owner {
        let (space, vpn) = (self.space(), self.vpn);
        match self.state() {
            TABLE => Owner::Table { space },
            PAGE => Owner::Page { space, vpn },
            OBJECT => Owner::Object {
                object: space,
                page: vpn,
            },
            COMMON => Owner::Common { shares: space, vpn },
            BOOT => Owner::Boot,
            _ => Owner::Free,
        }
    }

    /// So many spaces have the page from now on, all at the address that it has.
    #[inline]
    pub(super) fn set_common(&mut self, shares: u16) {
        self.head = u64::from(COMMON) | u64::from(shares) << 48;
    }

    /// The row of a page of that space, whichever page.
    pub(super) fn of_page(space: u16) -> FrameDescriptor {
        FrameDescriptor {
            head: FrameDescriptor::head(space),
            vpn: 0,
            link: NONE,
        }
    }

    /// Are both pages of one space? No audit marks pages, so that all of the first eight bytes are the same then, but for
    /// the evictor's count. A page that a store backs is not, as its slot is one page's.
    #[inline(always)]
    pub(super) fn is_of_same_owner(&self, other: &FrameDescriptor) -> bool {
        (self.head ^ other.head) & !(u64::from(IDLE_MAX) << IDLE_SHIFT) == 0
    }

    /// It is a page of that space alone from now on, at the address that it has.
    #[inline]
    pub(super) fn set_own(&mut self, space: u16) {
        self.head = FrameDescriptor::head(space);
    }

    /// The first eight bytes of a page of `space`, as the fast path writes them.
    pub(in crate::mm) fn head(space: u16) -> u64 {
        u64::from(PAGE) | u64::from(space) << 48
    }
}

#[cfg(test)]
impl FrameDescriptor {
    /// What a row may hold before its frame is given out: anything.
    pub(crate) const NOISE: FrameDescriptor = FrameDescriptor {
        head: 0xffff_0000_0000_ff03,
        vpn: !0,
        link: 3,
    };
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Not given out.
    Free,
    /// Taken at boot: the Image, the device tree, the kernel's own tables; or set aside since;
    /// or not RAM at all.
    Boot,
    /// A page table of this space.
    Table {
        /// The space's id.
        space: u16,
    },
    /// A page of this space.
    Page {
        /// The space's id.
        space: u16,
        /// Its virtual page number (the low 32 bits).
        vpn: u32,
    },
    /// A page that a fork has made common to several spaces, at the same address in each.
    Common {
        /// How many spaces have it: entries of page tables that name the frame.
        shares: u16,
        /// Its virtual page number (the low 32 bits).
        vpn: u32,
    },
    /// Of a shared object.
    Object {
        /// The object's place in the table of objects.
        object: u16,
        /// The page within it; [`Owner::LIST`] for the list of its pages.
        page: u32,
    },
}

impl Owner {
    /// The frame that lists an object's pages.
    pub const LIST: u32 = u32::MAX;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_slot_and_its_rounds_beside_its_owner() {
        let owner = Owner::Page { space: 9, vpn: 5 };
        let mut row = FrameDescriptor::of(owner).unwrap();
        assert_eq!((row.slot(), row.idle()), (None, 0));
        row.set_audit(u32::MAX);
        row.set_slot(Some(u32::MAX));
        row.set_idle(255);
        assert_eq!((row.slot(), row.idle()), (Some(u32::MAX), IDLE_MAX));
        row.set_idle(3);
        row.set_slot(None);
        assert_eq!((row.slot(), row.idle(), row.audit()), (None, 3, u32::MAX));
        assert_eq!((row.owner(), row.state()), (owner, PAGE));
    }

    #[test]
    fn a_row_says_its_owner_and_begins_as_the_fast_path_writes_it() {
        let owners = [
            Owner::Table { space: 7 },
            Owner::Page {
                space: 0xfffe,
                vpn: 0x1234_5678,
            },
            Owner::Object { object: 3, page: 9 },
        ];
        for owner in owners {
            assert_eq!(FrameDescriptor::of(owner).unwrap().owner(), owner);
        }
        let page = FrameDescriptor::of(owners[1]).unwrap();
        assert_eq!(FrameDescriptor::head(0xfffe), page.head);
        assert_eq!(
            core::mem::offset_of!(FrameDescriptor, vpn),
            8,
            "where the fast path writes it"
        );
        assert!(
            FrameDescriptor::of(Owner::Free).is_none()
                && FrameDescriptor::of(Owner::Boot).is_none()
        );
    }
}
