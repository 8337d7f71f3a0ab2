//! Threads of a process, and who runs when: with a clock that the test turns.

use abi::thread::{DEFAULT_PRIORITY, EXIT_THREAD, NO_TIMEOUT, PRIORITY_ONLY_ASKED};
use abi::{Call, Error};
use pagetable::PAGE_BYTES;
use sim::Quirks;

use super::kernel::{Kernel, TEXT};
use crate::mm::tests::both;
use crate::mm::tests::machine::TestMachine;
use crate::task::{SchedState, Slot};

both! {
    a_thread_that_returns_ends_and_its_value_goes_to_who_joins_it
    a_thread_that_has_ended_is_joined_later_and_once
    a_fault_of_a_thread_ends_its_process_with_all_threads
    the_first_thread_takes_the_others_with_it
    equals_take_turns_of_a_slice
    a_higher_thread_runs_at_once_and_the_lower_one_keeps_its_slice
    equals_below_a_busy_thread_all_get_their_turns
    a_thread_that_waits_on_an_address_is_woken_once_or_its_time_is_over
    who_waits_longest_is_woken_first_and_only_for_its_own_word
    a_wait_survives_a_debugger_that_steps_and_a_kill_leaves_nothing
    a_stack_has_guards_on_both_sides
    as_many_threads_as_a_space_has_to_have_room_for
}

const FETCH: usize = 12;
const LOAD: usize = 13;
/// Ticks of a slice: the clock has a million in a second.
const SLICE: u64 = 10_000;
const USUAL: u64 = DEFAULT_PRIORITY as u64;
const FOREVER: u64 = NO_TIMEOUT as u64;

fn running<M: TestMachine>(kernel: &Kernel<M>) -> Slot {
    kernel.system.local.schedule.current()
}

fn state<M: TestMachine>(kernel: &Kernel<M>, slot: Slot) -> SchedState {
    kernel.system.tasks.at(slot).state()
}

fn slot<M: TestMachine>(kernel: &Kernel<M>, tid: u64) -> Slot {
    let slot = kernel.system.tasks.find(tid as u16);
    slot.expect("it exists")
}

/// A thread of the running one's process, which runs at once if it is higher; its number and its slot.
#[track_caller]
fn create<M: TestMachine>(kernel: &mut Kernel<M>, argument: u64, priority: u64) -> (u64, Slot) {
    let by = running(kernel);
    ask(
        kernel,
        Call::ThreadCreate,
        [TEXT, argument, 4 * PAGE_BYTES, priority, 0],
    );
    let a0 = match running(kernel) == by {
        true => kernel.context.x[10],
        false => kernel.system.tasks.at(by).context.x[10],
    };
    let tid = Error::result(a0).expect("a thread") as u64;
    (tid, slot(kernel, tid))
}

/// The running thread makes a call, once.
fn ask<M: TestMachine>(kernel: &mut Kernel<M>, call: Call, arguments: [u64; 5]) {
    kernel.begin(call, arguments);
    kernel.enter_call();
}

/// The address of a page of zeros.
fn zeros<M: TestMachine>(kernel: &mut Kernel<M>) -> u64 {
    let mapped = kernel.call(Call::Mmap, [PAGE_BYTES, 0, 0, 0, 0]).result;
    mapped.expect("a page") as u64
}

/// So much time goes by, and the timer fires.
fn pass<M: TestMachine>(kernel: &mut Kernel<M>, ticks: u64) {
    kernel.system.local.platform.now += ticks;
    kernel.take_timer();
}

fn answer<M: TestMachine>(kernel: &Kernel<M>) -> (Result<usize, Error>, usize) {
    (Error::result(kernel.context.x[10]), kernel.context.x[11])
}

fn a_thread_that_returns_ends_and_its_value_goes_to_who_joins_it<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let before = kernel.system.frames.counts().free();
    let regions = kernel.system.tasks.space(first).regions().len();
    let (tid, thread) = create(&mut kernel, 5, USUAL);
    ask(&mut kernel, Call::ThreadJoin, [tid, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), thread);
    assert_eq!(
        state(&kernel, first),
        SchedState::Joining { thread: tid as u16 }
    );
    assert_eq!(
        (kernel.context.pc, kernel.context.x[10]),
        (TEXT as usize, 5)
    );
    assert_eq!(
        kernel.call(Call::ThreadSelf, [0; 5]).result,
        Ok(tid as usize)
    );
    let own = kernel.system.shell;
    assert_eq!(kernel.call(Call::Getpid, [0; 5]).result, Ok(own.into()));
    let stack = kernel.context.x[2] as u64;
    kernel.fault(15, stack - 8);
    assert_eq!(kernel.system.local.log.last().task, tid as u16);
    assert_eq!(kernel.context.x[1], EXIT_THREAD);
    (kernel.context.pc, kernel.context.x[10]) = (EXIT_THREAD, 77);
    kernel.fault(FETCH, EXIT_THREAD as u64);
    assert_eq!(running(&kernel), first);
    assert_eq!(answer(&kernel), (Ok(tid as usize), 77));
    assert_eq!(kernel.system.tasks.find(tid as u16), None);
    assert_eq!(kernel.system.tasks.space(first).regions().len(), regions);
    kernel.must_be_sound("a thread that returned");
    assert_eq!(kernel.system.frames.counts().free(), before);
}

