//! Two harts that have the lock in turns; each its own registers and its own schedule.

use abi::{Call, Topic, map};
use pagetable::PAGE_BYTES;
use sim::Quirks;

use super::hart::Hart;
use super::kernel::{Kernel, STACK};
use crate::mm::BUDGET_PAGES;
use crate::mm::tests::both;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::task::{SchedState, Schedule, Slot, TrapFrame, switch};

both! {
    who_kills_what_another_hart_runs_goes_on_when_nothing_of_it_is_left
    harts_are_shown_with_what_they_run
    a_hart_fetches_what_another_one_wrote
    an_end_goes_on_though_another_hart_always_waits
}

/// Pages that one entry does not free.
const PAGES: u64 = 12 * BUDGET_PAGES as u64;
/// The SBI's number of the second hart.
const SECOND: usize = 7;

/// A kernel whose second hart runs the second of two tasks; the slots of both.
fn on_two_harts<M: TestMachine>(quirks: Quirks) -> (Kernel<M>, [Slot; 2]) {
    let mut kernel = Kernel::<M>::new(quirks, 200);
    let first = kernel.system.local.schedule.current();
    let second = kernel.task(kernel.system.shell, "second");
    // It enters no page: only what is known of it counts.
    let machine = Bench::<M>::new(quirks, 20).machine;
    let (platform, schedule) = (Hart::new(machine, 0), Schedule::new(1_000_000));
    kernel.system.harts.add(1, SECOND, platform, schedule);
    kernel.system.take_over(1, 0);
    let mut frame: &'static mut TrapFrame = Box::leak(Box::new(TrapFrame::EMPTY));
    switch::reschedule(&mut kernel.system, &mut frame);
    kernel.system.take_over(0, 0);
    (kernel, [first, second])
}

fn state<M: TestMachine>(kernel: &Kernel<M>, slot: Slot) -> SchedState {
    kernel.system.tasks.at(slot).state()
}

fn who_kills_what_another_hart_runs_goes_on_when_nothing_of_it_is_left<M: TestMachine>(
    quirks: Quirks,
) {
    let (mut kernel, [first, second]) = on_two_harts::<M>(quirks);
    assert_eq!(state(&kernel, second), SchedState::Running { hart: 1 });
    let pid = kernel.system.tasks.at(second).tid;
    kernel.begin(Call::Kill, [pid.into(), 0, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(state(&kernel, first), SchedState::Killing { process: pid });
    assert!(!kernel.system.local.schedule.is_occupied());
    assert_eq!(
        kernel.system.harts_to_interrupt(),
        1 << 1,
        "it has to let go"
    );
    // Whatever happens meanwhile on the first hart, the other one still has the space.
    switch::reschedule(&mut kernel.system, &mut kernel.context);
    assert_eq!(state(&kernel, second), SchedState::Ending { status: 255 });
    kernel.system.take_over(1, 0);
    assert!(kernel.system.drop_ended_thread());
    assert_eq!(kernel.system.harts.counts(1).shootdowns, 1);
    kernel.system.take_over(0, 0);
    switch::reschedule(&mut kernel.system, &mut kernel.context);
    assert_eq!(state(&kernel, second), SchedState::Exited { status: 255 });
    assert_eq!(state(&kernel, first), SchedState::Running { hart: 0 });
    assert_eq!(kernel.context.x[10], 0, "the call is not made again");
    kernel.must_be_sound("a kill across harts");
}

fn harts_are_shown_with_what_they_run<M: TestMachine>(quirks: Quirks) {
    let (mut kernel, [_, second]) = on_two_harts::<M>(quirks);
    let pid = kernel.system.tasks.at(second).tid;
    let topic = Topic::Harts.number();
    let mut rows = Vec::new();
    for (topic, index) in [(topic, 2), (topic | Topic::JSON, 1)] {
        let asked = [topic as u64, index, STACK, 512, 0];
        let returned = kernel.call(Call::Inspect, asked);
        assert_eq!(returned.second, 0, "the last line");
        rows.push(kernel.memory(STACK, returned.result.unwrap()));
    }
    let words: Vec<&str> = rows[0].split_whitespace().collect();
    let number = SECOND.to_string();
    assert_eq!(
        words[..4],
        [&*number, &*number, "running", &*pid.to_string()]
    );
    let begin = format!(r#"{{"hart":7,"sbi":7,"state":"running","thread":{pid},"#);
    assert!(rows[1].starts_with(&begin), "{}", rows[1]);
    let asked = [Topic::Ps.number() as u64, 2, STACK, 512, 0];
    let bytes = kernel.call(Call::Inspect, asked).result.unwrap();
    let ps = kernel.memory(STACK, bytes);
    assert_eq!(
        ps.split_whitespace().nth(10),
        Some(&*number),
        "ps has the same number: {ps}"
    );
}

fn a_hart_fetches_what_another_one_wrote<M: TestMachine>(quirks: Quirks) {
    let (mut kernel, [_, second]) = on_two_harts::<M>(quirks);
    let fences = |kernel: &Kernel<M>| kernel.system.local.platform.code_fences;
    kernel.system.take_over(1, 0);
    assert_eq!(fences(&kernel), 1, "before the first thread that it runs");
    // gdb has it stand, changes text, and lets it go on with the same thread.
    let mut frame: &'static mut TrapFrame = Box::leak(Box::new(TrapFrame::EMPTY));
    let sleeping = SchedState::Sleeping { until: u64::MAX };
    kernel.system.tasks.set_state(second, sleeping);
    switch::reschedule(&mut kernel.system, &mut frame);
    assert!(!kernel.system.local.schedule.is_occupied());
    kernel.system.tasks.set_state(second, SchedState::Ready);
    switch::reschedule(&mut kernel.system, &mut frame);
    assert_eq!(kernel.system.local.schedule.current(), second);
    assert_eq!(fences(&kernel), 2);
}

/// Two harts without a program both find the process that ends, and each waits for the lock while the other has it.
fn an_end_goes_on_though_another_hart_always_waits<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 2 * PAGES as usize);
    let big = kernel.task(kernel.system.shell, "big");
    kernel.begin(Call::Yield, [0; 5]);
    kernel.enter_call();
    let populated = [PAGES * PAGE_BYTES, 0, map::POPULATE as u64, 0, 0];
    let mapped = kernel.call(Call::Mmap, populated);
    mapped.result.unwrap();
    kernel.begin(Call::Exit, [7, 0, 0, 0, 0]);
    kernel.enter_call();
    kernel.system.local.platform.is_waited_for = true;
    kernel.begin(Call::Sleep, [1_000_000, 0, 0, 0, 0]);
    kernel.enter_call();
    let mut turns = 0;
    while state(&kernel, big) != (SchedState::Exited { status: 7 }) {
        let before = kernel.system.tasks.space(big).resident();
        switch::reschedule(&mut kernel.system, &mut kernel.context);
        let left = kernel.system.tasks.space(big).resident();
        assert!(left < before || left == 0, "{left} of {before}");
        turns += 1;
        assert!(turns < 1000);
    }
    kernel.must_be_sound("an end among harts that wait");
}
