//! From one task to the next: registers, floats and spaces on and off the hart, and the timer.

use super::context::Context;
use super::exec;
use super::schedule::SLICE_MS;
use super::slot::Slot;
use super::state::SchedState;
use crate::debug::stub;
use crate::platform::Platform;
use crate::system::System;

/// Takes the running task off the hart and puts the next ready one on it, waiting for an
/// interrupt as long as none is. `context` holds the registers on the hart.
pub fn reschedule<P: Platform>(system: &mut System<P>, context: &mut Context) {
    let mut previous = system.local.schedule.current;
    save_current(system, context);
    let next = loop {
        if system.debugger_wants_stop() {
            stub::service(system);
        }
        if let Some(next) = next_task(system, previous) {
            if system.tasks.at(next).state() == SchedState::Ready {
                break next;
            }
            give_back(system, next);
            previous = next;
            continue;
        }
        system.drain_console();
        arm_timer(system, None);
        // A hart with nothing to do gets frames ready for those who will fault.
        while system.prezeroes
            && !system.local.platform.is_interrupted()
            && system.frames.prezero(&mut system.local.platform)
        {}
        let pending = system.local.platform.wait();
        system.interrupt(pending);
    };
    system.local.schedule.need_resched = false;
    if system.objects.owes_frames() {
        system.reap_objects();
    }
    system.local.schedule.current = next;
    switch_to(system, context);
    arm_timer(system, Some(next));
}

/// A turn of a task that ends: its memory is freed until it has ended, an interrupt has
/// something to say, or the others' turn has come.
fn give_back<P: Platform>(system: &mut System<P>, slot: Slot) {
    system.local.schedule.since = system.local.platform.ticks();
    arm_timer(system, Some(slot));
    while !exec::go_on_ending(system, slot) {
        if system.local.platform.is_interrupted() {
            let pending = system.local.platform.wait();
            return system.interrupt(pending);
        }
    }
}

/// The next task that has a turn: any that is ready or ends, or the one that gdb lets run.
fn next_task<P: Platform>(system: &System<P>, previous: Slot) -> Option<Slot> {
    match system.debugger.only() {
        None => system.tasks.next_ready(previous),
        Some(only)
            if matches!(
                system.tasks.at(only).state(),
                SchedState::Ready | SchedState::Ending { .. }
            ) =>
        {
            Some(only)
        }
        Some(_) => None,
    }
}

/// Takes the running task off the hart: what gdb reads and writes is in the task table.
pub fn pause<P: Platform>(system: &mut System<P>, context: &mut Context) {
    save_current(system, context);
    system.local.schedule.need_resched = true;
}

/// Records wait that are not worth a frame yet. A task that neither faults again nor ever
/// stops must not keep them from the host.
pub fn report_soon<P: Platform>(system: &mut System<P>) {
    if system.local.schedule.report_at != u64::MAX {
        return;
    }
    let at = system.local.platform.ticks() + system.local.schedule.ticks(SLICE_MS);
    system.local.schedule.report_at = at;
    if at < system.local.schedule.armed {
        system.local.schedule.armed = at;
        system.local.platform.set_timer(at);
    }
}

fn save_current<P: Platform>(system: &mut System<P>, context: &mut Context) {
    let now = system.local.platform.ticks();
    if system.local.schedule.occupied {
        let task = system.tasks.at_mut(system.local.schedule.current);
        task.ticks += now.saturating_sub(system.local.schedule.since);
        if context.floats_dirty() {
            system.local.platform.save_floats(&mut task.floats);
            context.floats_saved();
        }
        task.context = *context;
    }
    system.local.schedule.occupied = false;
    system.local.schedule.since = now;
}

fn switch_to<P: Platform>(system: &mut System<P>, context: &mut Context) {
    let task = system.tasks.at(system.local.schedule.current);
    *context = task.context;
    // A task that only waited finds both as it left them.
    if system.local.schedule.loaded != task.pid {
        system.frames.fast.close();
        system.local.platform.load_floats(&task.floats);
        system.local.platform.activate(&task.space);
        system.local.schedule.loaded = task.pid;
        if system.debugger.has_triggers() {
            system.arm_triggers(system.local.schedule.current);
        }
    }
    system.local.schedule.occupied = true;
    system.local.schedule.since = system.local.platform.ticks();
}

/// The timer is only armed for what needs it: the end of a slice that others wait for, the
/// first sleeper, and records that the host waits for.
fn arm_timer<P: Platform>(system: &mut System<P>, running: Option<Slot>) {
    let slice_end = system.local.schedule.since + system.local.schedule.ticks(SLICE_MS);
    let others = running.is_some_and(|slot| system.tasks.others_ready(slot));
    let mut at = if others { slice_end } else { u64::MAX };
    at = at.min(system.tasks.first_wake().unwrap_or(u64::MAX));
    at = at.min(system.local.schedule.report_at);
    at = at.min(system.local.schedule.poll_at);
    at = at.min(system.console.deadline());
    if at != system.local.schedule.armed {
        system.local.schedule.armed = at;
        system.local.platform.set_timer(at);
    }
}
