//! Forks that take more than one entry into the kernel, and what may happen between two of them.

use abi::thread::DEFAULT_PRIORITY;
use abi::{Call, Error, map};
use pagetable::PAGE_BYTES;
use sim::Quirks;

use super::hart::Work;
use super::kernel::{Kernel, TEXT};
use crate::mm::tests::both;
use crate::mm::tests::machine::TestMachine;
use crate::task::{SchedState, Slot};

both! {
    a_fork_is_made_in_pieces_and_its_child_begins_behind_the_call
    a_thread_that_unmaps_memory_waits_until_the_fork_is_done
    a_parent_that_is_killed_in_the_middle_leaves_nothing
    a_child_that_is_killed_in_the_middle_has_ended_for_its_parent
    a_debugger_that_sends_a_task_elsewhere_ends_the_fork
    a_fork_without_memory_fails_and_leaves_nothing
    no_program_is_put_in_the_place_of_one_that_asks_for_nonsense
}

/// As many pages as two entries make common, and some.
const PAGES: u64 = 2 * 4096 + 17;
const POOL: usize = PAGES as usize + 200;

fn running<M: TestMachine>(kernel: &Kernel<M>) -> Slot {
    kernel.system.local.schedule.current()
}

/// The running task gets its pages; where.
fn populate<M: TestMachine>(kernel: &mut Kernel<M>) -> u64 {
    let flags = map::POPULATE as u64;
    let answer = kernel.call(Call::Mmap, [PAGES * PAGE_BYTES, 0, flags, 0, 0]);
    answer.result.expect("there are frames") as u64
}

/// The first piece of a fork: the child, which does not run yet.
fn begin<M: TestMachine>(kernel: &mut Kernel<M>) -> Slot {
    let pc = kernel.begin(Call::Fork, [0; 5]);
    kernel.enter_call();
    assert_eq!(kernel.context.pc, pc, "it is in the middle");
    let tasks = &kernel.system.tasks;
    let made = tasks
        .iter()
        .find(|(_, thread)| thread.state() == SchedState::Starting);
    let (child, _) = made.expect("a child in the making");
    child
}

/// Lets processes that have ended give their memory back: the running one does nothing meanwhile.
fn settle<M: TestMachine>(kernel: &mut Kernel<M>) {
    for _ in 0..200 {
        kernel.take_timer();
    }
}

