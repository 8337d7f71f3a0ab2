//! Pages that come later: of a store that answers so many ticks after it was asked.

use abi::{Call, Error, Outcome, TaskState};
use pagetable::{PAGE_BYTES, PhysAddr, VirtAddr};
use sim::Quirks;

use super::kernel::{HEAP, Kernel, TEXT};
use crate::debug::monitor::Inspection;
use crate::mm::tests::both;
use crate::mm::tests::machine::{RAM_BASE, TestMachine};
use crate::mm::{Object, Prot, Region, RegionKind, SlowStore, peek, poke};
use crate::task::{SchedState, Slot};

both! {
    a_task_waits_for_its_page_while_others_run
    a_call_that_needs_a_page_is_made_again_when_it_has_come
    ctrl_c_ends_a_task_that_waits_for_a_page
    a_debugger_reads_and_writes_a_page_that_is_waited_for
    a_page_that_comes_without_a_frame_for_it_ends_the_access
    advice_brings_stored_pages_in_one_after_the_other
    requests_of_many_tasks_are_served_in_their_order
}

/// Ticks that a page takes.
const DELAY: u64 = 20_000;
const LOAD: usize = 13;
const STORE: usize = 15;
/// Variables whose pages are in the store: two from the file, and one of zeros.
const STORED: u64 = 0x2_0000;
const STORED_FILE_BYTES: u64 = 2 * PAGE_BYTES;

/// A kernel whose store is slow, and whose first task has variables there.
fn slow<M: TestMachine>(quirks: Quirks, pool: usize) -> Kernel<M> {
    let mut kernel = Kernel::<M>::new(quirks, pool);
    kernel.system.store = SlowStore::new(Some(DELAY));
    let first = kernel.system.local.schedule.current();
    add_stored(&mut kernel, first);
    kernel
}

fn add_stored<M: TestMachine>(kernel: &mut Kernel<M>, slot: Slot) {
    let object = Object::Stored {
        at: PhysAddr::new(RAM_BASE),
        bytes: STORED_FILE_BYTES as u32,
    };
    let region = Region::new(
        VirtAddr::new(STORED),
        3,
        Prot::DATA,
        RegionKind::Data,
        object,
    );
    let space = kernel.system.tasks.space_mut(slot);
    space.add::<M>(region.unwrap()).unwrap();
}

fn running<M: TestMachine>(kernel: &Kernel<M>) -> Slot {
    kernel.system.local.schedule.current()
}

fn state<M: TestMachine>(kernel: &Kernel<M>, slot: Slot) -> SchedState {
    match kernel.system.tasks.at(slot).state() {
        SchedState::Running { .. } => SchedState::Ready,
        state => state,
    }
}

/// What `ps` says of the task.
fn ps<M: TestMachine>(kernel: &mut Kernel<M>, slot: Slot) -> String {
    let place = kernel.system.tasks.iter().position(|(at, _)| at == slot);
    let mut line = [0; 256];
    let topic = (abi::Topic::Ps, false);
    let index = place.unwrap() + 1;
    let found = kernel.system.inspect(topic, index, 0, &mut None, &mut line);
    let Ok(Inspection::Lines(used, _)) = found else {
        panic!("{found:?}")
    };
    String::from_utf8_lossy(&line[..used])
        .lines()
        .next()
        .unwrap()
        .to_owned()
}

/// So many ticks pass, and the timer fires.
fn pass<M: TestMachine>(kernel: &mut Kernel<M>, ticks: u64) {
    kernel.system.local.platform.now += ticks;
    kernel.take_timer();
}

