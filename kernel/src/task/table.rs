//! The two tables: processes, and the threads that run in them; and who of these has a turn next.

use core::mem::MaybeUninit;

use crate::fault::ThreadPaging;
use abi::Error;
use abi::thread::DEFAULT_PRIORITY;

use super::context::{Floats, TrapFrame};
use super::process::{Connections, LINE_BYTES, Process};
use super::queue::ReadyQueue;
use super::server::{ServerSlot, Servers};
use super::sleepers::Sleepers;
use super::slot::{MAX_PROCESSES, MAX_THREADS, ProcessSlot, Slot, SlotSet};
use super::state::SchedState;
use super::thread::{StackRange, Thread};
use super::waiters::{WaitKey, WaitList, Waiters};
use crate::mm::{Lends, Space};

/// The highest number that a thread has; behind it they begin at 1 again.
const LAST_TID: u16 = 32_767;

/// The thread that runs next.
pub struct Next<'a> {
    /// Its slot.
    pub slot: Slot,
    /// The thread there.
    pub thread: &'a mut Thread,
    /// Its process.
    pub process: &'a Process,
}

/// All processes and threads.
///
/// The states stand in the threads; who is in a state that the hart asks for all the time also stands in a queue or a
/// list, so that a yield does not look at each.
pub struct Tasks {
    threads: [Option<&'static mut Thread>; MAX_THREADS],
    processes: [Option<&'static mut Process>; MAX_PROCESSES],
    /// Room for those that never were: nothing is spent on it before.
    fresh_threads: Option<&'static mut [MaybeUninit<Thread>]>,
    fresh_frames: Option<&'static mut [MaybeUninit<TrapFrame>]>,
    fresh_processes: Option<&'static mut [MaybeUninit<Process>]>,
    existing: SlotSet,
    /// Places of processes that were ever taken: they are the first ones.
    made: usize,
    ready: ReadyQueue,
    /// Those that a tick of the clock wakes.
    sleepers: Sleepers,
    /// Those that wait on an address, for a message, or for room for one.
    waiters: Waiters,
    /// The servers, and the messages that wait there.
    pub(super) servers: Servers,
    /// Pages that messages have lent.
    pub(super) lends: Lends,
    last_tid: u16,
}

impl Tasks {
    /// No process, and no room for one: see [`Self::give_room`].
    pub const EMPTY: Tasks = Tasks {
        threads: [const { None }; MAX_THREADS],
        processes: [const { None }; MAX_PROCESSES],
        fresh_threads: None,
        fresh_frames: None,
        fresh_processes: None,
        existing: SlotSet::NONE,
        made: 0,
        ready: ReadyQueue::EMPTY,
        sleepers: Sleepers::EMPTY,
        waiters: Waiters::EMPTY,
        servers: Servers::EMPTY,
        lends: Lends::EMPTY,
        last_tid: 0,
    };

    /// Memory for [`MAX_THREADS`] threads and the frames of their registers, [`MAX_PROCESSES`] processes and
    /// [`SERVERS`](abi::message::SERVERS) servers; what it holds is arbitrary. A slot is only written when it is first
    /// taken: the tables are 800 KiB, which no Image should carry and no boot should clear.
    pub fn give_room(
        &mut self,
        threads: &'static mut [MaybeUninit<Thread>],
        frames: &'static mut [MaybeUninit<TrapFrame>],
        processes: &'static mut [MaybeUninit<Process>],
        servers: &'static mut [MaybeUninit<ServerSlot>],
    ) {
        self.fresh_threads = Some(threads);
        self.fresh_frames = Some(frames);
        self.fresh_processes = Some(processes);
        self.servers.give_room(servers);
        // The slots that are named before they are taken.
        self.make_thread(Slot::FIRST);
        self.make_process(ProcessSlot(0));
    }

    /// Gives the slot its memory.
    fn make_thread(&mut self, slot: Slot) -> Option<()> {
        let place = &mut self.threads[slot.0 & (MAX_THREADS - 1)];
        if place.is_none() {
            let (first, rest) = self.fresh_threads.take()?.split_first_mut()?;
            self.fresh_threads = Some(rest);
            let (frame, frames) = self.fresh_frames.take()?.split_first_mut()?;
            self.fresh_frames = Some(frames);
            *place = Some(first.write(Thread::new(frame.write(TrapFrame::EMPTY))));
        }
        Some(())
    }

    /// Gives the slot its memory.
    fn make_process(&mut self, slot: ProcessSlot) -> Option<()> {
        let place = &mut self.processes[slot.index()];
        if place.is_none() {
            let (first, rest) = self.fresh_processes.take()?.split_first_mut()?;
            self.fresh_processes = Some(rest);
            *place = Some(first.write(Process::EMPTY));
            self.made += 1;
        }
        Some(())
    }

    /// The thread at `slot`.
    #[inline]
    pub fn at(&self, slot: Slot) -> &Thread {
        let thread = self.threads[slot.0 & (MAX_THREADS - 1)].as_deref();
        thread.expect("a slot is made before it is named")
    }

    /// The thread at `slot`.
    #[inline]
    pub fn at_mut(&mut self, slot: Slot) -> &mut Thread {
        let thread = self.threads[slot.0 & (MAX_THREADS - 1)].as_deref_mut();
        thread.expect("a slot is made before it is named")
    }

    /// A thread and its process.
    #[inline]
    pub fn parts(&self, slot: Slot) -> (&Thread, &Process) {
        let thread = self.at(slot);
        let process = self.processes[thread.process.index()].as_deref();
        (thread, process.expect("a thread has a process"))
    }

    /// A thread and its process.
    #[inline]
    pub fn parts_mut(&mut self, slot: Slot) -> (&mut Thread, &mut Process) {
        let thread = self.threads[slot.0 & (MAX_THREADS - 1)].as_deref_mut();
        let thread = thread.expect("a slot is made before it is named");
        let process = self.processes[thread.process.index()].as_deref_mut();
        (thread, process.expect("a thread has a process"))
    }

    /// The process of a thread.
    #[inline]
    pub fn process(&self, slot: Slot) -> &Process {
        self.parts(slot).1
    }

    /// The process of a thread.
    #[inline]
    pub fn process_mut(&mut self, slot: Slot) -> &mut Process {
        self.parts_mut(slot).1
    }

    /// The processes of two threads; `None` if both are of the same.
    pub fn two_processes_mut(
        &mut self,
        first: Slot,
        second: Slot,
    ) -> Option<(&mut Process, &mut Process)> {
        let places = [first, second].map(|slot| self.at(slot).process.index());
        let [first, second] = self.processes.get_disjoint_mut(places).ok()?;
        Some((first.as_deref_mut()?, second.as_deref_mut()?))
    }

    /// The space that a thread runs in.
    #[inline]
    pub fn space(&self, slot: Slot) -> &Space {
        &self.process(slot).space
    }

    /// The space that a thread runs in.
    #[inline]
    pub fn space_mut(&mut self, slot: Slot) -> &mut Space {
        &mut self.process_mut(slot).space
    }

    /// Changes what a thread does; one that becomes ready is behind the others of its priority.
    #[inline]
    pub fn set_state(&mut self, slot: Slot, state: SchedState) {
        self.leave_state(slot);
        self.enter_state(slot, state, false);
    }

    /// One thread waits for the other, which runs in its place: neither is in a queue between. Both, and the process of the
    /// second. What both are in is in the caller's hand: `set_state` asks for each list, which takes half as long as the
    /// whole of a message.
    #[inline(always)]
    pub(super) fn take_turns(
        &mut self,
        from: Slot,
        state: SchedState,
        to: Slot,
        hart: u8,
    ) -> Option<(&mut Thread, Next<'_>)> {
        let places = [from.index_in_table(), to.index_in_table()];
        let [thread, next] = self.threads.get_disjoint_mut(places).ok()?;
        let (thread, next) = (thread.as_deref_mut()?, next.as_deref_mut()?);
        let process = self.processes[next.process.index()].as_deref()?;
        debug_assert!(next.state.wakes_at().is_none() && state.wakes_at().is_none());
        if let Some(list) = next.state.wait_list() {
            self.waiters.remove(list, to);
        }
        next.state = SchedState::Running { hart };
        if let Some(list) = state.wait_list() {
            self.waiters.push(list, from);
        }
        thread.state = state;
        Some((
            thread,
            Next {
                slot: to,
                thread: next,
                process,
            },
        ))
    }

    /// A running thread has to wait for one of a higher priority: it goes on before the others of its own.
    pub fn preempt(&mut self, slot: Slot) {
        self.leave_state(slot);
        self.enter_state(slot, SchedState::Ready, true);
    }

    /// Two threads; `None` if they are one.
    #[inline]
    pub(super) fn two_threads_mut(
        &mut self,
        first: Slot,
        second: Slot,
    ) -> Option<(&mut Thread, &mut Thread)> {
        let places = [first.index_in_table(), second.index_in_table()];
        let [first, second] = self.threads.get_disjoint_mut(places).ok()?;
        Some((first.as_deref_mut()?, second.as_deref_mut()?))
    }

    /// The running thread goes behind the others of its priority, and the first of those is the running one: both.
    /// `None`, and nothing has changed, if there is none, a higher one is ready, or the first one only ends.
    #[inline]
    pub fn pass_turn(&mut self, slot: Slot) -> Option<(&mut Thread, Next<'_>)> {
        let priority = self.at(slot).priority;
        let next = self.ready.first_of(priority)?;
        // A running thread is in no list, so that they are two.
        let [thread, first] = self
            .threads
            .get_disjoint_mut([slot.index_in_table(), next.index_in_table()])
            .ok()?;
        let (thread, first) = (thread.as_deref_mut()?, first.as_deref_mut()?);
        let SchedState::Running { hart } = thread.state else {
            return None;
        };
        if first.state != SchedState::Ready {
            return None;
        }
        // Written as a whole, a state is copied byte by byte.
        first.state = SchedState::Running { hart };
        thread.state = SchedState::Ready;
        self.ready.rotate(slot, priority);
        let process = self.processes[first.process.index()].as_deref_mut()?;
        Some((
            thread,
            Next {
                slot: next,
                thread: first,
                process,
            },
        ))
    }

    /// Takes the thread out of the queue or the list that its state has it in.
    #[inline]
    fn leave_state(&mut self, slot: Slot) {
        let thread = self.at_mut(slot);
        match thread.state {
            SchedState::Running { .. } => {}
            SchedState::Ready | SchedState::Ending { .. } => {
                let priority = thread.priority;
                self.ready.remove(slot, priority);
            }
            state => {
                if state.wakes_at().is_some() {
                    self.sleepers.remove(slot);
                }
                if let Some(list) = state.wait_list() {
                    self.waiters.remove(list, slot);
                } else if let SchedState::Sending { server, .. } = state {
                    self.servers.forget_sender(server, slot);
                }
            }
        }
    }

    #[inline]
    fn enter_state(&mut self, slot: Slot, state: SchedState, first: bool) {
        let thread = self.at_mut(slot);
        thread.state = state;
        match state {
            SchedState::Running { .. } => {}
            // One that ends has its turns too.
            SchedState::Ready | SchedState::Ending { .. } => {
                let priority = thread.priority;
                if first {
                    self.ready.push_front(slot, priority);
                } else {
                    self.ready.push(slot, priority);
                }
            }
            state => {
                if let Some(until) = state.wakes_at() {
                    self.sleepers.insert(slot, until);
                }
                if let Some(list) = state.wait_list() {
                    self.waiters.push(list, slot);
                } else if state == SchedState::Empty {
                    self.existing.set(slot, false);
                }
            }
        }
    }

    /// Gives a thread another priority; one that is ready goes behind the others of it.
    pub fn set_priority(&mut self, slot: Slot, priority: u8) {
        let state = self.at(slot).state;
        self.leave_state(slot);
        self.at_mut(slot).priority = priority;
        self.enter_state(slot, state, false);
    }

    /// Every thread that exists, ended ones included, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Thread)> + Clone {
        self.existing.map(|slot| (slot, self.at(slot)))
    }

    /// The slots of threads that exist.
    pub fn existing(&self) -> SlotSet {
        self.existing
    }

    /// The threads of a thread's process that exist, itself included.
    pub fn siblings(&self, slot: Slot) -> impl Iterator<Item = (Slot, &Thread)> {
        let process = self.at(slot).process;
        self.iter()
            .filter(move |(_, thread)| thread.process == process)
    }

    /// Every process that exists, ended ones included.
    pub fn processes(&self) -> impl Iterator<Item = &Process> + Clone {
        let made = self.processes[..self.made.min(MAX_PROCESSES)]
            .iter()
            .flatten();
        made.map(|process| &**process)
            .filter(|process| process.pid != 0)
    }

    /// Every process that exists, to change its space.
    pub(super) fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        let made = self.made.min(MAX_PROCESSES);
        let made = self.processes[..made].iter_mut().flatten();
        made.map(|process| &mut **process)
            .filter(|process| process.pid != 0)
    }

