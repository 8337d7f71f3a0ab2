//! The task table: a fixed number of slots, each empty or a task.

use core::mem::MaybeUninit;

use abi::Error;

use super::context::{Context, Floats};
use super::page_in::PageIn;
use super::slot::{MAX_TASKS, Slot, SlotSet};
use super::state::SchedState;
use super::unfinished::Unfinished;
use crate::mm::{Space, Survey};

/// The longest command line a task is started with, in bytes.
pub const LINE_BYTES: usize = 96;

/// One task: registers, address space, and where it stands.
pub struct Task {
    /// Its number, 1 or more; never that of another living task.
    pub pid: u16,
    /// The task that spawned it; 0 for the first one, and once the parent has ended.
    pub parent: u16,
    state: SchedState,
    /// Its registers while it is not on the hart.
    pub context: Context,
    /// Its float registers while it is not on the hart.
    pub floats: Floats,
    /// Its memory.
    pub space: Space,
    /// The system call that it is in, if one entry was not enough.
    pub(super) unfinished: Option<Unfinished>,
    /// What its call of `Inspect` has counted, if one entry was not enough.
    pub(super) survey: Option<Survey>,
    /// The page that it waits for, or waited for last.
    pub(super) page_in: Option<PageIn>,
    /// Page faults it raised.
    pub faults: u32,
    /// Ticks it spent on the hart.
    pub ticks: u64,
    line: [u8; LINE_BYTES],
    line_bytes: u8,
}

impl Task {
    const EMPTY: Task = Task {
        pid: 0,
        parent: 0,
        state: SchedState::Empty,
        context: Context::EMPTY,
        floats: Floats([0; 33]),
        space: Space::EMPTY,
        unfinished: None,
        page_in: None,
        survey: None,
        faults: 0,
        ticks: 0,
        line: [0; LINE_BYTES],
        line_bytes: 0,
    };

    /// What it does; [`Tasks::set_state`] changes it.
    #[inline]
    pub fn state(&self) -> SchedState {
        self.state
    }

    /// The command line it was started with.
    pub fn line(&self) -> &str {
        core::str::from_utf8(&self.line[..self.line_bytes as usize]).unwrap_or("?")
    }

    /// A copy of the line, and its length.
    pub fn line_bytes(&self) -> ([u8; LINE_BYTES], usize) {
        (self.line, self.line_bytes.into())
    }

    /// Not empty and not exited.
    pub fn is_alive(&self) -> bool {
        !matches!(
            self.state,
            SchedState::Empty | SchedState::Ending { .. } | SchedState::Exited { .. }
        )
    }
}

/// All tasks.
///
/// The states stand in the tasks; who is in a state that the hart asks for all the time also stands in a word of its
/// own, so that a yield does not look at 64 slots.
pub struct Tasks {
    slots: [Option<&'static mut Task>; MAX_TASKS],
    /// Room for those that never had a task: nothing is spent on it before.
    fresh: Option<&'static mut [MaybeUninit<Task>]>,
    existing: SlotSet,
    ready: SlotSet,
    /// Those that a tick of the clock wakes.
    timed: SlotSet,
    last_pid: u16,
}

impl Tasks {
    /// No task, and no room for any: see [`Self::give_room`].
    pub const EMPTY: Tasks = Tasks {
        slots: [const { None }; MAX_TASKS],
        fresh: None,
        existing: SlotSet::NONE,
        ready: SlotSet::NONE,
        timed: SlotSet::NONE,
        last_pid: 0,
    };

    /// Memory for [`MAX_TASKS`] tasks; what it holds is arbitrary. A slot is only written when its first task comes:
    /// the table is 200 KiB, which no Image should carry and no boot should clear.
    pub fn give_room(&mut self, room: &'static mut [MaybeUninit<Task>]) {
        self.fresh = Some(room);
        // The one slot that is named before it has a task.
        self.make_slot(Slot::FIRST);
    }

    /// Gives the slot its memory.
    fn make_slot(&mut self, slot: Slot) -> Option<()> {
        let slot_entry = &mut self.slots[slot.0 & (MAX_TASKS - 1)];
        if slot_entry.is_none() {
            let (first, rest) = self.fresh.take()?.split_first_mut()?;
            self.fresh = Some(rest);
            *slot_entry = Some(first.write(Task::EMPTY));
        }
        Some(())
    }

    /// The task at `slot`.
    #[inline]
    pub fn at(&self, slot: Slot) -> &Task {
        let slot_entry = self.slots[slot.0 & (MAX_TASKS - 1)].as_deref();
        slot_entry.expect("a slot is made before it is named")
    }

    /// The task at `slot`.
    #[inline]
    pub fn at_mut(&mut self, slot: Slot) -> &mut Task {
        let slot_entry = self.slots[slot.0 & (MAX_TASKS - 1)].as_deref_mut();
        slot_entry.expect("a slot is made before it is named")
    }