fn a_task_waits_for_its_page_while_others_run<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 256);
    let (first, other) = (running(&kernel), kernel.task(1, "other"));
    let logged = kernel.system.local.log.next();
    kernel.context.pc = TEXT as usize + 0x40;
    kernel.fault(STORE, STORED + 0x1008);
    assert_eq!(running(&kernel), other, "the other runs meanwhile");
    assert!(matches!(state(&kernel, first), SchedState::Paging { .. }));
    assert_eq!(state(&kernel, first).on_the_wire(), TaskState::Paging);
    assert!(ps(&mut kernel, first).contains(" paging "));
    let task = kernel.system.tasks.at(first);
    assert_eq!(task.context.pc, TEXT as usize + 0x40, "pc is where it was");
    assert_eq!(
        kernel.system.tasks.space(first).resident(),
        0,
        "nothing has changed"
    );
    pass(&mut kernel, DELAY - 1);
    assert!(matches!(state(&kernel, first), SchedState::Paging { .. }));
    assert_eq!(kernel.system.local.log.next(), logged, "no record yet");
    pass(&mut kernel, 1);
    assert_eq!(state(&kernel, first), SchedState::Ready);
    // One fault, one record, with the place that faulted.
    let fault = kernel.system.local.log.last();
    assert_eq!(kernel.system.local.log.next(), logged + 1);
    assert_eq!(
        (fault.va, fault.epc, fault.outcome()),
        (STORED + 0x1008, TEXT + 0x40, Outcome::ImageCopied)
    );
    let task = kernel.system.tasks.at(first);
    assert_eq!(
        (task.faults, kernel.system.tasks.space(first).resident()),
        (1, 1)
    );
    // Behind the file's bytes are zeros, for which no task waits.
    while running(&kernel) != first {
        pass(&mut kernel, 10_000);
    }
    kernel.fault(LOAD, STORED + STORED_FILE_BYTES);
    assert_eq!(running(&kernel), first);
    assert_eq!(kernel.system.tasks.space(first).resident(), 2);
    kernel.must_be_sound("two pages");
}

fn a_call_that_needs_a_page_is_made_again_when_it_has_come<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 256);
    let first = running(&kernel);
    kernel.task(1, "other");
    // From one page of the store to the next: it waits for each.
    let pc = kernel.begin(Call::Write, [STORED + PAGE_BYTES - 4, 8, 0, 0, 0]);
    for waits in 0..2 {
        kernel.enter_call();
        assert!(
            matches!(state(&kernel, first), SchedState::Paging { .. }),
            "{waits}"
        );
        let task = kernel.system.tasks.at(first);
        assert_eq!(task.context.pc, pc, "it is left at its ecall");
        pass(&mut kernel, DELAY);
        while running(&kernel) != first {
            pass(&mut kernel, 10_000);
        }
    }
    assert_eq!(kernel.said(), "", "nothing was written yet");
    kernel.enter_call();
    assert_eq!((kernel.context.pc, kernel.context.x[10]), (pc + 4, 8));
    assert_eq!(kernel.said().len(), 8, "written once");
    assert_eq!(kernel.system.tasks.at(first).faults, 2);
    kernel.must_be_sound("a call that waited twice");
}

fn ctrl_c_ends_a_task_that_waits_for_a_page<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 256);
    let shell = kernel.system.shell;
    let child = kernel.task(shell, "child");
    add_stored(&mut kernel, child);
    let pid = kernel.system.tasks.at(child).tid;
    let before = kernel.system.frames.counts().free();
    kernel.begin(Call::Wait, [pid.into(), 0, 0, 0, 0]);
    kernel.enter_call();
    assert_eq!(running(&kernel), child);
    // No task can run then: the hart takes the key while it waits for the page.
    kernel.press(0x03);
    kernel.fault(LOAD, STORED);
    assert_ne!(running(&kernel), child);
    kernel.enter_call();
    let answer = (kernel.context.x[10], kernel.context.x[11]);
    assert_eq!(answer, (pid.into(), 255));
    // Its page comes for a task that is gone; another task has its slot by then.
    let next = kernel.task(shell, "next");
    pass(&mut kernel, DELAY);
    assert_eq!(kernel.system.tasks.space(next).resident(), 0);
    kernel.must_be_sound("a page for a task that is gone");
    assert!(kernel.system.frames.counts().free() >= before - 1);
}