    /// The space of the process numbered `pid`.
    pub(super) fn space_of(&mut self, pid: u16) -> Option<&mut Space> {
        let process = self.processes_mut().find(|process| process.pid == pid)?;
        Some(&mut process.space)
    }

    /// Every space that is there.
    pub fn spaces(&self) -> impl Iterator<Item = &Space> + Clone {
        self.processes().map(|process| &process.space)
    }

    /// The thread numbered `tid`; of a process, its first one.
    pub fn find(&self, tid: u16) -> Option<Slot> {
        self.iter()
            .find(|(_, thread)| thread.tid == tid)
            .map(|(slot, _)| slot)
    }

    /// The first thread of the process numbered `pid`.
    pub fn find_process(&self, pid: u16) -> Option<Slot> {
        let process = self.processes().find(|process| process.pid == pid)?;
        Some(process.first)
    }

    /// The thread that has the next turn: of the highest priority, and there the one that has waited longest.
    #[inline]
    pub fn next_ready(&self) -> Option<Slot> {
        self.ready.first()
    }

    /// Is a thread ready that the one at `slot`, which is not, would have to take turns with?
    #[inline]
    pub fn others_ready(&self, slot: Slot) -> bool {
        self.ready.has_from(self.at(slot).priority)
    }

    /// Is a thread ready of a higher priority than that of `slot`?
    #[inline]
    pub fn higher_ready(&self, slot: Slot) -> bool {
        self.ready.has_above(self.at(slot).priority)
    }

