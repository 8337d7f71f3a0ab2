//! Pages that go from one space to another: for good, or lent until a message is returned.
//!
//! ```text
//!   lender's entry    R W U A D V  ──lend──►  R W U A D S   (not valid: an access is refused, or waits)
//!   borrower's        0            ─────────► R   U A   V   in its window for messages
//!   the frame         lender's     ─────────► borrower's    one owner at any time, so the audit needs no exception
//! ```
//!
//! What can fail is done first: every page is brought in, then the receiver has its region and tables, and only then
//! pages go. A page comes back where the lender's entry still says that it is lent; elsewhere it is freed. So whatever
//! became of the lender meanwhile, it comes back or is freed, and once.

use core::ops::Range;

use abi::message::{LENDS, MessageKind, PAGES};
use abi::{Access, Error, Outcome};
use pagetable::{MemoryType, PhysAddr, Pte, VirtAddr};

use super::leaf::leaf_flags;
use super::region::{Prot, RegionKind};
use super::{
    Frames, Machine, MapRequest, Owner, PAGE_BYTES, Placement, Space, Unreached, Unresolved,
    resolve, table,
};

/// Pages that a message takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Address of the first one, in the sender.
    pub va: VirtAddr,
    /// How many there are, 1 to [`PAGES`].
    pub pages: u32,
    /// Whether they go, or are lent.
    pub kind: MessageKind,
}

impl Transfer {
    /// From what a call says. `BadAlignment` for parts of pages, `BadArgument` for none or another kind of message,
    /// `LimitExceeded` for more than [`PAGES`].
    pub fn new(va: usize, bytes: usize, kind: MessageKind) -> Result<Transfer, Error> {
        let page = PAGE_BYTES as usize;
        if !va.is_multiple_of(page) || !bytes.is_multiple_of(page) {
            return Err(Error::BadAlignment);
        }
        if bytes == 0 {
            return Err(Error::BadArgument);
        }
        if bytes / page > PAGES {
            return Err(Error::LimitExceeded);
        }
        let (va, pages) = (VirtAddr::new(va as u64), (bytes / page) as u32);
        Ok(Transfer { va, pages, kind })
    }

    fn bytes(&self) -> u64 {
        u64::from(self.pages) * PAGE_BYTES
    }

    /// What the receiver may do with them.
    fn prot(&self) -> Prot {
        match self.kind {
            MessageKind::Borrow => Prot::READ,
            _ => Prot::DATA,
        }
    }
}

/// Pages that are lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lend {
    /// The number of the message; 0 for a place that is free.
    pub message: usize,
    /// The lender's process; 0 once that has ended.
    pub lender: u16,
    /// The borrower's process.
    pub borrower: u16,
    /// The place of the server that has the message.
    pub server: u8,
    /// Has the borrower received the message?
    pub received: bool,
    /// Do threads of the lender that touch the pages wait?
    pub waits: bool,
    /// How many pages there are.
    pub pages: u32,
    /// The first one's address in the lender.
    pub from: VirtAddr,
    /// The first one's address in the borrower.
    pub to: VirtAddr,
}

impl Lend {
    const NONE: Lend = Lend {
        message: 0,
        lender: 0,
        borrower: 0,
        server: 0,
        received: false,
        waits: false,
        pages: 0,
        from: VirtAddr::new(0),
        to: VirtAddr::new(0),
    };

    /// The addresses that the lender has no access to.
    fn range(&self) -> Range<u64> {
        let from = self.from.raw();
        from..from + u64::from(self.pages) * PAGE_BYTES
    }
}

/// All pages that are lent.
pub struct Lends {
    places: [Lend; LENDS],
    used: usize,
}

impl Lends {
    /// Nothing is lent.
    pub const EMPTY: Lends = Lends {
        places: [Lend::NONE; LENDS],
        used: 0,
    };

    /// Is there room for one more?
    pub fn has_room(&self) -> bool {
        self.used < LENDS
    }

