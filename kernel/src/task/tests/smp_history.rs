//! Random histories of processes with threads on several harts, against an oracle that knows every byte.

use std::collections::BTreeMap;

use abi::thread::EXIT_THREAD;
use abi::{Advice, Call, prot};
use pagetable::{AccessType, PAGE_BYTES, VirtAddr};
use sim::Quirks;

use super::kernel::{STACK, TEXT};
use super::smp::Smp;
use crate::mm::peek;
use crate::mm::tests::both;
use crate::mm::tests::chance::Chance;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::task::thread::Thread;
use crate::task::{SchedState, Slot};

both! {
    histories_on_several_harts_agree_with_the_oracle
}

const FETCH: usize = 12;
/// What a table of leaves covers, in either mode.
const LARGE: u64 = 4 << 20;
/// Steps of all histories together, and of one.
const STEPS: u64 = 100_000;
const HISTORY: u64 = 1000;

/// What is known of a mapping of a process.
#[derive(Clone)]
struct Mapping {
    at: u64,
    pages: u64,
    may_write: bool,
}

/// What is known of a process: its mappings, and the byte of each page that is not zero.
#[derive(Clone, Default)]
struct Known {
    mappings: Vec<Mapping>,
    bytes: BTreeMap<u64, u8>,
}

/// The most processes, and threads of one.
const PROCESSES: usize = 5;
const THREADS: u16 = 5;

struct History<M: TestMachine> {
    smp: Smp<M>,
    chance: Chance,
    /// By process number.
    known: BTreeMap<u16, Known>,
    harts: usize,
}

impl<M: TestMachine> History<M> {
    fn new(quirks: Quirks, seed: u64, harts: usize) -> History<M> {
        let mut chance = Chance::new(seed);
        let bench = match chance.below(3) {
            0 => Bench::new(quirks, 150),
            1 => Bench::with_store(quirks, 100, 200),
            _ => Bench::with_zip(quirks, 100, 200, 100),
        };
        let mut smp = Smp::<M>::new(quirks, harts, bench);
        let shell = smp.kernel.system.shell;
        smp.kernel.task(shell, "second");
        smp.thread(0);
        smp.thread(0);
        for hart in 1..harts {
            smp.look(hart);
        }
        History {
            smp,
            chance,
            known: BTreeMap::new(),
            harts,
        }
    }

    fn step(&mut self) {
        let hart = self.chance.below(self.harts as u64) as usize;
        let Some(slot) = self.smp.runs(hart) else {
            return self.smp.look(hart);
        };
        let pid = self.smp.kernel.system.tasks.process(slot).pid;
        self.known.entry(pid).or_default();
        match self.chance.below(20) {
            0 | 1 => self.map(hart, pid),
            2 => self.unmap(hart, pid),
            3 => self.protect(hart, pid),
            4 => self.advise(hart, pid),
            5 => self.smp.look(hart),
            6 => {
                self.smp.call(hart, Call::Yield, [0; 5]);
            }
            7 if self.chance.one_in(3) => self.fork(hart, pid),
            8 if self.chance.one_in(4) => self.kill(hart, pid),
            9 if self.chance.one_in(4) => self.thread(hart),
            10 if self.chance.one_in(4) => self.leave(hart, slot),
            11 => self.read_stack(hart, slot),
            12 => self.look_ahead(hart),
            7..=14 => self.load(hart, pid),
            _ => self.store(hart, pid),
        }
    }

    fn is_alive(&self, pid: u16) -> bool {
        let tasks = &self.smp.kernel.system.tasks;
        let first = tasks.find_process(pid).map(|slot| tasks.at(slot).state());
        !matches!(
            first,
            None | Some(SchedState::Ending { .. } | SchedState::Exited { .. })
        )
    }

    /// A copy of the process, which knows what it knows.
    fn fork(&mut self, hart: usize, pid: u16) {
        if self.known.len() >= PROCESSES {
            return;
        }
        let known = self.known.entry(pid).or_default().clone();
        if let Some(Ok(child)) = self.smp.call(hart, Call::Fork, [0; 5]) {
            self.known.insert(child as u16, known);
        }
    }

