//! All harts that run the kernel, and what the others own while one of them has the lock.
//!
//! The hart that has the lock finds its own [`Local`] in the
//! [`System`](crate::system::System), wherever it ran before: a board with one hart pays nothing for it. When
//! another hart gets the lock, the two change places.
//!
//! ```text
//!   hart 0 holds the lock                     hart 2 holds the lock
//!   system.local   of hart 0                  system.local   of hart 2
//!   away           –   1   2   3     ──►      away           0   1   –   3
//! ```
//!
//! Threads of one process run on several harts, and its space is active on each of them. Before anything is taken out of
//! its tables, the other harts leave it ([`System::shoot_down`](crate::system::System::shoot_down)): each goes to the
//! kernel's own tables, forgets every translation, and waits for the lock. So no other hart holds translations of a space
//! when its pages go, and none sets A or D in an entry that is being changed. A hart that has nothing to run leaves the space
//! that it had.

use core::mem;

use crate::local::Local;
use crate::platform::Platform;
use crate::task::{Schedule, Slot};

/// Harts that can run the kernel at once.
pub const MAX_HARTS: usize = 8;

/// What is counted of a hart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HartCounts {
    /// Traps out of programs.
    pub traps: u64,
    /// Ticks of the timebase without a program.
    pub idle: u64,
    /// Interrupts that it sent to other harts.
    pub ipis: u64,
    /// Instructions that it had retired when it last took the lock; 0 where that cannot be read.
    pub instructions: u64,
    /// Acquisitions of the kernel's lock.
    pub taken: u64,
    /// Those of them that had to wait for another hart.
    pub contended: u64,
    /// Times that it left a space for another hart, which changed the tables or ended the thread.
    pub shootdowns: u64,
}

/// What a hart owns that does not have the lock.
struct Away<P: Platform> {
    platform: P,
    schedule: Schedule,
}

/// What is kept of each hart, by index. Apart from [`Harts`], which is moved at boot.
pub struct HartTable<P: Platform> {
    away: [Option<Away<P>>; MAX_HARTS],
    ids: [usize; MAX_HARTS],
    counts: [HartCounts; MAX_HARTS],
    /// Those that have left the space of the thread that they run, a bit for each index: they wait for the lock.
    left: u32,
}

impl<P: Platform> HartTable<P> {
    /// Room for all.
    pub const EMPTY: HartTable<P> = HartTable {
        away: [const { None }; MAX_HARTS],
        ids: [0; MAX_HARTS],
        counts: [HartCounts {
            traps: 0,
            idle: 0,
            ipis: 0,
            instructions: 0,
            taken: 0,
            contended: 0,
            shootdowns: 0,
        }; MAX_HARTS],
        left: 0,
    };
}

/// The harts that run the kernel; each has an index, from 0, which is the hart that booted.
pub struct Harts<P: Platform> {
    /// Who has the lock.
    current: usize,
    are_several: bool,
    /// What records of faults say of the hart that has the lock; 0 where there is one.
    number: u16,
    table: &'static mut HartTable<P>,
}

impl<P: Platform> Harts<P> {
    /// One hart, by the SBI's number.
    pub fn one(id: usize, table: &'static mut HartTable<P>) -> Harts<P> {
        table.ids[0] = id;
        Harts {
            current: 0,
            are_several: false,
            number: 0,
            table,
        }
    }

    /// Does more than one hart run the kernel?
    #[inline]
    pub fn are_several(&self) -> bool {
        self.are_several
    }

    /// One more hart: its index, below [`MAX_HARTS`].
    pub fn add(&mut self, index: usize, id: usize, platform: P, schedule: Schedule) {
        self.table.away[index] = Some(Away { platform, schedule });
        self.table.ids[index] = id;
        self.are_several = true;
        self.number = self.table.ids[self.current] as u16;
    }

    /// A hart that was added does not come.
    pub fn remove(&mut self, index: usize) {
        self.table.away[index] = None;
        self.are_several = self.table.away.iter().any(Option::is_some);
        if !self.are_several {
            self.number = 0;
        }
    }

    /// The index of the hart that has the lock.
    pub fn current(&self) -> usize {
        self.current
    }

    /// The SBI's number of the hart with that index.
    pub fn id(&self, index: usize) -> usize {
        self.table.ids[index]
    }