fn a_thread_that_has_ended_is_joined_later_and_once<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let (tid, thread) = create(&mut kernel, 0, USUAL + 1);
    assert_eq!(running(&kernel), thread, "it is higher");
    ask(&mut kernel, Call::ThreadExit, [9, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), first);
    assert_eq!(state(&kernel, thread), SchedState::Exited { status: 9 });
    let joined = kernel.call(Call::ThreadJoin, [tid, 0, 0, 0, 0]);
    assert_eq!((joined.result, joined.second), (Ok(tid as usize), 9));
    let again = kernel.call(Call::ThreadJoin, [tid, 0, 0, 0, 0]);
    assert_eq!(again.result, Err(Error::NoSuchTask));
    let own = u64::from(kernel.system.shell);
    let own = kernel.call(Call::ThreadJoin, [own, 0, 0, 0, 0]);
    assert_eq!(own.result, Err(Error::BadArgument));
}

fn a_fault_of_a_thread_ends_its_process_with_all_threads<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let shell = kernel.system.shell;
    let before = kernel.system.frames.counts().free();
    let child = kernel.task(shell, "child");
    let pid = kernel.system.tasks.at(child).tid;
    ask(&mut kernel, Call::Wait, [pid.into(), 0, 0, 0, 0]);
    assert_eq!(running(&kernel), child);
    let (_, a) = create(&mut kernel, 0, USUAL);
    create(&mut kernel, 0, USUAL);
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(running(&kernel), a);
    kernel.fault(LOAD, 0);
    assert_ne!(running(&kernel), a);
    kernel.enter_call();
    assert_eq!(answer(&kernel), (Ok(pid.into()), 128 + LOAD));
    assert_eq!(kernel.system.tasks.iter().count(), 1);
    kernel.must_be_sound("a process that ended");
    assert_eq!(kernel.system.frames.counts().free(), before);
}

fn the_first_thread_takes_the_others_with_it<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let shell = kernel.system.shell;
    for call in [Call::Exit, Call::ThreadExit] {
        let child = kernel.task(shell, "child");
        let pid = kernel.system.tasks.at(child).tid;
        ask(&mut kernel, Call::Wait, [pid.into(), 0, 0, 0, 0]);
        for _ in 0..5 {
            create(&mut kernel, 0, USUAL);
        }
        ask(&mut kernel, call, [300, 0, 0, 0, 0]);
        kernel.enter_call();
        assert_eq!(answer(&kernel), (Ok(pid.into()), 300 % 256));
        assert_eq!(kernel.system.tasks.iter().count(), 1);
        kernel.must_be_sound("a process that ended");
    }
}

fn equals_take_turns_of_a_slice<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let (_, a) = create(&mut kernel, 0, USUAL);
    let (_, b) = create(&mut kernel, 0, USUAL);
    // A lower one has no turn while these want all of the time: there is no aging.
    let (_, low) = create(&mut kernel, 0, USUAL - 1);
    for turn in [first, a, b, first, a, b, first] {
        assert_eq!(running(&kernel), turn);
        pass(&mut kernel, SLICE);
    }
    assert_eq!(kernel.system.tasks.at(low).ticks, 0);
    for thread in [a, b] {
        assert_eq!(kernel.system.tasks.at(thread).ticks, 2 * SLICE);
    }
}

