//! The task table: a fixed number of places, each empty or a task.

use abi::Error;

use super::context::{Context, Floats};
use crate::mm::Space;

/// Tasks that can exist at once, those that have exited and were not waited for included.
pub const MAX_TASKS: usize = 64;
// Places are masked with it, which spares a comparison on the way of every fault.
const _: () = assert!(MAX_TASKS.is_power_of_two());
/// The longest command line a task is started with, in bytes.
pub const LINE_BYTES: usize = 96;

/// What a task does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody lives here.
    Empty,
    /// Being made: nothing of it runs yet.
    Starting,
    /// On the hart, or ready to be.
    Ready,
    /// Wants console input; its system call is made again when there is some.
    Reading,
    /// Wants room on the console line; its system call is made again.
    Writing,
    /// Sleeps until that tick.
    Sleeping {
        /// Tick of the board's timebase.
        until: u64,
    },
    /// Wants the end of a child (0: of any); its system call is made again.
    Waiting {
        /// The child's task number.
        child: u16,
    },
    /// Has ended; its parent may still ask how.
    Exited {
        /// 0 for success; 128 + the cause of a fault that killed it; 255 when killed by a task.
        status: u8,
    },
}

impl State {
    /// One word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Empty | State::Starting => "-",
            State::Ready => "ready",
            State::Reading => "reading",
            State::Writing => "writing",
            State::Sleeping { .. } => "sleeping",
            State::Waiting { .. } => "waiting",
            State::Exited { .. } => "exited",
        }
    }
}

/// One task: registers, address space, and where it stands.
pub struct Task {
    /// Its number, 1 or more; never that of another living task.
    pub pid: u16,
    /// The task that spawned it; 0 for the first one, and once the parent has ended.
    pub parent: u16,
    /// What it does.
    pub state: State,
    /// Its registers while it is not on the hart.
    pub context: Context,
    /// Its float registers while it is not on the hart.
    pub floats: Floats,
    /// Its memory.
    pub space: Space,
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
        state: State::Empty,
        context: Context::EMPTY,
        floats: Floats([0; 33]),
        space: Space::EMPTY,
        faults: 0,
        ticks: 0,
        line: [0; LINE_BYTES],
        line_bytes: 0,
    };

    /// The command line it was started with.
    pub fn line(&self) -> &str {
        core::str::from_utf8(&self.line[..self.line_bytes as usize]).unwrap_or("?")
    }

    /// A copy of the line, and its length.
    pub fn line_bytes(&self) -> ([u8; LINE_BYTES], usize) {
        (self.line, self.line_bytes.into())
    }

    /// Lives, that is: can run again.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, State::Empty | State::Exited { .. })
    }
}

/// A place in the table. Stays the same task's until it is reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

impl Slot {
    /// The first place.
    pub const FIRST: Slot = Slot(0);
}

/// All tasks.
pub struct Tasks {
    places: [Task; MAX_TASKS],
    last_pid: u16,
}

impl Tasks {
    /// No task at all.
    pub const EMPTY: Tasks = Tasks {
        places: [Task::EMPTY; MAX_TASKS],
        last_pid: 0,
    };

    /// The task at `slot`.
    #[inline]
    pub fn at(&self, slot: Slot) -> &Task {
        &self.places[slot.0 & (MAX_TASKS - 1)]
    }

    /// The task at `slot`.
    #[inline]
    pub fn at_mut(&mut self, slot: Slot) -> &mut Task {
        &mut self.places[slot.0 & (MAX_TASKS - 1)]
    }

