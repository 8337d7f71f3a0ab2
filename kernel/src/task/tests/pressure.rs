//! Pressure: stalls are counted, and who waits for them is woken.

use abi::thread::NO_TIMEOUT;
use abi::{Call, Error, PressureKind, TaskState, Topic};
use pagetable::PAGE_BYTES;
use sim::Quirks;

use super::kernel::{Kernel, TEXT};
use crate::debug::monitor;
use crate::mm::tests::both;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::task::{SchedState, Slot};

both! {
    stalls_for_frames_are_counted_and_wake_who_waits_for_them
    a_wait_for_pressure_ends_with_its_time_or_is_refused
}

const STORE: usize = 15;
const FOREVER: u64 = NO_TIMEOUT as u64;
/// More pages than the pool has frames.
const PAGES: u64 = 100;

/// A kernel that has to take pages, each of which takes time.
fn short_of_frames<M: TestMachine>(quirks: Quirks) -> Kernel<M> {
    let mut kernel = Kernel::<M>::on(Bench::with_store(quirks, 64, 256));
    kernel.system.local.platform.ticks_a_write = 1000;
    kernel
}

/// Another thread of the running process, of that priority.
fn thread<M: TestMachine>(kernel: &mut Kernel<M>, priority: u64) -> Slot {
    let by = kernel.system.local.schedule.current();
    let made = [TEXT, 0, PAGE_BYTES, priority, 0];
    kernel.begin(Call::ThreadCreate, made);
    kernel.enter_call();
    let is_same = kernel.system.local.schedule.current() == by;
    let tid = match is_same {
        true => kernel.context.x[10],
        false => kernel.system.tasks.at(by).context.x[10],
    };
    let found = kernel.system.tasks.find(tid as u16);
    found.unwrap_or_else(|| panic!("{:?}", Error::result(tid)))
}

/// The running thread waits for pressure; another one runs.
fn wait<M: TestMachine>(kernel: &mut Kernel<M>, arguments: [u64; 5]) -> Slot {
    let slot = kernel.system.local.schedule.current();
    kernel.begin(Call::AwaitPressure, arguments);
    kernel.enter_call();
    let state = kernel.system.tasks.at(slot).state();
    assert_eq!(state.on_the_wire(), TaskState::Pressure, "{arguments:?}");
    slot
}

fn shown<M: TestMachine>(kernel: &Kernel<M>, index: usize) -> String {
    let mut text = String::new();
    monitor::line(&kernel.system, Topic::Pressure, index, 0, &mut text).unwrap();
    text
}

fn stalls_for_frames_are_counted_and_wake_who_waits_for_them<M: TestMachine>(quirks: Quirks) {
    let mut kernel = short_of_frames::<M>(quirks);
    let mapped = kernel.call(Call::Mmap, [PAGES * PAGE_BYTES, 0, 0, 0, 0]);
    let at = mapped.result.unwrap() as u64;
    let watcher = thread(&mut kernel, 200);
    assert_eq!(kernel.system.local.schedule.current(), watcher);
    wait(&mut kernel, [1, 10_000, 10_000, FOREVER, 0]);
    assert_eq!(
        shown(&kernel, 0),
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    );
    let mut touched = 0;
    while kernel.system.local.schedule.current() != watcher {
        assert!(touched < PAGES, "no thread is woken");
        kernel.fault(STORE, at + touched * PAGE_BYTES);
        touched += 1;
    }
    let total = kernel.system.pressure.total(PressureKind::Full);
    assert!(total >= 10_000, "{total}");
    // The clock has a tick in a microsecond.
    assert_eq!(
        (kernel.context.x[10], kernel.context.x[11] as u64),
        (0, total)
    );
    assert!(shown(&kernel, 1).ends_with(&format!("total={total}\n")));
    // Two seconds later the averages have them.
    kernel.system.local.platform.now += 2_000_000;
    let text = shown(&kernel, 0);
    assert!(
        text.starts_with("some avg10=0.") && !text.contains("avg10=0.00"),
        "{text}"
    );
    // No thread waits any more: what comes is counted.
    kernel.call(Call::ThreadSelf, [0; 5]);
    kernel.must_be_sound("pressure");
}

fn a_wait_for_pressure_ends_with_its_time_or_is_refused<M: TestMachine>(quirks: Quirks) {
    let mut kernel = short_of_frames::<M>(quirks);
    for (arguments, due) in [
        ([2, 1, 10, 1, 0], Error::BadArgument),
        ([0, 0, 10, 1, 0], Error::BadArgument),
        ([0, 10_001, 10, 1, 0], Error::BadArgument),
        ([0, 1, 9, 1, 0], Error::BadArgument),
        ([0, 1, 10_001, 1, 0], Error::BadArgument),
        ([0, 10_000, 10, 0, 0], Error::TimedOut),
    ] {
        let answer = kernel.call(Call::AwaitPressure, arguments);
        assert_eq!(answer.result, Err(due), "{arguments:?}");
    }
    // As many as can wait, and one more.
    let mut waiting = Vec::new();
    for _ in 0..8 {
        thread(&mut kernel, 200);
        waiting.push(wait(&mut kernel, [0, 1, 10, 50, 0]));
    }
    let answer = kernel.call(Call::AwaitPressure, [0, 1, 10, 50, 0]);
    assert_eq!(answer.result, Err(Error::LimitExceeded));
    kernel.system.local.platform.now += 60_000;
    kernel.take_timer();
    for slot in waiting {
        let thread = kernel.system.tasks.at(slot);
        assert!(matches!(
            thread.state(),
            SchedState::Ready | SchedState::Running { .. }
        ));
        let a0 = match kernel.system.local.schedule.current() == slot {
            true => kernel.context.x[10],
            false => thread.context.x[10],
        };
        assert_eq!(Error::result(a0), Err(Error::TimedOut));
    }
    // Their rows are free again.
    wait(&mut kernel, [0, 1, 10, 50, 0]);
    kernel.must_be_sound("waits");
}