fn a_higher_thread_runs_at_once_and_the_lower_one_keeps_its_slice<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let (tid, high) = create(&mut kernel, 0, 255);
    assert_eq!(running(&kernel), high);
    ask(&mut kernel, Call::Sleep, [4, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), first);
    let (_, equal) = create(&mut kernel, 0, USUAL);
    pass(&mut kernel, 4_000);
    assert_eq!(running(&kernel), high, "as soon as it wakes");
    ask(&mut kernel, Call::Sleep, [100, 0, 0, 0, 0]);
    assert_eq!(running(&kernel), first, "before its equal");
    pass(&mut kernel, 6_000);
    assert_eq!(running(&kernel), equal, "the rest of the slice is over");
    let asked = [tid, PRIORITY_ONLY_ASKED as u64, 0, 0, 0];
    assert_eq!(kernel.call(Call::Priority, asked).result, Ok(255));
    // Lowered below the others, the running one makes room.
    ask(&mut kernel, Call::Priority, [0, 3, 0, 0, 0]);
    assert_eq!(running(&kernel), first);
    let refused = kernel.call(Call::Priority, [0, 256, 0, 0, 0]).result;
    assert_eq!(refused, Err(Error::BadArgument));
}

fn equals_below_a_busy_thread_all_get_their_turns<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let (_, high) = create(&mut kernel, 0, 200);
    assert_eq!(running(&kernel), high);
    ask(&mut kernel, Call::Sleep, [3, 0, 0, 0, 0]);
    let (_, equal) = create(&mut kernel, 0, USUAL);
    // It wakes every three milliseconds, which is sooner than a slice ends.
    for _ in 0..40 {
        pass(&mut kernel, 3_000);
        while running(&kernel) == high {
            kernel.system.local.platform.now += 100;
            ask(&mut kernel, Call::Sleep, [3, 0, 0, 0, 0]);
        }
    }
    let ticks = [first, equal].map(|slot| kernel.system.tasks.at(slot).ticks);
    let (less, more) = (ticks[0].min(ticks[1]), ticks[0].max(ticks[1]));
    assert!(less > 40_000 && more - less <= 2 * SLICE, "{ticks:?}");
}

fn a_thread_that_waits_on_an_address_is_woken_once_or_its_time_is_over<M: TestMachine>(
    quirks: Quirks,
) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let (_, other) = create(&mut kernel, 0, USUAL);
    let (word, value) = (zeros(&mut kernel), 0);
    let busy = kernel.call(Call::WaitOnAddress, [word, 77, 1, 0, 0]);
    assert_eq!(busy.result, Err(Error::Busy));
    ask(&mut kernel, Call::WaitOnAddress, [word, value, 20, 0, 0]);
    assert_eq!(running(&kernel), other);
    assert!(matches!(
        state(&kernel, first),
        SchedState::OnAddress { .. }
    ));
    pass(&mut kernel, 19_000);
    assert_eq!(running(&kernel), other);
    pass(&mut kernel, 1_000);
    assert_eq!(running(&kernel), first);
    assert_eq!(answer(&kernel).0, Err(Error::TimedOut));
    // Woken before: its answer is 0, and the time that is over later changes nothing.
    ask(&mut kernel, Call::WaitOnAddress, [word, value, 20, 0, 0]);
    assert_eq!(
        kernel.call(Call::WakeAddress, [word, 9, 0, 0, 0]).result,
        Ok(1)
    );
    assert_eq!(
        kernel.call(Call::WakeAddress, [word, 9, 0, 0, 0]).result,
        Ok(0)
    );
    pass(&mut kernel, SLICE);
    assert_eq!(running(&kernel), first);
    assert_eq!(answer(&kernel).0, Ok(0));
    assert_eq!(kernel.system.tasks.first_wake(), u64::MAX);
    for (at, error) in [(word + 2, Error::BadAlignment), (0x1000, Error::BadAddress)] {
        for call in [Call::WaitOnAddress, Call::WakeAddress] {
            assert_eq!(kernel.call(call, [at, 0, 0, 0, 0]).result, Err(error));
        }
    }
    let at_once = kernel.call(Call::WaitOnAddress, [word, value, 0, 0, 0]);
    assert_eq!(at_once.result, Err(Error::TimedOut));
}

fn who_waits_longest_is_woken_first_and_only_for_its_own_word<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let first = running(&kernel);
    let word = zeros(&mut kernel);
    let threads: Vec<Slot> = (0..3).map(|_| create(&mut kernel, 0, USUAL).1).collect();
    // Another process has a word at the same address.
    let stranger = kernel.task(1, "stranger");
    ask(&mut kernel, Call::Yield, [0; 5]);
    for n in [0, 1, 2] {
        assert_eq!(running(&kernel), threads[n]);
        let at = if n == 1 { word + 4 } else { word };
        ask(&mut kernel, Call::WaitOnAddress, [at, 0, FOREVER, 0, 0]);
    }
    assert_eq!(running(&kernel), stranger);
    assert_eq!(zeros(&mut kernel), word);
    assert_eq!(
        kernel.call(Call::WakeAddress, [word, 9, 0, 0, 0]).result,
        Ok(0)
    );
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(running(&kernel), first);
    assert_eq!(
        kernel.call(Call::WakeAddress, [word, 1, 0, 0, 0]).result,
        Ok(1)
    );
    assert_eq!(state(&kernel, threads[0]), SchedState::Ready);
    assert_ne!(state(&kernel, threads[2]), SchedState::Ready);
    assert_eq!(
        kernel.call(Call::WakeAddress, [word, 9, 0, 0, 0]).result,
        Ok(1)
    );
    assert_ne!(
        state(&kernel, threads[1]),
        SchedState::Ready,
        "another word"
    );
}