    /// Those that run the kernel, by index.
    pub fn running(&self) -> impl Iterator<Item = usize> + '_ {
        (0..MAX_HARTS).filter(|&index| index == self.current || self.table.away[index].is_some())
    }

    /// The SBI's number of the hart that has the lock, for records of faults; 0 where there is one.
    #[inline]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The number of the hart with that index in records of faults and in `ps`: the SBI's, and 0 where there is one.
    pub fn number_of(&self, index: usize) -> u16 {
        match self.are_several {
            true => self.table.ids[index] as u16,
            false => 0,
        }
    }

    /// What was counted of the hart with that index.
    pub fn counts(&self, index: usize) -> HartCounts {
        self.table.counts[index]
    }

    /// To count something of the hart that has the lock.
    pub fn count(&mut self) -> &mut HartCounts {
        &mut self.table.counts[self.current]
    }

    /// The hart with that index took the lock once more. That many times it has had to wait for it, and so many
    /// instructions it has retired.
    pub fn took_lock(&mut self, index: usize, contended: u64, instructions: u64) {
        let counts = &mut self.table.counts[index];
        counts.taken += 1;
        counts.contended = contended;
        counts.instructions = instructions;
    }

    /// The thread that the hart with that index runs, if it does not have the lock.
    pub fn runs(&self, index: usize) -> Option<Slot> {
        let schedule = &self.table.away[index].as_ref()?.schedule;
        schedule.is_occupied().then(|| schedule.current())
    }

    /// The numbers of all, by index.
    pub fn ids(&self) -> [usize; MAX_HARTS] {
        self.table.ids
    }

    /// The hart with that index has the lock now: its own state takes the place of the one before.
    pub fn exchange(&mut self, index: usize, local: &mut Local<P>) {
        if self.current == index {
            return;
        }
        if let Some(mut own) = self.table.away[index].take() {
            mem::swap(&mut local.platform, &mut own.platform);
            mem::swap(&mut local.schedule, &mut own.schedule);
            self.table.away[self.current] = Some(own);
            self.current = index;
            self.number = self.table.ids[index] as u16;
        }
    }

    /// A hart that runs no task, besides the one that has the lock.
    pub fn idle(&self) -> Option<usize> {
        let is_idle = |away: &Option<Away<P>>| {
            let away = away.as_ref();
            away.is_some_and(|away| !away.schedule.is_occupied())
        };
        self.table.away.iter().position(is_idle)
    }

    /// The harts that have the space of a process active and do not have the lock, a bit for each index.
    fn active_elsewhere(&self, is_meant: impl Fn(u16) -> bool) -> u32 {
        let mut harts = 0;
        for (index, away) in self.table.away.iter().enumerate() {
            let active = away
                .as_ref()
                .map_or(0, |away| away.schedule.active_process());
            if active != 0 && is_meant(active) {
                harts |= 1 << index;
            }
        }
        harts & !self.table.left
    }

    /// Is the space of process `pid` active on a hart that does not have the lock?
    pub fn is_active_elsewhere(&self, pid: u16) -> bool {
        self.are_several && self.active_elsewhere(|active| active == pid) != 0
    }

    /// Has every hart that does not have the lock leave its space, if `is_meant` says so of the space's process.
    #[cold]
    #[inline(never)]
    pub fn shoot_down(&mut self, platform: &mut P, is_meant: impl Fn(u16) -> bool) {
        let harts = self.active_elsewhere(is_meant);
        if harts != 0 {
            platform.shoot_down(harts, &self.table.ids);
            self.table.left |= harts;
            self.count().ipis += u64::from(harts.count_ones());
        }
    }

    /// Has the hart that has the lock now left its space because another one asked it to? Said once.
    pub fn has_left(&mut self) -> bool {
        let bit = 1 << self.current;
        let has_left = self.table.left & bit != 0;
        self.table.left &= !bit;
        has_left
    }

    /// The threads that other harts run, each with the index of its hart.
    pub fn elsewhere(&self) -> impl Iterator<Item = (usize, Slot)> + '_ {
        let away = self.table.away.iter().enumerate();
        away.filter_map(|(index, away)| {
            let schedule = &away.as_ref()?.schedule;
            let runs = schedule.is_occupied();
            runs.then(|| (index, schedule.current()))
        })
    }
}
