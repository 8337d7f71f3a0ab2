//! Several harts with one memory, each with a TLB of its own that forgets nothing by itself: threads of the same processes
//! load, store, map and unmap on all of them, and an oracle knows every byte.

use std::collections::BTreeMap;

use abi::thread::EXIT_THREAD;
use abi::{Advice, Call, Error, prot};
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::hart::Hart;
use super::kernel::{Kernel, STACK};
use crate::mm::tests::both;
use crate::mm::tests::chance::Chance;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::task::thread::Thread;
use crate::task::{Context, SchedState, Schedule, Slot, TrapFrame};
use crate::trap;

both! {
    threads_of_one_process_run_on_two_harts_and_a_page_that_goes_is_gone_on_both
    a_hart_that_did_not_leave_would_read_a_frame_of_the_next_owner
    what_enters_a_page_only_lets_the_other_harts_go_on
    histories_on_several_harts_agree_with_the_oracle
}

const FETCH: usize = 12;
const LOAD: usize = 13;
const STORE: usize = 15;
const CALL: usize = 8;
/// What a table of leaves covers, in either mode.
const LARGE: u64 = 4 << 20;
/// Retries of one access; each fault on the way is served.
const PATIENCE: usize = 12;
/// Steps of all histories together, and of one.
const STEPS: u64 = 100_000;
const HISTORY: u64 = 1000;

/// A kernel on so many harts.
struct Smp<M: TestMachine> {
    kernel: Kernel<M>,
    /// The registers on each hart; those of the hart that has the lock are the kernel's.
    frames: Vec<Option<&'static mut TrapFrame>>,
    holder: usize,
    /// What stands in the place of the machine on a hart without the lock, but for one.
    spare: Option<M>,
}

impl<M: TestMachine> Smp<M> {
    fn new(quirks: Quirks, harts: usize, bench: Bench<M>) -> Smp<M> {
        let mut kernel = Kernel::on_harts(bench, harts);
        let mut frames: Vec<Option<&'static mut TrapFrame>> = vec![None];
        for index in 1..harts {
            let platform = Hart::new(Self::no_machine(quirks), 1_000_000);
            let schedule = Schedule::new(1_000_000);
            let all = &mut kernel.system.harts;
            all.add(index, index, platform, schedule);
            frames.push(Some(Box::leak(Box::new(TrapFrame::EMPTY))));
        }
        Smp {
            kernel,
            frames,
            holder: 0,
            spare: Some(Self::no_machine(quirks)),
        }
    }

    /// In the place of the one that the hart with the lock has.
    fn no_machine(quirks: Quirks) -> M {
        Bench::<M>::new(quirks, 1).machine
    }

    fn machine(&mut self) -> &mut sim::SimMachine {
        self.kernel.system.local.platform.machine.hart()
    }

    /// The hart gets the lock for a trap; false if its thread was ended meanwhile.
    fn begin(&mut self, hart: usize, cause: usize, value: usize) -> bool {
        let taken = self.frames[hart].take();
        if let Some(frame) = taken {
            let before = std::mem::replace(&mut self.kernel.context, frame);
            self.frames[self.holder] = Some(before);
        }
        let system = &mut self.kernel.system;
        let platform = &mut system.local.platform;
        let spare = self.spare.take().expect("the holder has the machine");
        let mut machine = std::mem::replace(&mut platform.machine, spare);
        let (left, obey) = (platform.have_left, platform.others_obey);
        machine.hart().run_on(hart);
        self.holder = hart;
        // The machine goes along: there is one.
        system.harts.exchange(hart, &mut system.local);
        let platform = &mut system.local.platform;
        self.spare = Some(std::mem::replace(&mut platform.machine, machine));
        platform.have_left = left & !(1 << hart);
        platform.others_obey = obey;
        let frame = &mut self.kernel.context;
        trap::begin(system, frame, (hart, 0), (cause, value))
    }

    /// The hart gives its time to whichever thread has a turn.
    fn look(&mut self, hart: usize) {
        if self.begin(hart, trap::SUPERVISOR_SOFTWARE, 0) {
            self.kernel.enter(trap::SUPERVISOR_SOFTWARE);
        }
    }