    /// Another process ends, wherever its threads run.
    fn kill(&mut self, hart: usize, pid: u16) {
        let others: Vec<u16> = self.known.keys().copied().collect();
        let victim = others[self.chance.below(others.len() as u64) as usize];
        // The last two stay.
        if victim != pid && victim != self.smp.kernel.system.shell && others.len() > 2 {
            self.smp.call(hart, Call::Kill, [victim.into(), 0, 0, 0, 0]);
            // Not if the thread that was to kill it had been killed itself.
            if !self.is_alive(victim) {
                self.known.remove(&victim);
            }
        }
        // A child that has ended and was this one's child.
        self.smp.call(hart, Call::Wait, [0, 1, 0, 0, 0]);
    }

    /// One more thread of the process, as long as there are few.
    fn thread(&mut self, hart: usize) {
        let slot = self.smp.runs(hart).expect("it was just looked");
        if self.smp.kernel.system.tasks.process(slot).threads < THREADS {
            let arguments = [TEXT, 0, PAGE_BYTES, 128, 0];
            self.smp.call(hart, Call::ThreadCreate, arguments);
        }
    }

    /// A thread ends, if it is not its process' first: by a call, or by returning.
    fn leave(&mut self, hart: usize, slot: Slot) {
        let process = self.smp.kernel.system.tasks.process(slot);
        if process.first == slot || process.threads <= 2 {
            return;
        }
        if self.chance.one_in(2) {
            self.smp.call(hart, Call::ThreadExit, [0; 5]);
        } else if self.smp.begin(hart, FETCH, EXIT_THREAD) {
            self.smp.kernel.fault(FETCH, EXIT_THREAD as u64);
        }
    }

    /// Reads the stack of any thread of the process, which goes with it.
    fn read_stack(&mut self, hart: usize, slot: Slot) {
        let tasks = &self.smp.kernel.system.tasks;
        let process = tasks.at(slot).process;
        let lives = |thread: &Thread| {
            matches!(
                thread.state(),
                SchedState::Ready | SchedState::Running { .. }
            )
        };
        let all = tasks
            .iter()
            .filter(|(_, it)| it.process == process && lives(it));
        let stacks: Vec<u64> = all.map(|(_, thread)| thread.stack.base).collect();
        // None where the process has been killed, which this hart does not know yet.
        let chosen = self.chance.below(stacks.len().max(1) as u64) as usize;
        if let Some(&at) = stacks.get(chosen)
            && at != 0
        {
            self.smp.byte(hart, at);
        }
    }

    /// The hart walks where there may be nothing yet, as it does ahead of time.
    fn look_ahead(&mut self, hart: usize) {
        if self.smp.kernel.system.local.platform.have_left & 1 << hart == 0 {
            let begin = self.smp.kernel.system.local.schedule.current();
            let space = self.smp.kernel.system.tasks.space(begin);
            let last = space
                .regions()
                .iter()
                .rev()
                .find(|it| it.base.raw() < STACK);
            let end = last.map_or(0, |region| region.end().raw());
            let ahead = end + self.chance.below(3) * LARGE;
            let _ = self.smp.access(hart, ahead, AccessType::Read);
        }
    }

    fn pick(&mut self, pid: u16) -> Option<usize> {
        let count = self.known.entry(pid).or_default().mappings.len() as u64;
        (count > 0).then(|| self.chance.below(count) as usize)
    }

    fn map(&mut self, hart: usize, pid: u16) {
        if self.known.entry(pid).or_default().mappings.len() > 12 {
            return;
        }
        let pages = 1 + self.chance.below(6);
        // Some lie in a table of their own.
        let align = if self.chance.one_in(3) { LARGE } else { 0 };
        let asked = [pages * PAGE_BYTES, 0, 0, 0, align];
        let mapped = self.smp.call(hart, Call::Mmap, asked);
        if let Some(Ok(at)) = mapped {
            let mapping = Mapping {
                at: at as u64,
                pages,
                may_write: true,
            };
            self.known.entry(pid).or_default().mappings.push(mapping);
        }
    }

    fn unmap(&mut self, hart: usize, pid: u16) {
        let Some(n) = self.pick(pid) else { return };
        let known = self.known.entry(pid).or_default();
        let Mapping { at, pages, .. } = known.mappings[n];
        let asked = [at, pages * PAGE_BYTES, 0, 0, 0];
        if self.smp.call(hart, Call::Munmap, asked) == Some(Ok(0)) {
            let known = self.known.entry(pid).or_default();
            known.mappings.swap_remove(n);
            let gone = at..at + pages * PAGE_BYTES;
            known.bytes.retain(|at, _| !gone.contains(at));
        }
    }

