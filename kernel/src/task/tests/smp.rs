//! Several harts with one memory, each with a TLB of its own that forgets nothing by itself: threads of the same processes
//! load, store, map and unmap on all of them.

use abi::{Advice, Call, Error};
use pagetable::{AccessType, PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::hart::Hart;
use super::kernel::{Kernel, STACK, TEXT};
use crate::mm::BUDGET_PAGES;
use crate::mm::tests::both;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::task::{Context, SchedState, Schedule, Slot, TrapFrame};
use crate::trap;

both! {
    threads_of_one_process_run_on_two_harts_and_a_page_that_goes_is_gone_on_both
    a_hart_that_did_not_leave_would_read_a_frame_of_the_next_owner
    what_enters_a_page_only_lets_the_other_harts_go_on
    a_stack_that_is_freed_in_pieces_is_gone_on_every_hart_piece_by_piece
}

const LOAD: usize = 13;
const STORE: usize = 15;
const CALL: usize = 8;
const TIMER: usize = 1 << (usize::BITS - 1) | 5;
/// Retries of one access; each fault on the way is served.
const PATIENCE: usize = 12;

/// A kernel on so many harts.
pub struct Smp<M: TestMachine> {
    pub kernel: Kernel<M>,
    /// The registers on each hart; those of the hart that has the lock are the kernel's.
    frames: Vec<Option<&'static mut TrapFrame>>,
    holder: usize,
    /// What stands in the place of the machine on a hart without the lock, but for one.
    spare: Option<M>,
}

impl<M: TestMachine> Smp<M> {
    pub fn new(quirks: Quirks, harts: usize, bench: Bench<M>) -> Smp<M> {
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
    pub fn begin(&mut self, hart: usize, cause: usize, value: usize) -> bool {
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
    pub fn look(&mut self, hart: usize) {
        if self.begin(hart, trap::SUPERVISOR_SOFTWARE, 0) {
            self.kernel.enter(trap::SUPERVISOR_SOFTWARE);
        }
    }

    /// The thread that a hart runs.
    pub fn runs(&self, hart: usize) -> Option<Slot> {
        match self.holder == hart {
            true => {
                let schedule = &self.kernel.system.local.schedule;
                schedule.is_occupied().then(|| schedule.current())
            }
            false => self.kernel.system.harts.runs(hart),
        }
    }

    /// A user access on a hart: what the TLB there says, without the kernel. `Err` is a fault.
    pub fn access(&mut self, hart: usize, va: u64, access: AccessType) -> Result<PhysAddr, ()> {
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
    pub fn touch(&mut self, hart: usize, va: u64, access: AccessType) -> Option<PhysAddr> {
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
    pub fn call(
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

    pub fn byte(&mut self, hart: usize, va: u64) -> Option<u8> {
        let at = self.touch(hart, va, AccessType::Read)?;
        Some(self.machine().ram.get(at, 1)[0])
    }

    pub fn store(&mut self, hart: usize, va: u64, byte: u8) -> Option<()> {
        let at = self.touch(hart, va, AccessType::Write)?;
        self.machine().ram.get_mut(at, 1)[0] = byte;
        Some(())
    }

    /// One more thread of the process that the hart runs a thread of.
    pub fn thread(&mut self, hart: usize) {
        let arguments = [TEXT, 0, PAGE_BYTES, 128, 0];
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
    // The first brings the tables, and the stack's.
    smp.store(0, at, 1).unwrap();
    smp.byte(0, STACK).unwrap();
    smp.look(1);
    let asked = |smp: &Smp<M>| smp.kernel.system.harts.counts(0).ipis;
    let before = asked(&smp);
    // A hart that faults once more finds a leaf there: that might need a change.
    if !quirks.spurious {
        smp.store(0, at + PAGE_BYTES, 1).unwrap();
        assert_eq!(asked(&smp), before, "a page more");
    }
    for call in [Call::Getpid, Call::ThreadSelf, Call::FreeFrames] {
        smp.call(0, call, [0; 5]).unwrap().unwrap();
        assert_eq!(asked(&smp), before, "{call:?}");
    }
    let waited = smp.call(0, Call::WaitOnAddress, [STACK, 99, 0, 0, 0]);
    assert_eq!(waited, Some(Err(Error::Busy)));
    assert_eq!(asked(&smp), before, "a wait on a word that is there");
    let advice = Advice::DontNeed.number() as u64;
    let advised = smp.call(0, Call::Advise, [at, PAGE_BYTES, advice, 0, 0]);
    advised.unwrap().unwrap();
    assert_eq!(asked(&smp), before + 1, "a page less");
}

fn a_stack_that_is_freed_in_pieces_is_gone_on_every_hart_piece_by_piece<M: TestMachine>(
    quirks: Quirks,
) {
    const PAGES: u64 = 4 * BUDGET_PAGES as u64;
    const SPARE: u64 = 60;
    let pool = (PAGES + SPARE) as usize;
    let mut smp = Smp::<M>::new(quirks, 2, Bench::new(quirks, pool));
    let first = smp.runs(0).expect("the first thread");
    // What takes the frames later: its tables are there, so that nothing but its pages is entered then.
    let bytes = (PAGES + SPARE) * PAGE_BYTES;
    let mapped = smp.call(0, Call::Mmap, [bytes, 0, 0, 0, 0]);
    let at = mapped.unwrap().unwrap() as u64;
    smp.store(0, at, 2).unwrap();
    smp.store(0, at + bytes - PAGE_BYTES, 2).unwrap();
    let stack = [TEXT, 0, PAGES * PAGE_BYTES, 128, 0];
    let made = smp.call(0, Call::ThreadCreate, stack).unwrap().unwrap();
    smp.look(1);
    let slot = smp.kernel.system.tasks.find(made as u16).unwrap();
    let (own, other) = match smp.runs(0) == Some(slot) {
        true => (0, 1),
        false => (1, 0),
    };
    assert_eq!((smp.runs(own), smp.runs(other)), (Some(slot), Some(first)));
    let base = smp.kernel.system.tasks.at(slot).stack.base;
    let last = base + (PAGES - 1) * PAGE_BYTES;
    for page in 0..PAGES {
        smp.store(own, base + page * PAGE_BYTES, 1).unwrap();
    }
    // Who runs on its hart when it has ended.
    smp.thread(other);
    smp.begin(own, TIMER, 0);
    // The other hart always waits for the lock: it gets it behind each piece.
    smp.kernel.system.local.platform.is_waited_for = true;
    smp.call(own, Call::ThreadExit, [0; 5]);
    let is_there = |smp: &Smp<M>| smp.kernel.system.is_there(first, VirtAddr::new(last));
    let mut pieces = 0;
    while is_there(&smp) {
        // It goes on with its program, which reads what is left. A hart may fault once more than it must.
        assert!(smp.begin(other, TIMER, 0));
        let reads = (0..2).any(|_| smp.access(other, last, AccessType::Read).is_ok());
        assert!(reads, "it is there still");
        smp.look(own);
        pieces += 1;
    }
    assert!(pieces > 1, "one entry frees less than all");
    while smp.runs(own).is_none() {
        smp.look(own);
    }
    // The frames get other contents, which no translation may reach.
    let mut page = 1;
    while smp.kernel.system.frames.counts().free() > 1 {
        smp.store(own, at + page * PAGE_BYTES, 2).unwrap();
        page += 1;
    }
    smp.kernel.must_be_sound("a stack freed across harts");
}