    /// The tick at which the first thread wakes that waits for one; `u64::MAX` when none does.
    #[inline]
    pub fn first_wake(&self) -> u64 {
        self.sleepers.first_tick()
    }

    /// The thread that has waited longest for that.
    #[inline]
    pub(super) fn first_waiter(&self, list: WaitList) -> Option<Slot> {
        self.waiters.first(list)
    }

    /// Wakes at most `count` threads that wait on that word, those that came first; how many.
    pub fn wake_address(&mut self, key: WaitKey, count: usize) -> usize {
        let mut woken = 0;
        let mut next = self.waiters.first(WaitList::Address);
        while let Some(slot) = next
            && woken < count
        {
            next = self.waiters.after(slot);
            if self.at(slot).wait_key == key {
                self.set_state(slot, SchedState::Ready);
                woken += 1;
            }
        }
        woken
    }

    /// The thread that a tick up to `now` wakes; of several the one that waits for the earliest.
    pub fn first_due(&self, now: u64) -> Option<Slot> {
        let first = self.sleepers.first();
        first.filter(|_| self.sleepers.first_tick() <= now)
    }

    /// Makes a process with an empty space and one thread, not yet ready; the slot of the thread. When every place is
    /// taken, the process that ended first is forgotten; if all live, that is the limit.
    pub fn add(&mut self, parent: u16, line: &[u8]) -> Result<Slot, Error> {
        if line.len() > LINE_BYTES {
            return Err(Error::LimitExceeded);
        }
        if self.free_process().is_none() || self.existing.others().first().is_none() {
            let ended = self.oldest_ended().ok_or(Error::LimitExceeded)?;
            self.remove(ended);
        }
        let place = self.free_process().ok_or(Error::LimitExceeded)?;
        self.make_process(place).ok_or(Error::LimitExceeded)?;
        let slot = self.add_to(place)?;
        let pid = self.at(slot).tid;
        let process = self.process_mut(slot);
        // Field by field: the space is 8 KiB, and is empty since its last owner's was destroyed.
        debug_assert!(process.space.regions().is_empty());
        process.pid = pid;
        process.parent = parent;
        process.first = slot;
        process.threads = 1;
        process.connections = Connections::NONE;
        process.handler = None;
        process.forking = None;
        process.line = [0; LINE_BYTES];
        process.line[..line.len()].copy_from_slice(line);
        process.line_bytes = line.len() as u8;
        Ok(slot)
    }