    /// Notes that pages are lent; there is room for it.
    pub fn add(&mut self, lend: Lend) {
        if let Some(place) = self.places.get_mut(self.used) {
            *place = lend;
            self.used += 1;
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Lend] {
        &self.places[..self.used.min(LENDS)]
    }

    /// The first one of which that is true.
    pub fn find(&self, is_it: impl Fn(&Lend) -> bool) -> Option<Lend> {
        self.all().iter().copied().find(is_it)
    }

    /// What a message that a process has received lends to it.
    #[inline]
    pub fn of_message(&self, message: usize, borrower: u16) -> Option<Lend> {
        let is_it = |lend: &Lend| lend.message == message && lend.borrower == borrower;
        self.find(|lend| is_it(lend) && lend.received)
    }

    /// Has the process lent one of these pages?
    pub fn reach(&self, lender: u16, va: VirtAddr, bytes: u64) -> Option<Lend> {
        let (from, end) = (va.raw(), va.raw().saturating_add(bytes));
        self.find(|lend| {
            let range = lend.range();
            lend.lender == lender && range.start < end && from < range.end
        })
    }

    /// The borrower has received the message.
    pub fn set_received(&mut self, message: usize) {
        let mut lends = self.places[..self.used.min(LENDS)].iter_mut();
        if let Some(lend) = lends.find(|lend| lend.message == message) {
            lend.received = true;
        }
    }

    /// It is lent no longer.
    pub fn remove(&mut self, message: usize, borrower: u16) {
        let is_it = |lend: &Lend| lend.message == message && lend.borrower == borrower;
        if let Some(place) = self.all().iter().position(is_it) {
            self.used -= 1;
            self.places[place] = self.places[self.used];
        }
    }

    /// Who borrowed these pages gives them up: what it has lent of them on is lent by who lent them to it.
    pub fn hand_on(&mut self, given_up: &Lend) {
        let to = given_up.to.raw();
        let end = to + u64::from(given_up.pages) * PAGE_BYTES;
        for lend in &mut self.places[..self.used.min(LENDS)] {
            if lend.lender == given_up.borrower && (to..end).contains(&lend.from.raw()) {
                lend.lender = given_up.lender;
                lend.from = given_up.from.wrapping_add(lend.from.raw() - to);
                lend.waits = given_up.waits;
            }
        }
    }

    /// A process ends: what it had lent of its own has no lender any more.
    pub fn lender_ends(&mut self, pid: u16) {
        for place in 0..self.used {
            if let Some(&lend) = self.all().get(place).filter(|lend| lend.borrower == pid) {
                self.hand_on(&lend);
            }
        }
        for lend in &mut self.places[..self.used.min(LENDS)] {
            if lend.lender == pid {
                lend.lender = 0;
            }
        }
    }
}

impl Space {
    /// Makes sure that every page can go: it is this space's own, there, and not lent. Brings in what is missing.
    ///
    /// `NotFound` and `BadAddress` where nothing or a hole is, `AccessDenied` for what others see too, devices, wired pages,
    /// pages of the program's file that are not its own, and rights that it has not; `ShareViolation` for what is lent,
    /// `OutOfMemory`.
    pub fn prepare_transfer<M: Machine>(
        &mut self,
        transfer: &Transfer,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Unreached> {
        let covered = self.covered(transfer.va, transfer.bytes())?;
        let writes = transfer.kind != MessageKind::Borrow;
        for region in self.within(&covered) {
            let may = region.object.is_private() && region.prot.covers(transfer.prot());
            let goes = transfer.kind != MessageKind::Move || region.kind == RegionKind::Anonymous;
            if !may || !goes {
                return Err(Error::AccessDenied.into());
            }
        }
        // One more for the window, where the sender receives it itself.
        let parts = 1 + self.borders(&covered);
        if transfer.kind == MessageKind::Move && !self.has_room(parts) {
            return Err(Error::LimitExceeded.into());
        }
        for page in 0..u64::from(transfer.pages) {
            let va = transfer.va.wrapping_add(page * PAGE_BYTES);
            self.prepare_page(va, writes, frames, machine)?;
        }
        Ok(())
    }

    fn prepare_page<M: Machine>(
        &mut self,
        va: VirtAddr,
        writes: bool,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Unreached> {
        let stop = table::walk(machine, self.root(), va);
        let own = Owner::Page {
            space: self.id(),
            vpn: (va.raw() / PAGE_BYTES) as u32,
        };
        let is_own = |frames: &Frames, frame| frames.owner(frame) == own;
        let pte = Pte::new(stop.entry);
        if stop.level == 0 && pte.is_valid() && is_own(frames, pte.target(M::MODE)) {
            return Ok(());
        }
        // A store makes a page that a fork has shared the space's own.
        let region = self.region_at(va);
        let writes = writes || region.is_some_and(|region| region.prot.write());
        let access = if writes { Access::Write } else { Access::Read };
        match resolve(self, frames, machine, va, access) {
            Ok(resolution) if is_own(frames, resolution.frame) => Ok(()),
            Ok(_) => Err(Error::AccessDenied.into()),
            Err(Unresolved::Wait(request)) => Err(Unreached::Wait(request)),
            Err(Unresolved::Refused(refused)) => Err(Unreached::Refused(match refused.outcome {
                Outcome::Lent => Error::ShareViolation,
                Outcome::OutOfMemory => Error::OutOfMemory,
                _ => Error::AccessDenied,
            })),
        }
    }

    /// Makes room for pages in the window for messages: a region, and the tables that its leaves need; its address.
    /// `NoAddressSpace`, `LimitExceeded` or `OutOfMemory`, and nothing has changed.
    pub fn open_window<M: Machine>(
        &mut self,
        transfer: &Transfer,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<VirtAddr, Error> {
        let window = self.layout::<M>().message;
        let none = super::layout::UserRange { start: 0, end: 0 };
        let gap = self.gap_in(window, none, transfer.bytes(), PAGE_BYTES);
        let (base, _) = gap.ok_or(Error::NoAddressSpace)?;
        let base = VirtAddr::new(base);
        let kind = match transfer.kind {
            MessageKind::Move => RegionKind::Anonymous,
            _ => RegionKind::Borrowed,
        };
        let wanted = MapRequest {
            kind,
            prot: transfer.prot(),
            max: transfer.prot(),
            ..MapRequest::zeros(transfer.pages.into())
        };
        self.map::<M>(Placement::At(base), &wanted)?;
        let root = self.root();
        let last = base.wrapping_add(transfer.bytes() - PAGE_BYTES);
        let table = M::MODE.leaf_bytes(1);
        let mut va = base;
        while va <= last {
            let mut tables = self.tables(frames);
            if table::make_slot(machine, &mut tables, root, va, 0).is_err() {
                self.close_window(base, transfer.pages, frames, machine);
                return Err(Error::OutOfMemory);
            }
            va = VirtAddr::new(va.align_down(table).raw() + table);
        }
        Ok(base)
    }

    /// Takes a region of pages away that have gone, with tables that nothing needs any more.
    pub fn close_window<M: Machine>(
        &mut self,
        base: VirtAddr,
        pages: u32,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        let bytes = u64::from(pages) * PAGE_BYTES;
        if let Ok(covered) = self.covered(base, bytes) {
            let free = self.carve(&covered);
            self.drop_pages(base..covered.end, free, frames, machine);
        }
    }

    /// The page goes: its frame. `lend` leaves an entry that says so. Fenced: no translation leads to it any more.
    pub fn give_page<M: Machine>(
        &mut self,
        va: VirtAddr,
        lend: bool,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Option<PhysAddr> {
        let stop = table::walk(machine, self.root(), va);
        let pte = Pte::new(stop.entry);
        if stop.level > 0 || !pte.is_valid() {
            return None;
        }
        let entry = if lend { table::lend(stop.entry) } else { 0 };
        machine.write_entry(stop.at, entry);
        machine.fence_page(va);
        frames.fast.close();
        self.resident -= 1;
        Some(pte.target(M::MODE))
    }

    /// Enters a page that comes, where [`Self::open_window`] has made room for it.
    pub fn take_page<M: Machine>(
        &mut self,
        va: VirtAddr,
        prot: Prot,
        frame: PhysAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        let at = table::walk(machine, self.root(), va).at;
        let kept = Pte::ACCESSED | Pte::DIRTY;
        let flags = leaf_flags(machine, prot, MemoryType::Ram) | kept;
        machine.write_entry(at, Pte::leaf(M::MODE, frame, flags).raw());
        // A hart may hold that nothing was there.
        machine.fence_page(va);
        frames.transfer(frame, self.id(), (va.raw() / PAGE_BYTES) as u32);
        self.resident += 1;
    }

    /// A page that was lent from there comes back; false where nothing waits for it any more.
    pub fn take_back<M: Machine>(
        &mut self,
        va: VirtAddr,
        frame: PhysAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) -> bool {
        let stop = table::walk(machine, self.root(), va);
        if stop.level > 0 || table::lent_page::<M>(stop.entry) != Some(frame) {
            return false;
        }
        // The borrower may have written to it, and no slot of the store has it any more.
        let kept = Pte::ACCESSED | Pte::DIRTY;
        machine.write_entry(stop.at, table::unlend(stop.entry) | kept);
        machine.fence_page(va);
        frames.transfer(frame, self.id(), (va.raw() / PAGE_BYTES) as u32);
        self.resident += 1;
        true
    }
}
