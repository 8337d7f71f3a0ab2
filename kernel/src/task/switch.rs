//! From one task to the next: registers, floats and spaces on and off the hart, and the timer.

use super::context::Context;
use super::exec;
use super::schedule::SLICE_MS;
use super::table::{Slot, State};
use crate::debug::stub;
use crate::platform::Platform;
use crate::system::System;

/// Takes the running task off the hart and puts the next ready one on it, waiting for an
/// interrupt as long as none is. `context` holds the registers on the hart.
pub fn reschedule<P: Platform>(system: &mut System<P>, context: &mut Context) {
    let mut previous = system.schedule.current;
    save_current(system, context);
    let next = loop {
        if system.debugger_wants_stop() {
            stub::service(system);
        }
        if let Some(next) = next_task(system, previous) {
            if system.tasks.at(next).state() == State::Ready {
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
            && !system.platform.is_interrupted()
            && system.frames.prezero(&mut system.platform)
        {}
        let pending = system.platform.wait();
        system.interrupt(pending);
    };
    system.schedule.need_resched = false;
    if system.objects.owes_frames() {
        system.reap_objects();
    }
    system.schedule.current = next;
    switch_to(system, context);
    arm_timer(system, Some(next));
}

/// A turn of a task that ends: its memory is given back until it has ended, an interrupt has
/// something to say, or the others' turn has come.
fn give_back<P: Platform>(system: &mut System<P>, slot: Slot) {
    system.schedule.since = system.platform.ticks();
    arm_timer(system, Some(slot));
    while !exec::go_on_ending(system, slot) {
        if system.platform.is_interrupted() {
            let pending = system.platform.wait();
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
                State::Ready | State::Ending { .. }
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
    system.schedule.need_resched = true;
}

/// Records wait that are not worth a frame yet. A task that neither faults again nor ever
/// stops must not keep them from the host.
pub fn report_soon<P: Platform>(system: &mut System<P>) {
    if system.schedule.report_at != u64::MAX {
        return;
    }
    let at = system.platform.ticks() + system.schedule.ticks(SLICE_MS);
    system.schedule.report_at = at;
    if at < system.schedule.armed {
        system.schedule.armed = at;
        system.platform.set_timer(at);
    }
}

fn save_current<P: Platform>(system: &mut System<P>, context: &mut Context) {
    let now = system.platform.ticks();
    if system.schedule.occupied {
        let task = system.tasks.at_mut(system.schedule.current);
        task.ticks += now.saturating_sub(system.schedule.since);
        if context.floats_dirty() {
            system.platform.save_floats(&mut task.floats);
            context.floats_saved();
        }
        task.context = *context;
    }
    system.schedule.occupied = false;
    system.schedule.since = now;
}

fn switch_to<P: Platform>(system: &mut System<P>, context: &mut Context) {
    let task = system.tasks.at(system.schedule.current);
    *context = task.context;
    // A task that only waited finds both as it left them.
    if system.schedule.loaded != task.pid {
        system.frames.fast.close();
        system.platform.load_floats(&task.floats);
        system.platform.activate(&task.space);
        system.schedule.loaded = task.pid;
    }
    system.schedule.occupied = true;
    system.schedule.since = system.platform.ticks();
}

/// The timer is only armed for what needs it: the end of a slice that others wait for, the
/// first sleeper, and records that the host waits for.
fn arm_timer<P: Platform>(system: &mut System<P>, running: Option<Slot>) {
    let slice_end = system.schedule.since + system.schedule.ticks(SLICE_MS);
    let others = running.is_some_and(|slot| system.tasks.others_ready(slot));
    let mut at = if others { slice_end } else { u64::MAX };
    at = at.min(system.tasks.first_wake().unwrap_or(u64::MAX));
    at = at.min(system.schedule.report_at);
    at = at.min(system.schedule.poll_at);
    at = at.min(system.console.deadline());
    if at != system.schedule.armed {
        system.schedule.armed = at;
        system.platform.set_timer(at);
    }
}