    /// The first place of a process that is free.
    fn free_process(&self) -> Option<ProcessSlot> {
        let made = self.processes[..self.made.min(MAX_PROCESSES)].iter();
        let mut made = made.flatten();
        let place = made
            .position(|process| process.pid == 0)
            .unwrap_or(self.made);
        (place < MAX_PROCESSES).then_some(ProcessSlot(place as u8))
    }

    /// Makes one more thread of the process of `slot`, not yet ready.
    pub fn add_thread(&mut self, slot: Slot) -> Result<Slot, Error> {
        let new = self.add_to(self.at(slot).process)?;
        self.process_mut(slot).threads += 1;
        Ok(new)
    }

    fn add_to(&mut self, process: ProcessSlot) -> Result<Slot, Error> {
        let slot = self.existing.others().first().ok_or(Error::LimitExceeded)?;
        self.make_thread(slot).ok_or(Error::LimitExceeded)?;
        let tid = self.fresh_tid();
        self.existing.set(slot, true);
        let thread = self.at_mut(slot);
        // The caller that starts it writes the context and the floats.
        thread.tid = tid;
        thread.process = process;
        thread.state = SchedState::Starting;
        thread.priority = DEFAULT_PRIORITY;
        thread.slice_used = 0;
        // The floats of a thread that has none are zeros.
        if thread.has_floats {
            thread.floats = Floats([0; 33]);
            thread.has_floats = false;
        }
        thread.unfinished = None;
        thread.page_in = None;
        thread.survey = None;
        thread.wait_key = WaitKey::NONE;
        thread.deadline = None;
        thread.stack = StackRange::default();
        thread.has_turn = false;
        thread.can_return = false;
        thread.value = 0;
        thread.faults = 0;
        thread.paging = ThreadPaging::ZERO;
        thread.ticks = 0;
        Ok(slot)
    }