fn a_fork_is_made_in_pieces_and_its_child_begins_behind_the_call<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let at = populate(&mut kernel);
    let before = kernel.system.frames.counts();
    let parent = running(&kernel);
    let answer = kernel.call(Call::Fork, [1, 2, 3, 4, 5]);
    let pid = answer.result.expect("a child");
    assert!(answer.entries >= 3, "{answer:?}");
    // A page that becomes common is two entries that are written, and a sixteenth of a budget's page.
    let most = Work {
        frames: 16,
        writes: 2 * 4096 + 1100,
        reads: 5 * 4096,
    };
    assert_eq!(answer.most.or(most), most);
    let after = kernel.system.frames.counts();
    assert_eq!(after.pages, before.pages, "tables alone");
    kernel.must_be_sound("the fork");
    let child = kernel.system.tasks.find(pid as u16).expect("it exists");
    assert_eq!(kernel.system.tasks.at(child).state(), SchedState::Ready);
    let context = **kernel.system.tasks.at(child).context;
    assert_eq!((context.pc, context.x[10]), (kernel.context.pc, 0));
    assert_eq!(context.x[11..], kernel.context.x[11..]);
    let resident = |slot| kernel.system.tasks.space(slot).resident();
    assert_eq!(resident(child), resident(parent));
    // The child's turn: it ends, and frees its shares.
    kernel.call(Call::Munmap, [at, PAGE_BYTES, 0, 0, 0]);
    kernel.begin(Call::Wait, [pid as u64, 0, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(running(&kernel), child);
    kernel.begin(Call::Exit, [7, 0, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(running(&kernel), parent);
    kernel.enter_call();
    assert_eq!((kernel.context.x[10], kernel.context.x[11]), (pid, 7));
    kernel.must_be_sound("its end");
    assert_eq!(kernel.system.frames.counts().used(), before.used() - 1);
}

fn a_thread_that_unmaps_memory_waits_until_the_fork_is_done<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let at = populate(&mut kernel);
    let first = running(&kernel);
    let priority = u64::from(DEFAULT_PRIORITY);
    let thread = [TEXT, 0, PAGE_BYTES, priority, 0];
    kernel
        .call(Call::ThreadCreate, thread)
        .result
        .expect("a thread");
    let child = begin(&mut kernel);
    // The slice is over: the other thread has its turn, and takes the memory away that is being made common.
    kernel.system.local.platform.now += 10_000;
    kernel.take_timer();
    assert_ne!(running(&kernel), first);
    let pc = kernel.begin(Call::Munmap, [at, PAGES * PAGE_BYTES, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(kernel.context.pc, pc);
    let mut entries = 1;
    while kernel.context.pc == pc {
        kernel.enter_call();
        entries += 1;
        assert!(entries < 1000);
    }
    assert_eq!(kernel.context.x[10], 0);
    let resident = |slot| kernel.system.tasks.space(slot).resident();
    assert!(
        u64::from(resident(child)) >= PAGES,
        "all of it is the child's"
    );
    assert!(u64::from(resident(first)) < 100);
    kernel.must_be_sound("all that");
    // The first thread has its answer with its next turn.
    kernel.system.local.platform.now += 10_000;
    kernel.take_timer();
    assert_eq!(running(&kernel), first);
    kernel.enter_call();
    let pid = kernel.system.tasks.at(child).tid;
    assert_eq!(kernel.context.x[10], usize::from(pid));
    assert_eq!(kernel.system.tasks.at(child).state(), SchedState::Ready);
}

fn a_parent_that_is_killed_in_the_middle_leaves_nothing<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let used = kernel.system.frames.counts().used();
    let shell = kernel.system.shell;
    let parent = kernel.task(shell, "parent");
    let pid = kernel.system.tasks.at(parent).tid;
    kernel.begin(Call::Wait, [pid.into(), 0, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(running(&kernel), parent);
    populate(&mut kernel);
    let child = begin(&mut kernel);
    kernel.press(0x03);
    kernel.take_interrupts();
    settle(&mut kernel);
    kernel.enter_call();
    let answer = (kernel.context.x[10], kernel.context.x[11]);
    assert_eq!(answer, (pid.into(), 255));
    assert_eq!(kernel.system.tasks.at(child).state(), SchedState::Empty);
    kernel.must_be_sound("the end of both");
    assert_eq!(kernel.system.frames.counts().used(), used);
}

fn a_child_that_is_killed_in_the_middle_has_ended_for_its_parent<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    populate(&mut kernel);
    let used = kernel.system.frames.counts().used();
    let child = begin(&mut kernel);
    let pid = kernel.system.tasks.at(child).tid;
    crate::task::exec::exit_process(&mut kernel.system, child, 255);
    settle(&mut kernel);
    kernel.enter_call();
    assert_eq!(kernel.context.x[10], usize::from(pid));
    let waited = kernel.call(Call::Wait, [pid.into(), 0, 0, 0, 0]);
    assert_eq!((waited.result, waited.second), (Ok(pid.into()), 255));
    kernel.must_be_sound("its end");
    assert_eq!(kernel.system.frames.counts().used(), used);
}

fn a_debugger_that_sends_a_task_elsewhere_ends_the_fork<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    populate(&mut kernel);
    let used = kernel.system.frames.counts().used();
    begin(&mut kernel);
    kernel.context.pc += 0x40;
    assert_eq!(kernel.call(Call::Sbrk, [0; 5]).result.map(drop), Ok(()));
    settle(&mut kernel);
    assert_eq!(kernel.system.tasks.processes().count(), 1);
    let waited = kernel.call(Call::Wait, [0; 5]);
    assert_eq!(waited.result, Err(Error::NoChild));
    kernel.must_be_sound("that");
    assert_eq!(kernel.system.frames.counts().used(), used);
}

fn a_fork_without_memory_fails_and_leaves_nothing<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    populate(&mut kernel);
    let used = kernel.system.frames.counts().used();
    for fails in 0.. {
        kernel.system.frames.fail_after = Some(fails);
        let answer = kernel.call(Call::Fork, [0; 5]);
        kernel.system.frames.fail_after = None;
        if answer.result.is_ok() {
            assert!(fails > 8, "a root, and a table for each few MiB");
            return;
        }
        assert_eq!(answer.result, Err(Error::OutOfMemory), "allocation {fails}");
        settle(&mut kernel);
        assert_eq!(kernel.system.frames.counts().used(), used);
        assert_eq!(kernel.system.tasks.processes().count(), 1);
    }
}

fn no_program_is_put_in_the_place_of_one_that_asks_for_nonsense<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 64);
    let refused = [
        // Zeros of the stack: a line that names no program.
        ([super::kernel::STACK, 8, 0, 0, 0], Error::NotFound),
        ([super::kernel::STACK, 97, 0, 0, 0], Error::LimitExceeded),
        ([8, 8, 0, 0, 0], Error::BadAddress),
        ([super::kernel::STACK, 0, 0, 0, 0], Error::BadArgument),
    ];
    let pid = kernel.call(Call::Getpid, [0; 5]).result;
    for (arguments, error) in refused {
        assert_eq!(kernel.call(Call::Exec, arguments).result, Err(error));
    }
    assert_eq!(kernel.call(Call::Getpid, [0; 5]).result, pid);
    kernel.must_be_sound("that");
}