    /// Two tasks at once, as a call that moves something from one to the other needs them; `None` for a task and
    /// itself.
    pub fn pair_mut(&mut self, a: Slot, b: Slot) -> Option<(&mut Task, &mut Task)> {
        let places = [a, b].map(|slot| slot.0 & (MAX_TASKS - 1));
        let [a, b] = self.slots.get_disjoint_mut(places).ok()?;
        Some((a.as_deref_mut()?, b.as_deref_mut()?))
    }

    /// Changes what a task does.
    pub fn set_state(&mut self, slot: Slot, state: SchedState) {
        self.at_mut(slot).state = state;
        self.existing.set(slot, state != SchedState::Empty);
        // One that ends has its turns too.
        let has_turns = matches!(state, SchedState::Ready | SchedState::Ending { .. });
        self.ready.set(slot, has_turns);
        let is_timed = matches!(
            state,
            SchedState::Sleeping { .. } | SchedState::Paging { .. }
        );
        self.timed.set(slot, is_timed);
    }

    /// Every task that exists, ended ones included, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Task)> + Clone {
        self.existing.map(|slot| (slot, self.at(slot)))
    }

    /// The task numbered `pid`.
    pub fn find(&self, pid: u16) -> Option<Slot> {
        self.iter()
            .find(|(_, task)| task.pid == pid)
            .map(|(slot, _)| slot)
    }

    /// The next task after `slot` that is ready, `slot` itself last.
    pub fn next_ready(&self, slot: Slot) -> Option<Slot> {
        self.ready.after(slot).first().or(self.ready.first())
    }

    /// Is a task ready besides the one at `slot`?
    pub fn others_ready(&self, slot: Slot) -> bool {
        self.next_ready(slot).is_some_and(|next| next != slot)
    }

    /// The tick at which the first one wakes that sleeps, or waits for a page.
    pub fn first_wake(&self) -> Option<u64> {
        let until = |slot| match self.at(slot).state {
            SchedState::Sleeping { until } | SchedState::Paging { until } => Some(until),
            _ => None,
        };
        self.timed.filter_map(until).min()
    }

    /// A task whose page has come by tick `now`; of several the one that waits longest.
    pub fn first_page_in(&self, now: u64) -> Option<Slot> {
        let until = |slot| match self.at(slot).state {
            SchedState::Paging { until } if until <= now => Some((until, slot)),
            _ => None,
        };
        let first = self.timed.filter_map(until).min_by_key(|(until, _)| *until);
        first.map(|(_, slot)| slot)
    }

    /// Makes a task with an empty space, not yet ready. When every slot is taken, the one
    /// that ended first is forgotten; if all live, that is the limit.
    pub fn add(&mut self, parent: u16, line: &[u8]) -> Result<Slot, Error> {
        if line.len() > LINE_BYTES {
            return Err(Error::LimitExceeded);
        }
        let empty = self.existing.others().first();
        let ended = || self.oldest_ended();
        let slot = empty.or_else(ended).ok_or(Error::LimitExceeded)?;
        self.make_slot(slot).ok_or(Error::LimitExceeded)?;
        let pid = self.fresh_pid();
        self.set_state(slot, SchedState::Starting);
        let task = self.at_mut(slot);
        // Field by field: the space is 3 KiB, and is empty since its last owner's was destroyed.
        debug_assert!(task.space.regions().is_empty());
        task.pid = pid;
        task.parent = parent;
        task.context = Context::EMPTY;
        task.floats = Floats([0; 33]);
        task.unfinished = None;
        task.page_in = None;
        task.survey = None;
        task.faults = 0;
        task.ticks = 0;
        task.line = [0; LINE_BYTES];
        task.line[..line.len()].copy_from_slice(line);
        task.line_bytes = line.len() as u8;
        Ok(slot)
    }

    /// Forgets a task whose memory has been freed.
    pub fn remove(&mut self, slot: Slot) {
        self.set_state(slot, SchedState::Empty);
    }

    /// Every living task's state goes through `change`; what it returns is the new one.
    pub fn wake(&mut self, mut change: impl FnMut(SchedState) -> SchedState) {
        for slot in self.existing {
            let state = self.at(slot).state;
            if self.at(slot).is_alive() {
                let new = change(state);
                if new != state {
                    self.set_state(slot, new);
                }
            }
        }
    }

    /// Children of `pid` have no parent any more; those that had ended are forgotten.
    pub fn reparent(&mut self, pid: u16) {
        for slot in self.existing {
            let task = self.at_mut(slot);
            if task.parent != pid {
                continue;
            }
            task.parent = 0;
            if matches!(task.state, SchedState::Exited { .. }) {
                self.set_state(slot, SchedState::Empty);
            }
        }
    }

    fn oldest_ended(&self) -> Option<Slot> {
        let age = |task: &Task| self.last_pid.wrapping_sub(task.pid);
        let ended = self
            .iter()
            .filter(|(_, task)| matches!(task.state, SchedState::Exited { .. }));
        ended
            .max_by_key(|(_, task)| age(task))
            .map(|(slot, _)| slot)
    }