    /// Forgets a thread; with the first one of a process, whose memory has been freed, the process and all of it.
    pub fn remove(&mut self, slot: Slot) {
        if self.process(slot).first == slot {
            for other in self.existing {
                if other != slot && self.at(other).process == self.at(slot).process {
                    self.set_state(other, SchedState::Empty);
                }
            }
            self.process_mut(slot).pid = 0;
        }
        self.set_state(slot, SchedState::Empty);
    }

    /// Every living thread's state goes through `change`; what it returns is the new one.
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
            let (thread, process) = self.parts_mut(slot);
            if process.parent != pid || process.first != slot {
                continue;
            }
            process.parent = 0;
            if matches!(thread.state, SchedState::Exited { .. }) {
                self.remove(slot);
            }
        }
    }

    /// The first thread of the process that ended before the others.
    fn oldest_ended(&self) -> Option<Slot> {
        let age = |process: &Process| self.last_tid.wrapping_sub(process.pid);
        let has_ended =
            |process: &&Process| matches!(self.at(process.first).state, SchedState::Exited { .. });
        let ended = self.processes().filter(has_ended);
        let oldest = ended.max_by_key(|process| age(process));
        oldest.map(|process| process.first)
    }

    fn fresh_tid(&mut self) -> u16 {
        loop {
            self.last_tid = if self.last_tid >= LAST_TID {
                1
            } else {
                self.last_tid + 1
            };
            // A process that replaced its program has a space of another number than its own.
            let is_space = self.spaces().any(|space| space.id() == self.last_tid);
            if !is_space && self.find(self.last_tid).is_none() {
                return self.last_tid;
            }
        }
    }
}

