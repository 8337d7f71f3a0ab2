//! Exception handlers of programs: who is called, what goes on, and what still ends the process.

use abi::thread::{
    EXIT_THREAD, RETURN_FROM_EXCEPTION_HANDLER, RETURN_FROM_ISR, RETURN_FROM_SWAPPER,
};
use abi::{Call, Error, Outcome};
use pagetable::PAGE_BYTES;
use sim::Quirks;

use super::kernel::{Kernel, TEXT};
use super::servers::{ask, running};
use crate::mm::layout::kernel_start;
use crate::mm::tests::both;
use crate::mm::tests::machine::TestMachine;
use crate::task::{SchedState, Slot};

both! {
    a_fault_calls_the_handler_and_its_answer_moves_the_program_counter
    every_cause_that_would_end_a_program_calls_its_handler
    a_fault_of_the_handler_ends_the_process
    a_second_thread_that_faults_waits_until_the_handler_is_free
    a_handler_can_end_the_thread_that_faulted
    a_forged_return_ends_the_process
    a_handler_is_set_changed_and_taken_away
    a_child_has_no_handler_and_returns_where_its_parent_would
    a_handler_has_the_priority_of_who_faulted
    who_runs_alone_runs_its_handler_while_that_has_the_fault
}

const ILLEGAL: usize = 2;
const FETCH: usize = 12;
const LOAD: usize = 13;
const STORE: usize = 15;
const ENTRY: u64 = TEXT + 0x40;
const NOWHERE: u64 = 0x7_0000;

/// The end of a stack for a handler.
fn stack<M: TestMachine>(kernel: &mut Kernel<M>) -> u64 {
    let mapped = kernel.call(Call::Mmap, [PAGE_BYTES, 0, 0, 0, 0]).result;
    mapped.expect("a page") as u64 + PAGE_BYTES
}

/// The running process has a handler from now on; where its stack ends.
fn set<M: TestMachine>(kernel: &mut Kernel<M>) -> u64 {
    let stack = stack(kernel);
    let set = kernel.call(Call::SetExceptionHandler, [ENTRY, stack, 0, 0, 0]);
    assert_eq!(set.result, Ok(0));
    stack
}

/// The handler, which runs, returns.
fn handler_returns<M: TestMachine>(kernel: &mut Kernel<M>, by: isize) {
    assert_eq!(kernel.context.x[1], RETURN_FROM_EXCEPTION_HANDLER);
    kernel.context.pc = kernel.context.x[1];
    kernel.context.x[10] = by as usize;
    kernel.fault(FETCH, kernel.context.pc as u64);
}

fn last_outcome<M: TestMachine>(kernel: &Kernel<M>) -> Outcome {
    kernel.system.local.log.last().outcome()
}

/// A process beside the first one, which waits for it; it runs.
fn child<M: TestMachine>(kernel: &mut Kernel<M>) -> Slot {
    let shell = kernel.system.shell;
    let child = kernel.task(shell, "child");
    let pid = kernel.system.tasks.at(child).tid;
    ask(kernel, Call::Wait, [pid.into(), 0, 0, 0, 0]);
    assert_eq!(running(kernel), child);
    child
}

/// The child has ended, and the first process runs: its status.
#[track_caller]
fn status_of_child<M: TestMachine>(kernel: &mut Kernel<M>) -> usize {
    let pc = kernel.context.pc;
    for _ in 0..100 {
        if kernel.context.pc != pc {
            break;
        }
        kernel.enter_call();
    }
    assert!(Error::result(kernel.context.x[10]).is_ok());
    kernel.context.x[11]
}