    fn protect(&mut self, hart: usize, pid: u16) {
        let Some(n) = self.pick(pid) else { return };
        let mapping = &self.known.entry(pid).or_default().mappings[n];
        let may_write = !mapping.may_write;
        let rights = prot::READ | if may_write { prot::WRITE } else { 0 };
        let asked = [mapping.at, mapping.pages * PAGE_BYTES, rights as u64, 0, 0];
        if self.smp.call(hart, Call::Protect, asked) == Some(Ok(0)) {
            self.known.entry(pid).or_default().mappings[n].may_write = may_write;
        }
    }

    fn advise(&mut self, hart: usize, pid: u16) {
        let Some(n) = self.pick(pid) else { return };
        let known = self.known.entry(pid).or_default();
        let Mapping { at, pages, .. } = known.mappings[n];
        let page = at + self.chance.below(pages) * PAGE_BYTES;
        let advice = match self.chance.below(3) {
            0 => Advice::DontNeed,
            1 => Advice::WillNeed,
            _ => Advice::PageOut,
        };
        let asked = [page, PAGE_BYTES, advice.number() as u64, 0, 0];
        let advised = self.smp.call(hart, Call::Advise, asked);
        if advised == Some(Ok(0)) && advice == Advice::DontNeed {
            self.known.entry(pid).or_default().bytes.remove(&page);
        }
    }

    fn place(&mut self, pid: u16) -> Option<(u64, bool)> {
        let n = self.pick(pid)?;
        let mapping = &self.known.entry(pid).or_default().mappings[n];
        let page = self.chance.below(mapping.pages);
        Some((mapping.at + page * PAGE_BYTES, mapping.may_write))
    }

    fn load(&mut self, hart: usize, pid: u16) {
        let Some((at, _)) = self.place(pid) else {
            return;
        };
        let wanted = self.known.entry(pid).or_default().bytes.get(&at).copied();
        if let Some(found) = self.smp.byte(hart, at) {
            assert_eq!(found, wanted.unwrap_or(0), "at {at:#x} on hart {hart}");
        }
    }

    fn store(&mut self, hart: usize, pid: u16) {
        let Some((at, may_write)) = self.place(pid) else {
            return;
        };
        if !may_write {
            if self.smp.kernel.system.local.platform.have_left & 1 << hart == 0 {
                let stored = self.smp.access(hart, at, AccessType::Write);
                assert_eq!(stored, Err(()), "{at:#x} is not to be written");
            }
            return;
        }
        let byte = 1 + self.chance.below(255) as u8;
        if self.smp.store(hart, at, byte).is_some() {
            self.known.entry(pid).or_default().bytes.insert(at, byte);
        }
    }

    /// All that is there is what was stored, seen from whichever hart.
    fn ends(&mut self) {
        let all: Vec<u16> = self.known.keys().copied().collect();
        for pid in all.into_iter().filter(|pid| self.is_alive(*pid)) {
            let slot = self.smp.kernel.system.tasks.find_process(pid);
            let slot = slot.expect("it lives");
            let bytes: Vec<(u64, u8)> = {
                let known = &self.known[&pid];
                known.bytes.iter().map(|(at, byte)| (*at, *byte)).collect()
            };
            for (at, byte) in bytes {
                let space = self.smp.kernel.system.tasks.space(slot);
                let backing = &self.smp.kernel.system.frames.backing;
                let platform = &self.smp.kernel.system.local.platform;
                let mut found = [0];
                let read = peek(space, backing, platform, VirtAddr::new(at), &mut found);
                assert_eq!((read, found[0]), (1, byte), "{at:#x} of process {pid}");
            }
        }
        self.smp.kernel.must_be_sound("a history on several harts");
    }
}

fn histories_on_several_harts_agree_with_the_oracle<M: TestMachine>(quirks: Quirks) {
    let given = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let steps = given("HART_STEPS").unwrap_or(STEPS);
    // A hart that sets A and D itself does so while another one has the lock.
    let all = [
        quirks,
        Quirks {
            svade: false,
            ..quirks
        },
    ];
    for round in 0..steps / HISTORY {
        let harts = 1 + round as usize % 4;
        let seed = 0x51ed_270b ^ round << 16;
        let mut history = History::<M>::new(all[round as usize / 4 % 2], seed, harts);
        for _ in 0..HISTORY {
            history.step();
        }
        history.ends();
    }
}