    /// The thread that a hart runs.
    fn runs(&self, hart: usize) -> Option<Slot> {
        match self.holder == hart {
            true => {
                let schedule = &self.kernel.system.local.schedule;
                schedule.is_occupied().then(|| schedule.current())
            }
            false => self.kernel.system.harts.runs(hart),
        }
    }

    /// A user access on a hart: what the TLB there says, without the kernel. `Err` is a fault.
    fn access(&mut self, hart: usize, va: u64, access: AccessType) -> Result<PhysAddr, ()> {
        let slot = self.runs(hart).expect("it runs a thread");
        let root = self.kernel.system.tasks.space(slot).root();
        let holder = self.holder;
        let machine = self.machine();
        machine.run_on(hart);
        let answer = machine.access(root, VirtAddr::new(va), access);
        machine.run_on(holder);
        answer.map_err(|_| ())
    }

    /// A load or store of a hart's thread, with the faults on the way; `None` if the thread does not run there any more.
    fn touch(&mut self, hart: usize, va: u64, access: AccessType) -> Option<PhysAddr> {
        let slot = self.runs(hart)?;
        for _ in 0..PATIENCE {
            if self.kernel.system.local.platform.have_left & 1 << hart != 0 {
                // It waits for the lock in the kernel.
                self.look(hart);
            }
            if self.runs(hart) != Some(slot) {
                return None;
            }
            if let Ok(at) = self.access(hart, va, access) {
                return Some(at);
            }
            let cause = match access {
                AccessType::Write => STORE,
                _ => LOAD,
            };
            if self.begin(hart, cause, va as usize) {
                self.kernel.fault(cause, va);
            }
        }
        panic!("{va:#x} faults without end on hart {hart}");
    }

    /// A system call of a hart's thread, to its end; `None` if the thread waits, or does not run there any more.
    fn call(
        &mut self,
        hart: usize,
        call: Call,
        arguments: [u64; 5],
    ) -> Option<Result<usize, Error>> {
        let slot = self.runs(hart)?;
        for _ in 0..1000 {
            if self.runs(hart) != Some(slot) {
                return None;
            }
            // Its registers, wherever they are.
            let frame = match self.holder == hart {
                true => &mut self.kernel.context,
                false => self.frames[hart].as_mut()?,
            };
            for (n, argument) in arguments.into_iter().enumerate() {
                frame.x[10 + n] = argument as usize;
            }
            frame.x[17] = call.number();
            let pc = frame.pc;
            if !self.begin(hart, CALL, 0) {
                return None;
            }
            self.kernel.enter_call();
            // Another thread may have the hart by now.
            let thread = self.kernel.system.tasks.at(slot);
            let context: &Context = match self.runs(hart) == Some(slot) {
                true => self.kernel.context,
                false => thread.context,
            };
            if context.pc != pc {
                let is_ready = matches!(
                    thread.state(),
                    SchedState::Ready | SchedState::Running { .. }
                );
                return is_ready.then(|| Error::result(context.x[10]));
            }
        }
        panic!("{call:?} never ends");
    }

    fn byte(&mut self, hart: usize, va: u64) -> Option<u8> {
        let at = self.touch(hart, va, AccessType::Read)?;
        Some(self.machine().ram.get(at, 1)[0])
    }

    fn store(&mut self, hart: usize, va: u64, byte: u8) -> Option<()> {
        let at = self.touch(hart, va, AccessType::Write)?;
        self.machine().ram.get_mut(at, 1)[0] = byte;
        Some(())
    }

    /// One more thread of the process that the hart runs a thread of.
    fn thread(&mut self, hart: usize) {
        let arguments = [super::kernel::TEXT, 0, PAGE_BYTES, 128, 0];
        let made = self.call(hart, Call::ThreadCreate, arguments);
        made.expect("it runs").expect("there is room");
    }
}

/// Two harts that run two threads of one process.
fn two<M: TestMachine>(quirks: Quirks, pool: usize) -> Smp<M> {
    let mut smp = Smp::<M>::new(quirks, 2, Bench::new(quirks, pool));
    smp.thread(0);
    smp.look(1);
    let [first, second] = [0, 1].map(|hart| smp.runs(hart).expect("each runs one"));
    assert_ne!(first, second);
    let tasks = &smp.kernel.system.tasks;
    assert_eq!(tasks.process(first).pid, tasks.process(second).pid);
    smp
}