fn a_fault_calls_the_handler_and_its_answer_moves_the_program_counter<M: TestMachine>(
    quirks: Quirks,
) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let stack = set(&mut kernel);
    let (pc, x) = (kernel.context.pc, kernel.context.x);
    for by in [4, 2, 0, -8] {
        kernel.context.pc = pc;
        kernel.fault(STORE, NOWHERE);
        let handler = running(&kernel);
        assert_ne!(handler, first);
        let tid = kernel.system.tasks.at(first).tid;
        assert_eq!(kernel.context.pc as u64, ENTRY);
        assert_eq!(
            kernel.context.x[10..14],
            [STORE, pc, NOWHERE as usize, tid.into()]
        );
        assert_eq!(kernel.context.x[2] as u64, stack);
        assert_eq!(last_outcome(&kernel), Outcome::Handler);
        assert_eq!(kernel.system.local.log.last().task, tid);
        let own = kernel.system.tasks.at(handler).tid;
        let asked = kernel.call(Call::ThreadSelf, [0; 5]).result;
        assert_eq!(asked, Ok(own.into()), "it is a thread of its own");
        // Its stack comes page by page, as any memory.
        kernel.fault(STORE, stack - 8);
        assert_eq!(last_outcome(&kernel), Outcome::Zeroed);
        assert_eq!(
            kernel.system.tasks.at(first).state(),
            SchedState::AwaitingHandler
        );
        handler_returns(&mut kernel, by);
        assert_eq!(running(&kernel), first);
        assert_eq!(kernel.context.pc, pc.wrapping_add_signed(by));
        assert_eq!(kernel.context.x, x, "no register is another's");
        // The next round's is the handler's own page.
        let page = stack - PAGE_BYTES;
        kernel.call(Call::Advise, [page, PAGE_BYTES, 3, 0, 0]);
        kernel.context.x = x;
    }
    assert_eq!(kernel.said(), "");
    kernel.must_be_sound("handled faults");
}

fn every_cause_that_would_end_a_program_calls_its_handler<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    set(&mut kernel);
    for cause in [0, 1, ILLEGAL, 3, 4, 5, 6, 7, FETCH, LOAD, STORE] {
        let pc = kernel.context.pc;
        kernel.fault(cause, NOWHERE);
        assert_ne!(running(&kernel), first, "cause {cause}");
        assert_eq!(kernel.context.x[10], cause);
        handler_returns(&mut kernel, 4);
        assert_eq!((running(&kernel), kernel.context.pc), (first, pc + 4));
    }
    // What a page comes for is no exception of the program's.
    let page = kernel.call(Call::Mmap, [PAGE_BYTES, 0, 0, 0, 0]).result;
    kernel.fault(STORE, page.expect("a page") as u64);
    assert_eq!(running(&kernel), first);
    // Neither is an address that a call names.
    let written = kernel.call(Call::Write, [NOWHERE, 1, 0, 0, 0]);
    assert_eq!(written.result, Err(Error::BadAddress));
}

fn a_fault_of_the_handler_ends_the_process<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let before = kernel.system.frames.counts().free();
    for cause in [LOAD, ILLEGAL] {
        child(&mut kernel);
        set(&mut kernel);
        kernel.fault(STORE, NOWHERE);
        kernel.fault(cause, NOWHERE + 8);
        assert_eq!(status_of_child(&mut kernel), 128 + cause);
        assert_ne!(last_outcome(&kernel), Outcome::Handler);
        assert!(kernel.said().contains("child: killed: "));
        kernel.must_be_sound("a handler that faulted");
        assert_eq!(kernel.system.frames.counts().free(), before);
    }
}

/// A thread of the running process, which is ready.
fn thread<M: TestMachine>(kernel: &mut Kernel<M>, priority: u64) -> (u64, Slot) {
    let stack = 2 * PAGE_BYTES;
    ask(kernel, Call::ThreadCreate, [TEXT, 7, stack, priority, 0]);
    let threads = kernel.system.tasks.iter();
    let newest = threads.max_by_key(|(_, thread)| thread.tid);
    let (slot, thread) = newest.expect("a thread");
    (thread.tid.into(), slot)
}

fn a_second_thread_that_faults_waits_until_the_handler_is_free<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    set(&mut kernel);
    let (_, second) = thread(&mut kernel, 100);
    let pc = kernel.context.pc;
    kernel.fault(STORE, NOWHERE);
    let handler = running(&kernel);
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(running(&kernel), second);
    kernel.fault(LOAD, NOWHERE + 16);
    assert_eq!(running(&kernel), handler, "it has one fault at a time");
    assert_eq!(
        kernel.system.tasks.at(second).state(),
        SchedState::AwaitingHandler
    );
    assert_eq!(last_outcome(&kernel), Outcome::Handler);
    handler_returns(&mut kernel, 4);
    assert_eq!((running(&kernel), kernel.context.pc), (first, pc + 4));
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(
        (running(&kernel), kernel.context.pc),
        (second, TEXT as usize)
    );
    kernel.fault(LOAD, NOWHERE + 16);
    assert_eq!(running(&kernel), handler);
    assert_eq!(kernel.context.x[12] as u64, NOWHERE + 16);
    handler_returns(&mut kernel, 2);
    assert_eq!(
        (running(&kernel), kernel.context.pc),
        (second, TEXT as usize + 2)
    );
}