    fn fresh_pid(&mut self) -> u16 {
        loop {
            self.last_pid = if self.last_pid >= 32_767 {
                1
            } else {
                self.last_pid + 1
            };
            if self.find(self.last_pid).is_none() {
                return self.last_pid;
            }
        }
    }
}

/// A table on the host, with room.
#[cfg(test)]
pub fn with_room() -> Box<Tasks> {
    let room = (0..MAX_TASKS).map(|_| MaybeUninit::uninit());
    let mut tasks = Box::new(Tasks::EMPTY);
    tasks.give_room(room.collect::<Vec<_>>().leak());
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_who_ended_first_and_then_says_no() {
        let mut tasks = with_room();
        let slots: Vec<Slot> = (0..MAX_TASKS)
            .map(|_| tasks.add(1, b"spin").unwrap())
            .collect();
        for &slot in &slots {
            tasks.set_state(slot, SchedState::Ready);
        }
        assert_eq!(tasks.add(1, b"spin").unwrap_err(), Error::LimitExceeded);
        for &slot in &slots[3..9] {
            tasks.set_state(slot, SchedState::Exited { status: 0 });
        }
        assert_eq!(tasks.add(1, b"spin").unwrap(), slots[3]);
    }

    #[test]
    fn a_line_too_long_is_refused() {
        let mut tasks = with_room();
        assert_eq!(
            tasks.add(0, &[b'a'; LINE_BYTES + 1]).unwrap_err(),
            Error::LimitExceeded
        );
        let slot = tasks.add(0, &[b'a'; LINE_BYTES]).unwrap();
        assert_eq!(tasks.at(slot).line().len(), LINE_BYTES);
    }

    #[test]
    fn numbers_wrap_and_skip_the_living() {
        let mut tasks = with_room();
        let first = tasks.add(0, b"sh").unwrap();
        tasks.set_state(first, SchedState::Ready);
        tasks.last_pid = 32_767;
        let second = tasks.add(1, b"hello").unwrap();
        assert_eq!((tasks.at(first).pid, tasks.at(second).pid), (1, 2));
    }

    #[test]
    fn round_robin_comes_back_to_the_one_that_runs() {
        let mut tasks = with_room();
        let a = tasks.add(0, b"a").unwrap();
        let b = tasks.add(0, b"b").unwrap();
        tasks.set_state(a, SchedState::Ready);
        assert_eq!(tasks.next_ready(a), Some(a));
        tasks.set_state(b, SchedState::Ready);
        assert_eq!(tasks.next_ready(a), Some(b));
        assert_eq!(tasks.next_ready(b), Some(a));
    }

    #[test]
    fn the_words_of_the_table_agree_with_its_tasks_after_every_change() {
        let mut tasks = with_room();
        let states = [
            SchedState::Ready,
            SchedState::Sleeping { until: 7 },
            SchedState::Waiting { child: 0 },
            SchedState::Exited { status: 3 },
            SchedState::Reading,
            SchedState::Paging { until: 7 },
        ];
        let slots: Vec<Slot> = (0..MAX_TASKS)
            .map(|_| tasks.add(0, b"a").unwrap())
            .collect();
        for turn in 0..1000 {
            let slot = slots[turn * 29 % MAX_TASKS];
            match turn % 11 {
                0 => tasks.remove(slot),
                1 => tasks.wake(|state| match state {
                    SchedState::Sleeping { .. } => SchedState::Ready,
                    other => other,
                }),
                _ => tasks.set_state(slot, states[turn * 7 % states.len()]),
            }
            let has = |of: fn(SchedState) -> bool| -> Vec<Slot> {
                let all = slots.iter().copied();
                all.filter(|&slot| of(tasks.at(slot).state)).collect()
            };
            let existing: Vec<Slot> = tasks.iter().map(|(slot, _)| slot).collect();
            assert_eq!(existing, has(|state| state != SchedState::Empty));
            let ready = has(|state| state == SchedState::Ready);
            assert_eq!(tasks.ready.collect::<Vec<_>>(), ready);
            let next = ready.iter().find(|&&ready| ready.0 > slot.0);
            assert_eq!(tasks.next_ready(slot), next.or(ready.first()).copied());
            let others = ready.iter().any(|&ready| ready != slot);
            assert_eq!(tasks.others_ready(slot), others);
            let is_timed = |state| {
                matches!(
                    state,
                    SchedState::Sleeping { .. } | SchedState::Paging { .. }
                )
            };
            let times = !has(is_timed).is_empty();
            assert_eq!(tasks.first_wake(), times.then_some(7));
        }
    }

    #[test]
    fn two_tasks_can_be_had_at_once_and_one_not_twice() {
        let mut tasks = with_room();
        let [a, b] = [b"a", b"b"].map(|line| tasks.add(0, line).unwrap());
        let (first, second) = tasks.pair_mut(a, b).unwrap();
        core::mem::swap(&mut first.faults, &mut second.faults);
        (first.faults, second.faults) = (1, 2);
        let (second, first) = tasks.pair_mut(b, a).unwrap();
        assert_eq!((first.faults, second.faults), (1, 2));
        assert!(tasks.pair_mut(a, a).is_none());
    }
}
