//! One row of the frame table: whose a frame is, and why.

/// A frame that no list goes on after. Frame 0 is never given out.
pub const NONE: u32 = 0;

/// One row of the table: 16 bytes, integers only, so that any bit pattern is a value.
///
/// The fast path of `arch/trap.S` writes the first eight bytes as one value ([`Frame::head`])
/// and then `vpn`.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub(super) state: u8,
    pub(super) flags: u8,
    pub(super) pins: u16,
    pub(super) refs: u16,
    pub(super) space: u16,
    pub(super) vpn: u32,
    /// Of a free frame: the number of the next one, or [`NONE`].
    pub(super) link: u32,
}

const _: () = assert!(size_of::<Frame>() == 16);

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

/// Flag: was met by the audit that runs.
pub(super) const SEEN: u8 = 1;

impl Frame {
    /// A row that says nothing.
    pub const EMPTY: Frame = Frame {
        state: 0,
        flags: 0,
        pins: 0,
        refs: 0,
        space: 0,
        vpn: 0,
        link: NONE,
    };

    #[inline(always)]
    pub(super) fn of(owner: Owner) -> Option<Frame> {
        let (state, space, vpn) = match owner {
            Owner::Table { space } => (TABLE, space, 0),
            Owner::Page { space, vpn } => (PAGE, space, vpn),
            Owner::Object { object, page } => (OBJECT, object, page),
            Owner::Free | Owner::Boot => return None,
        };
        Some(Frame {
            state,
            refs: 1,
            space,
            vpn,
            ..Frame::EMPTY
        })
    }

    /// Says only this. Field by field: a row that is made elsewhere would be copied by bytes.
    #[inline(always)]
    pub(super) fn set(&mut self, state: u8, link: u32) {
        self.state = state;
        self.flags = 0;
        self.pins = 0;
        self.refs = 0;
        self.space = 0;
        self.vpn = 0;
        self.link = link;
    }

    pub(super) fn owner(&self) -> Owner {
        let Frame {
            state, space, vpn, ..
        } = *self;
        match state {
            TABLE => Owner::Table { space },
            PAGE => Owner::Page { space, vpn },
            OBJECT => Owner::Object {
                object: space,
                page: vpn,
            },
            BOOT => Owner::Boot,
            _ => Owner::Free,
        }
    }

    /// The first eight bytes of a page of `space`, as the fast path writes them.
    pub(in crate::mm) fn head(space: u16) -> u64 {
        u64::from(PAGE) | 1 << 32 | u64::from(space) << 48
    }
}

#[cfg(test)]
impl Frame {
    /// What a row may hold before its frame is given out: anything.
    pub(crate) const NOISE: Frame = Frame {
        state: 3,
        flags: 0xff,
        pins: 7,
        refs: 9,
        space: 0xffff,
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
            assert_eq!(Frame::of(owner).unwrap().owner(), owner);
        }
        let page = Frame::of(owners[1]).unwrap();
        let head = u64::from(page.state)
            | u64::from(page.flags) << 8
            | u64::from(page.pins) << 16
            | u64::from(page.refs) << 32
            | u64::from(page.space) << 48;
        assert_eq!(Frame::head(0xfffe), head);
        assert_eq!(
            core::mem::offset_of!(Frame, vpn),
            8,
            "where the fast path writes it"
        );
        assert!(Frame::of(Owner::Free).is_none() && Frame::of(Owner::Boot).is_none());
    }
}