fn a_handler_can_end_the_thread_that_faulted<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    set(&mut kernel);
    let before = kernel.system.frames.counts().free();
    for by_call in [true, false] {
        let (tid, second) = thread(&mut kernel, 100);
        ask(&mut kernel, Call::ThreadJoin, [tid, 0, 0, 0, 0]);
        assert_eq!(running(&kernel), second);
        kernel.fault(LOAD, NOWHERE);
        let handler = running(&kernel);
        if by_call {
            ask(&mut kernel, Call::ThreadExit, [33, 0, 0, 0, 0]);
        } else {
            (kernel.context.pc, kernel.context.x[10]) = (EXIT_THREAD, 33);
            kernel.fault(FETCH, EXIT_THREAD as u64);
        }
        assert_eq!(running(&kernel), first);
        assert_eq!(kernel.context.x[10..12], [tid as usize, 33]);
        let idle = kernel.system.tasks.at(handler).state();
        assert_eq!(idle, SchedState::HandlerIdle);
    }
    assert_eq!(kernel.system.frames.counts().free(), before);
    // The first thread's end is that of the process.
    child(&mut kernel);
    set(&mut kernel);
    kernel.fault(LOAD, NOWHERE);
    ask(&mut kernel, Call::ThreadExit, [0x105, 0, 0, 0, 0]);
    assert_eq!(status_of_child(&mut kernel), 5);
    kernel.must_be_sound("threads that a handler ended");
    assert_eq!(kernel.system.frames.counts().free(), before);
}

fn a_forged_return_ends_the_process<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let forged = [
        RETURN_FROM_ISR,
        EXIT_THREAD,
        RETURN_FROM_EXCEPTION_HANDLER,
        RETURN_FROM_SWAPPER,
    ];
    for has_handler in [false, true] {
        for at in forged {
            child(&mut kernel);
            if has_handler {
                set(&mut kernel);
            }
            kernel.context.pc = at;
            kernel.fault(FETCH, at as u64);
            assert_eq!(status_of_child(&mut kernel), 128 + FETCH, "{at:#x}");
        }
    }
    // In the handler itself two of them are.
    for at in [RETURN_FROM_ISR, RETURN_FROM_SWAPPER] {
        child(&mut kernel);
        set(&mut kernel);
        kernel.fault(STORE, NOWHERE);
        kernel.context.pc = at;
        kernel.fault(FETCH, at as u64);
        assert_eq!(status_of_child(&mut kernel), 128 + FETCH, "{at:#x}");
    }
    kernel.must_be_sound("forged returns");
}

fn a_handler_is_set_changed_and_taken_away<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let stack = stack(&mut kernel);
    let set = |kernel: &mut Kernel<M>, entry: u64, stack: u64| {
        let set = kernel.call(Call::SetExceptionHandler, [entry, stack, 0, 0, 0]);
        set.result
    };
    let (kernels, odd) = (kernel_start(M::MODE).raw(), ENTRY + 1);
    assert_eq!(set(&mut kernel, odd, stack), Err(Error::BadAlignment));
    assert_eq!(set(&mut kernel, ENTRY, stack - 8), Err(Error::BadAlignment));
    assert_eq!(set(&mut kernel, kernels, stack), Err(Error::BadAddress));
    assert_eq!(
        set(&mut kernel, ENTRY, kernels + 16),
        Err(Error::BadAddress)
    );
    assert_eq!(set(&mut kernel, ENTRY, 0), Err(Error::BadAddress));
    assert_eq!(set(&mut kernel, 0, 0), Ok(0), "there is none");
    let threads = |kernel: &Kernel<M>| kernel.system.tasks.process(first).threads;
    assert_eq!(threads(&kernel), 1);
    assert_eq!(set(&mut kernel, ENTRY, stack), Ok(0));
    assert_eq!(set(&mut kernel, ENTRY + 2, stack), Ok(ENTRY as usize));
    assert_eq!(threads(&kernel), 2);
    kernel.fault(STORE, NOWHERE);
    let handler = running(&kernel);
    assert_eq!(kernel.context.pc as u64, ENTRY + 2);
    assert_eq!(set(&mut kernel, ENTRY, stack), Err(Error::Busy));
    assert_eq!(set(&mut kernel, 0, 0), Err(Error::Busy));
    handler_returns(&mut kernel, 4);
    let tid = kernel.system.tasks.at(handler).tid;
    let joined = kernel.call(Call::ThreadJoin, [tid.into(), 0, 0, 0, 0]);
    assert_eq!(joined.result, Err(Error::BadArgument), "it never ends");
    assert_eq!(set(&mut kernel, 0, 0), Ok(ENTRY as usize + 2));
    assert_eq!(threads(&kernel), 1);
    assert_eq!(kernel.system.tasks.find(tid), None);
    // No thread is left for one.
    while kernel.system.tasks.add_thread(first).is_ok() {}
    assert_eq!(set(&mut kernel, ENTRY, stack), Err(Error::LimitExceeded));
}