    /// Every task that exists, ended ones included, by place.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Task)> + Clone {
        let exists = |(_, task): &(usize, &Task)| task.state != State::Empty;
        self.places
            .iter()
            .enumerate()
            .filter(exists)
            .map(|(place, task)| (Slot(place), task))
    }

    /// The task numbered `pid`.
    pub fn find(&self, pid: u16) -> Option<Slot> {
        self.iter()
            .find(|(_, task)| task.pid == pid)
            .map(|(slot, _)| slot)
    }

    /// The next task after `slot` that is ready, `slot` itself last.
    pub fn next_ready(&self, slot: Slot) -> Option<Slot> {
        let after = (slot.0 + 1..MAX_TASKS).chain(0..=slot.0);
        after
            .map(Slot)
            .find(|&slot| self.at(slot).state == State::Ready)
    }

    /// Makes a task with an empty space, not yet ready. When every place is taken, the one
    /// that ended first is forgotten; if all live, that is the limit.
    pub fn add(&mut self, parent: u16, line: &[u8]) -> Result<Slot, Error> {
        if line.len() > LINE_BYTES {
            return Err(Error::LimitExceeded);
        }
        let empty = self
            .places
            .iter()
            .position(|task| task.state == State::Empty);
        let ended = || self.oldest_ended();
        let slot = empty.map(Slot).or_else(ended).ok_or(Error::LimitExceeded)?;
        let pid = self.fresh_pid();
        let task = self.at_mut(slot);
        *task = Task {
            pid,
            parent,
            state: State::Starting,
            line_bytes: line.len() as u8,
            ..Task::EMPTY
        };
        task.line[..line.len()].copy_from_slice(line);
        Ok(slot)
    }

    /// Forgets a task whose memory has been given back.
    pub fn remove(&mut self, slot: Slot) {
        self.at_mut(slot).state = State::Empty;
    }

    /// Every living task's state goes through `change`; what it returns is the new one.
    pub fn wake(&mut self, mut change: impl FnMut(State) -> State) {
        for task in self.places.iter_mut().filter(|task| task.is_alive()) {
            task.state = change(task.state);
        }
    }

    /// Children of `pid` have no parent any more; those that had ended are forgotten.
    pub fn orphan(&mut self, pid: u16) {
        for task in self
            .places
            .iter_mut()
            .filter(|task| task.parent == pid && task.pid != 0)
        {
            task.parent = 0;
            if matches!(task.state, State::Exited { .. }) {
                task.state = State::Empty;
            }
        }
    }

    fn oldest_ended(&self) -> Option<Slot> {
        let age = |task: &Task| self.last_pid.wrapping_sub(task.pid);
        let ended = self
            .iter()
            .filter(|(_, task)| matches!(task.state, State::Exited { .. }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_who_ended_first_and_then_says_no() {
        let mut tasks = Box::new(Tasks::EMPTY);
        let slots: Vec<Slot> = (0..MAX_TASKS)
            .map(|_| tasks.add(1, b"spin").unwrap())
            .collect();
        for &slot in &slots {
            tasks.at_mut(slot).state = State::Ready;
        }
        assert_eq!(tasks.add(1, b"spin").unwrap_err(), Error::LimitExceeded);
        for &slot in &slots[3..9] {
            tasks.at_mut(slot).state = State::Exited { status: 0 };
        }
        assert_eq!(tasks.add(1, b"spin").unwrap(), slots[3]);
    }

    #[test]
    fn a_line_too_long_is_refused() {
        let mut tasks = Box::new(Tasks::EMPTY);
        assert_eq!(
            tasks.add(0, &[b'a'; LINE_BYTES + 1]).unwrap_err(),
            Error::LimitExceeded
        );
        let slot = tasks.add(0, &[b'a'; LINE_BYTES]).unwrap();
        assert_eq!(tasks.at(slot).line().len(), LINE_BYTES);
    }

    #[test]
    fn numbers_wrap_and_skip_the_living() {
        let mut tasks = Box::new(Tasks::EMPTY);
        let first = tasks.add(0, b"sh").unwrap();
        tasks.at_mut(first).state = State::Ready;
        tasks.last_pid = 32_767;
        let second = tasks.add(1, b"hello").unwrap();
        assert_eq!((tasks.at(first).pid, tasks.at(second).pid), (1, 2));
    }

    #[test]
    fn round_robin_comes_back_to_the_one_that_runs() {
        let mut tasks = Box::new(Tasks::EMPTY);
        let a = tasks.add(0, b"a").unwrap();
        let b = tasks.add(0, b"b").unwrap();
        tasks.at_mut(a).state = State::Ready;
        assert_eq!(tasks.next_ready(a), Some(a));
        tasks.at_mut(b).state = State::Ready;
        assert_eq!(tasks.next_ready(a), Some(b));
        assert_eq!(tasks.next_ready(b), Some(a));
    }
}