fn threads_of_one_process_run_on_two_harts_and_a_page_that_goes_is_gone_on_both<M: TestMachine>(
    quirks: Quirks,
) {
    let mut smp = two::<M>(quirks, 60);
    let mapped = smp.call(0, Call::Mmap, [PAGE_BYTES, 0, 0, 0, 0]);
    let at = mapped.unwrap().unwrap() as u64;
    smp.store(0, at, 7).unwrap();
    assert_eq!(smp.byte(1, at), Some(7), "the other hart has it too");
    let before = smp.kernel.system.harts.counts(1).shootdowns;
    let removed = smp.call(0, Call::Munmap, [at, PAGE_BYTES, 0, 0, 0]);
    removed.unwrap().unwrap();
    assert_eq!(smp.kernel.system.local.platform.have_left, 1 << 1);
    // What it had there is another page's now.
    let mapped = smp.call(0, Call::Mmap, [8 * PAGE_BYTES, 0, 0, 0, 0]);
    let other = mapped.unwrap().unwrap() as u64 + PAGE_BYTES;
    smp.store(0, other, 9).unwrap();
    smp.look(1);
    assert_eq!(smp.kernel.system.harts.counts(1).shootdowns, before + 1);
    let again = smp.byte(1, at);
    assert_ne!(again, Some(7));
    assert_eq!(smp.byte(1, other), Some(9));
    smp.kernel.must_be_sound("an unmap across harts");
}

fn a_hart_that_did_not_leave_would_read_a_frame_of_the_next_owner<M: TestMachine>(quirks: Quirks) {
    let found = std::panic::catch_unwind(|| {
        let mut smp = two::<M>(quirks, 60);
        smp.kernel.system.local.platform.others_obey = false;
        let mapped = smp.call(0, Call::Mmap, [PAGE_BYTES, 0, 0, 0, 0]);
        let at = mapped.unwrap().unwrap() as u64;
        smp.store(0, at, 7).unwrap();
        smp.byte(1, at).unwrap();
        let removed = smp.call(0, Call::Munmap, [at, PAGE_BYTES, 0, 0, 0]);
        removed.unwrap().unwrap();
        let mapped = smp.call(0, Call::Mmap, [64 * PAGE_BYTES, 0, 0, 0, 0]);
        let other = mapped.unwrap().unwrap() as u64;
        for page in 0..64 {
            smp.store(0, other + page * PAGE_BYTES, 9);
        }
    });
    let why = found.expect_err("the frame is refilled");
    let why = why.downcast_ref::<String>().expect("text");
    assert!(why.contains("while the TLB still reaches it"), "{why}");
}

fn what_enters_a_page_only_lets_the_other_harts_go_on<M: TestMachine>(quirks: Quirks) {
    let mut smp = two::<M>(quirks, 60);
    let mapped = smp.call(0, Call::Mmap, [4 * PAGE_BYTES, 0, 0, 0, 0]);
    let at = mapped.unwrap().unwrap() as u64;
    // The first brings the tables.
    smp.store(0, at, 1).unwrap();
    smp.look(1);
    let before = smp.kernel.system.harts.counts(0).ipis;
    smp.store(0, at + PAGE_BYTES, 1).unwrap();
    for call in [Call::Getpid, Call::ThreadSelf, Call::FreeFrames] {
        smp.call(0, call, [0; 5]).unwrap().unwrap();
    }
    let waits = [STACK, 99, 0, 0, 0];
    smp.byte(0, STACK).unwrap();
    let before_wait = smp.kernel.system.harts.counts(0).ipis;
    let waited = smp.call(0, Call::WaitOnAddress, waits);
    assert_eq!(waited, Some(Err(Error::Busy)));
    assert_eq!(smp.kernel.system.harts.counts(0).ipis, before_wait);
    if !quirks.spurious {
        assert!(before_wait <= before + 1, "the stack's tables at most");
    }
    smp.look(1);
    let advice = Advice::DontNeed.number() as u64;
    let advised = smp.call(0, Call::Advise, [at, PAGE_BYTES, advice, 0, 0]);
    advised.unwrap().unwrap();
    assert_eq!(smp.kernel.system.harts.counts(0).ipis, before_wait + 1);
}

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
            let arguments = [super::kernel::TEXT, 0, PAGE_BYTES, 128, 0];
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
                let read = crate::mm::peek(space, backing, platform, VirtAddr::new(at), &mut found);
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