fn a_wait_survives_a_debugger_that_steps_and_a_kill_leaves_nothing<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let shell = kernel.system.shell;
    let child = kernel.task(shell, "child");
    let pid = kernel.system.tasks.at(child).tid;
    ask(&mut kernel, Call::Wait, [pid.into(), 0, 0, 0, 0]);
    let (tid, thread) = create(&mut kernel, 0, USUAL);
    let pc = kernel.begin(Call::ThreadJoin, [tid, 0, 0, 0, 0]);
    kernel.enter_call();
    // A step over the call waits behind it.
    assert_eq!(kernel.system.tasks.at(child).context.pc, pc + 4);
    assert_eq!(running(&kernel), thread);
    let word = zeros(&mut kernel);
    // All wait, when the key comes that ends the program: it ends both threads, and nothing wakes them later.
    kernel.press(0x03);
    ask(&mut kernel, Call::WaitOnAddress, [word, 0, 500, 0, 0]);
    kernel.enter_call();
    assert_eq!(answer(&kernel), (Ok(pid.into()), 255));
    assert_eq!(kernel.system.tasks.first_wake(), u64::MAX);
    assert_eq!(kernel.system.tasks.iter().count(), 1);
    pass(&mut kernel, 1_000_000);
    kernel.must_be_sound("killed in two waits");
}

fn a_stack_has_guards_on_both_sides<M: TestMachine>(quirks: Quirks) {
    for below in [true, false] {
        let mut kernel = Kernel::<M>::new(quirks, 256);
        let shell = kernel.system.shell;
        let child = kernel.task(shell, "child");
        let pid = kernel.system.tasks.at(child).tid;
        ask(&mut kernel, Call::Wait, [pid.into(), 0, 0, 0, 0]);
        let (_, thread) = create(&mut kernel, 0, USUAL);
        create(&mut kernel, 0, USUAL);
        let stack = kernel.system.tasks.at(thread).stack;
        assert_eq!(stack.end - stack.base, 4 * PAGE_BYTES);
        ask(&mut kernel, Call::Yield, [0; 5]);
        assert_eq!(running(&kernel), thread);
        kernel.fault(15, stack.base);
        kernel.fault(15, if below { stack.base - 8 } else { stack.end });
        let fault = kernel.system.local.log.last();
        assert_eq!(fault.class(), abi::Class::Guard, "{below}");
        kernel.enter_call();
        assert_eq!(answer(&kernel), (Ok(pid.into()), 128 + 15));
    }
}

fn as_many_threads_as_a_space_has_to_have_room_for<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 1024);
    let first = running(&kernel);
    let before = kernel.system.frames.counts().free();
    let threads: Vec<u64> = (0..128).map(|n| create(&mut kernel, n, USUAL).0).collect();
    assert_eq!(kernel.system.tasks.siblings(first).count(), 129);
    // And regions beside their stacks.
    for _ in 0..100 {
        let mapped = kernel.call(Call::Mmap, [PAGE_BYTES, 0, 0, 0, 0]);
        assert!(mapped.result.is_ok(), "{mapped:?}");
    }
    for &tid in &threads {
        ask(&mut kernel, Call::ThreadJoin, [tid, 0, 0, 0, 0]);
        while running(&kernel) != first {
            let value = kernel.context.x[10] as u64;
            ask(&mut kernel, Call::ThreadExit, [value, 0, 0, 0, 0]);
        }
    }
    assert_eq!(answer(&kernel), (Ok(threads[127] as usize), 127));
    assert_eq!(kernel.system.tasks.iter().count(), 1);
    kernel.must_be_sound("128 threads");
    assert_eq!(kernel.system.frames.counts().free(), before);
    // More than the table has are refused, and what was begun is taken back.
    let all = (0..300).map(|_| {
        let arguments = [TEXT, 0, PAGE_BYTES, USUAL - 1, 0];
        kernel.call(Call::ThreadCreate, arguments).result
    });
    let made = all.filter(Result::is_ok).count();
    assert!((128..256).contains(&made), "{made}");
}