fn a_child_has_no_handler_and_returns_where_its_parent_would<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let parent = child(&mut kernel);
    set(&mut kernel);
    let (tid, second) = thread(&mut kernel, 100);
    ask(&mut kernel, Call::ThreadJoin, [tid, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), second);
    // The second thread forks.
    let forked = kernel.call(Call::Fork, [0; 5]).result.expect("a child");
    let forked_slot = kernel.system.tasks.find(forked as u16).expect("it lives");
    assert!(kernel.system.tasks.process(forked_slot).handler.is_none());
    ask(&mut kernel, Call::Wait, [forked as u64, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), forked_slot);
    // It is the first thread of its process, and began at a function.
    (kernel.context.pc, kernel.context.x[10]) = (EXIT_THREAD, 0x1_2345);
    kernel.fault(FETCH, EXIT_THREAD as u64);
    assert_eq!(running(&kernel), second);
    assert_eq!(status_of_child(&mut kernel), 0x45);
    let again = kernel.call(Call::Fork, [0; 5]).result.expect("a child");
    ask(&mut kernel, Call::Wait, [again as u64, 0, 0, 0, 0]);
    kernel.fault(LOAD, NOWHERE);
    assert_eq!(running(&kernel), second, "the child has ended");
    assert_eq!(status_of_child(&mut kernel), 128 + LOAD);
    kernel.fault(LOAD, NOWHERE);
    assert_ne!(running(&kernel), second, "its parent has one");
    assert_ne!(running(&kernel), parent);
    handler_returns(&mut kernel, 4);
    kernel.must_be_sound("forks beside a handler");
}

fn a_handler_has_the_priority_of_who_faulted<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    set(&mut kernel);
    let (_, second) = thread(&mut kernel, 99);
    kernel.fault(STORE, NOWHERE);
    let handler = running(&kernel);
    assert_eq!(kernel.system.tasks.at(handler).priority(), 100);
    // The lower one is raised while the handler runs, and stands before it from now on.
    let tid = kernel.system.tasks.at(second).tid;
    ask(&mut kernel, Call::Priority, [tid.into(), 101, 0, 0, 0]);
    assert_eq!(running(&kernel), second);
    ask(&mut kernel, Call::Sleep, [10, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), handler);
    handler_returns(&mut kernel, 4);
    assert_eq!(running(&kernel), first);
    // A thread of a low priority has a handler of that one.
    ask(&mut kernel, Call::Priority, [0, 3, 0, 0, 0]);
    kernel.fault(STORE, NOWHERE);
    assert_eq!(running(&kernel), handler);
    assert_eq!(kernel.system.tasks.at(handler).priority(), 3);
}

/// gdb lets one thread go a step: what it faults at is the handler's, which would else never run.
fn who_runs_alone_runs_its_handler_while_that_has_the_fault<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    set(&mut kernel);
    let handler = kernel.system.tasks.process(first).handler;
    let handler = handler.expect("it is set").thread;
    // Something wants the hart: both are in the table when the trap ends, and none is on the hart.
    kernel.system.local.schedule.need_resched = true;
    kernel.fault(STORE, NOWHERE);
    let states = [first, handler].map(|slot| kernel.system.tasks.at(slot).state());
    assert_eq!(states[0], SchedState::AwaitingHandler);
    kernel.system.tasks.set_state(handler, SchedState::Ready);
    assert_eq!(kernel.system.next_alone(first), Some(handler));
    kernel.system.tasks.set_state(first, SchedState::Ready);
    assert_eq!(kernel.system.next_alone(first), Some(first));
}