fn a_debugger_reads_and_writes_a_page_that_is_waited_for<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 256);
    let first = running(&kernel);
    kernel.task(1, "other");
    kernel.fault(LOAD, STORED);
    let system = &mut kernel.system;
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let space = system.tasks.space_mut(first);
    let mut found = [0; 4];
    let backing = &frames.backing;
    let read = peek(space, backing, platform, VirtAddr::new(STORED), &mut found);
    assert_eq!(read, 4);
    assert_eq!(space.resident(), 0, "looking brings nothing in");
    poke(space, frames, platform, VirtAddr::new(STORED + 4), b"gdb!").unwrap();
    assert_eq!(space.resident(), 1);
    assert!(matches!(state(&kernel, first), SchedState::Paging { .. }));
    let logged = kernel.system.local.log.next();
    pass(&mut kernel, DELAY);
    assert_eq!(state(&kernel, first), SchedState::Ready);
    assert_eq!(
        kernel.system.local.log.next(),
        logged,
        "it was there already"
    );
    let system = &mut kernel.system;
    let space = system.tasks.space(first);
    let mut now = [0; 8];
    peek(
        space,
        &system.frames.backing,
        &system.local.platform,
        VirtAddr::new(STORED),
        &mut now,
    );
    assert_eq!((&now[..4], &now[4..]), (&found[..], &b"gdb!"[..]));
    kernel.must_be_sound("a page that came twice");
}

fn a_page_that_comes_without_a_frame_for_it_ends_the_access<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 64);
    let first = running(&kernel);
    let other = kernel.task(1, "other");
    add_stored(&mut kernel, other);
    // The other takes all there is, before it asks too.
    kernel.fault(LOAD, STORED);
    assert_eq!(running(&kernel), other);
    let mut heap = HEAP;
    let limit = [abi::Set::HeapLimit.number() as u64, 1 << 20, 0, 0, 0];
    assert!(kernel.call(Call::Set, limit).result.is_ok());
    assert!(
        kernel
            .call(Call::Sbrk, [1 << 20, 0, 0, 0, 0])
            .result
            .is_ok()
    );
    while kernel.system.frames.counts().free() > 0 {
        kernel.fault(STORE, heap);
        heap += PAGE_BYTES;
    }
    pass(&mut kernel, DELAY);
    while running(&kernel) != first {
        pass(&mut kernel, 10_000);
    }
    kernel.fault(LOAD, STORED);
    assert!(
        !kernel.system.tasks.at(first).is_alive(),
        "the access failed"
    );
    let fault = kernel.system.local.log.last();
    assert_eq!(fault.outcome(), Outcome::OutOfMemory);
    kernel.must_be_sound("no memory");
}

fn advice_brings_stored_pages_in_one_after_the_other<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 256);
    let first = running(&kernel);
    kernel.task(1, "other");
    let need = [
        STORED,
        3 * PAGE_BYTES,
        abi::Advice::WillNeed.number() as u64,
        0,
        0,
    ];
    let pc = kernel.begin(Call::Advise, need);
    let mut waits = 0;
    while kernel.context.pc == pc {
        kernel.enter_call();
        while running(&kernel) != first {
            waits += u64::from(matches!(state(&kernel, first), SchedState::Paging { .. }));
            pass(&mut kernel, DELAY);
        }
    }
    assert_eq!(Error::result(kernel.context.x[10]), Ok(0));
    assert_eq!(waits, STORED_FILE_BYTES / PAGE_BYTES);
    assert_eq!(kernel.system.tasks.space(first).resident(), 3);
    kernel.must_be_sound("needed");
}

fn requests_of_many_tasks_are_served_in_their_order<M: TestMachine>(quirks: Quirks) {
    let mut kernel = slow::<M>(quirks, 512);
    let first = running(&kernel);
    let mut tasks = vec![first];
    for _ in 0..5 {
        let task = kernel.task(1, "reader");
        add_stored(&mut kernel, task);
        tasks.push(task);
    }
    // One more, which never waits.
    let busy = kernel.task(1, "busy");
    for &task in &tasks {
        assert_eq!(running(&kernel), task);
        kernel.fault(LOAD, STORED);
    }
    assert_eq!(running(&kernel), busy);
    for served in 0..tasks.len() {
        let waits = |kernel: &Kernel<M>| {
            let all = tasks.iter().map(|&task| state(kernel, task));
            all.filter(|state| matches!(state, SchedState::Paging { .. }))
                .count()
        };
        assert_eq!(waits(&kernel), tasks.len() - served);
        assert_ne!(state(&kernel, tasks[served]), SchedState::Ready);
        pass(&mut kernel, DELAY);
        assert_eq!(state(&kernel, tasks[served]), SchedState::Ready, "{served}");
    }
    kernel.must_be_sound("all served");
}