/// Tables on the host, with room.
#[cfg(test)]
pub fn with_room() -> Box<Tasks> {
    fn room<T>(count: usize) -> &'static mut [MaybeUninit<T>] {
        let room = (0..count).map(|_| MaybeUninit::uninit());
        room.collect::<Vec<_>>().leak()
    }
    let mut tasks = Box::new(Tasks::EMPTY);
    let servers = room(abi::message::SERVERS);
    tasks.give_room(
        room(MAX_THREADS),
        room(MAX_THREADS),
        room(MAX_PROCESSES),
        servers,
    );
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_who_ended_first_and_then_says_no() {
        let mut tasks = with_room();
        let slots: Vec<Slot> = (0..MAX_PROCESSES)
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
        assert_eq!(tasks.process(slot).line().len(), LINE_BYTES);
    }

    #[test]
    fn numbers_wrap_and_skip_the_living() {
        let mut tasks = with_room();
        let first = tasks.add(0, b"sh").unwrap();
        tasks.set_state(first, SchedState::Ready);
        tasks.last_tid = LAST_TID;
        let second = tasks.add(1, b"hello").unwrap();
        assert_eq!((tasks.at(first).tid, tasks.at(second).tid), (1, 2));
        assert_eq!(tasks.process(second).pid, 2);
    }

    #[test]
    fn threads_of_a_process_share_its_space_and_go_with_its_first_one() {
        let mut tasks = with_room();
        let first = tasks.add(0, b"a").unwrap();
        let other = tasks.add(0, b"b").unwrap();
        let threads: Vec<Slot> = (0..200).map(|_| tasks.add_thread(first).unwrap()).collect();
        for &slot in threads.iter().chain([&first, &other]) {
            tasks.set_state(slot, SchedState::Ready);
        }
        assert_eq!(tasks.process(threads[9]).pid, tasks.at(first).tid);
        assert_eq!(tasks.process(first).threads, 201);
        assert_eq!(tasks.siblings(threads[3]).count(), 201);
        tasks.remove(first);
        let left: Vec<Slot> = tasks.iter().map(|(slot, _)| slot).collect();
        assert_eq!(left, [other]);
        assert_eq!(tasks.next_ready(), Some(other));
        assert_eq!(tasks.processes().count(), 1);
    }

    #[test]
    fn who_runs_again_is_behind_the_others_of_its_priority() {
        let mut tasks = with_room();
        let [a, b, c] = [b"a", b"b", b"c"].map(|line| tasks.add(0, line).unwrap());
        for slot in [a, b, c] {
            tasks.set_state(slot, SchedState::Ready);
        }
        tasks.set_priority(c, DEFAULT_PRIORITY - 1);
        for turn in [a, b, a, b] {
            let next = tasks.next_ready().unwrap();
            assert_eq!(next, turn);
            tasks.set_state(next, SchedState::Running { hart: 0 });
            assert!(tasks.others_ready(next) && !tasks.higher_ready(next));
            assert!(tasks.higher_ready(c));
            tasks.set_state(next, SchedState::Ready);
        }
        for (from, to) in [(a, b), (b, a)] {
            tasks.set_state(from, SchedState::Running { hart: 3 });
            let next = tasks.pass_turn(from).map(|(_, next)| next.slot);
            assert_eq!(next, Some(to));
            assert_eq!(tasks.at(from).state, SchedState::Ready);
            assert_eq!(tasks.at(to).state, SchedState::Running { hart: 3 });
            tasks.set_state(to, SchedState::Ready);
        }
        assert!(tasks.pass_turn(a).is_none(), "it does not run");
        tasks.set_state(a, SchedState::Running { hart: 0 });
        tasks.preempt(a);
        assert_eq!(tasks.next_ready(), Some(a), "it goes on where it was");
        for slot in [a, b] {
            tasks.set_state(slot, SchedState::Reading);
        }
        assert_eq!(tasks.next_ready(), Some(c));
    }

    #[test]
    fn the_queues_of_the_table_agree_with_its_threads_after_every_change() {
        let mut tasks = with_room();
        let states = [
            SchedState::Ready,
            SchedState::Sleeping { until: 7 },
            SchedState::Waiting { child: 0 },
            SchedState::Exited { status: 3 },
            SchedState::Running { hart: 0 },
            SchedState::Reading,
            SchedState::Paging { until: 7 },
            SchedState::OnAddress { until: 7 },
            SchedState::OnAddress { until: u64::MAX },
            SchedState::Joining { thread: 1 },
        ];
        let mut slots: Vec<Slot> = (0..MAX_PROCESSES)
            .map(|_| tasks.add(0, b"a").unwrap())
            .collect();
        for turn in 0..1000 {
            let slot = slots[turn * 29 % MAX_PROCESSES];
            match turn % 11 {
                0 => {
                    tasks.remove(slot);
                    slots[turn * 29 % MAX_PROCESSES] = tasks.add(0, b"b").unwrap();
                }
                1 => tasks.wake(|state| match state {
                    SchedState::Sleeping { .. } => SchedState::Ready,
                    other => other,
                }),
                2 => tasks.set_priority(slot, (turn % 3) as u8),
                _ => tasks.set_state(slot, states[turn * 7 % states.len()]),
            }
            let has = |of: fn(SchedState) -> bool| -> Vec<Slot> {
                let all = slots.iter().copied();
                all.filter(|&slot| of(tasks.at(slot).state)).collect()
            };
            let ready = has(|state| state == SchedState::Ready);
            let highest = ready.iter().map(|slot| tasks.at(*slot).priority).max();
            let next = tasks.next_ready();
            assert_eq!(next.map(|slot| tasks.at(slot).priority), highest);
            assert!(next.is_none_or(|next| ready.contains(&next)));
            let is_timed = |state: SchedState| state.wakes_at().is_some();
            let times = !has(is_timed).is_empty();
            assert_eq!(tasks.first_wake(), if times { 7 } else { u64::MAX });
            assert_eq!(tasks.first_due(6), None);
            assert_eq!(tasks.first_due(7).is_some(), times);
        }
    }
}
