//! From one thread to the next: registers, floats and spaces on and off the hart, and the timer.

use super::context::TrapFrame;
use super::exec;
use super::process::Process;
use super::slot::Slot;
use super::state::SchedState;
use super::thread::Thread;
use crate::debug::stub;
use crate::local::Local;
use crate::mm::Frames;
use crate::platform::Platform;
use crate::system::System;

/// Takes the running thread off the hart and puts the next ready one on it, waiting for an
/// interrupt as long as none is. `frame` holds the registers on the hart.
pub fn reschedule<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    save_current(system, frame);
    let next = loop {
        if system.debugger_wants_stop() {
            // The last hart to come answers gdb: then every task's registers are in the table.
            if system.others_run() {
                return stand_by(system);
            }
            stub::service(system);
        }
        if let Some(next) = next_thread(system) {
            if system.tasks.at(next).state() == SchedState::Ready {
                break next;
            }
            give_back(system, next);
            if system.local.platform.is_waited_for() {
                return stand_by(system);
            }
            continue;
        }
        if system.harts.are_several() {
            system.drain_console();
            return stand_by(system);
        }
        idle(system);
        // Interrupts were handled.
        system.choose_path();
    };
    system.local.schedule.need_resched = false;
    if system.objects.owes_frames() {
        system.reap_objects();
    }
    system.local.schedule.current = next;
    switch_to(system, frame);
    arm_timer(system, Some(next));
    system.local.schedule.is_plain = !system.harts.are_several()
        && !system.debugger.is_attached()
        && !system.console.has_gdb_request()
        && !system.objects.owes_frames();
}

/// The short way of [`reschedule`], for what happens most: the running thread goes behind the others of its priority,
/// and the first of those runs. False, and nothing has changed, where anything else is to be done.
#[inline(never)]
pub fn take_turns<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) -> bool {
    let (local, tasks) = (&mut system.local, &mut system.tasks);
    if !local.schedule.is_plain {
        return false;
    }
    let Some((thread, next)) = tasks.pass_turn(local.schedule.current) else {
        return false;
    };
    let now = local.platform.ticks();
    let ran = now.wrapping_sub(local.schedule.since);
    thread.ticks = thread.ticks.wrapping_add(ran);
    thread.slice_used = 0;
    if frame.floats_dirty() {
        save_floats(local, frame, thread);
    }
    TrapFrame::pass_on(frame, &mut thread.context, &mut next.thread.context);
    load(local, &mut system.frames, next.thread, next.process);
    let schedule = &mut local.schedule;
    schedule.current = next.slot;
    schedule.since = now;
    schedule.need_resched = false;
    let left = schedule.slice.saturating_sub(next.thread.slice_used);
    let at = schedule.alarm.min(now.wrapping_add(left));
    if at != schedule.armed {
        schedule.armed = at;
        local.platform.set_timer(at);
    }
    true
}

/// No thread can run until an interrupt comes.
#[cold]
#[inline(never)]
fn idle<P: Platform>(system: &mut System<P>) {
    system.drain_console();
    arm_timer(system, None);
    // A hart with nothing to do gets frames ready for those who will fault.
    while system.prezeroes
        && !system.local.platform.is_interrupted()
        && system.frames.prezero(&mut system.local.platform)
    {}
    let begin = system.local.platform.ticks();
    let pending = system.local.platform.wait();
    system.harts.count().idle += system.local.platform.ticks().wrapping_sub(begin);
    system.interrupt(pending);
}

/// Leaves the hart without a thread: it sleeps without the lock. It keeps no translation of a space that another
/// hart may change.
#[cold]
#[inline(never)]
fn stand_by<P: Platform>(system: &mut System<P>) {
    arm_timer(system, None);
    system.local.platform.leave_spaces();
    system.local.schedule.loaded = 0;
    system.local.schedule.active = 0;
}

/// Is there a thread that a hart without one could run?
pub fn has_work<P: Platform>(system: &System<P>) -> bool {
    next_thread(system).is_some()
}

/// A turn of a process that ends: its memory is freed until it has ended, an interrupt has
/// something to say, or the others' turn has come.
#[cold]
#[inline(never)]
fn give_back<P: Platform>(system: &mut System<P>, slot: Slot) {
    system.local.schedule.since = system.local.platform.ticks();
    arm_timer(system, Some(slot));
    loop {
        // Before each piece, the first too: the entry that led here may have done one already, and a sleeper waits
        // for one piece at most.
        if system.local.platform.is_interrupted() {
            let pending = system.local.platform.wait();
            system.interrupt(pending);
            // The others of its priority come first, a sleeper that has just become ready too: before the interrupt,
            // this would put it behind the end of this process.
            let state = system.tasks.at(slot).state();
            return system.tasks.set_state(slot, state);
        }
        // Of a thread whose process goes on.
        system.shoot_down(slot);
        if exec::go_on_ending(system, slot) {
            return;
        }
        // Behind a piece: two harts that both wait to do the next one would give way to each other without end.
        if system.local.platform.is_waited_for() {
            let state = system.tasks.at(slot).state();
            return system.tasks.set_state(slot, state);
        }
    }
}

/// The next thread that has a turn: the highest that is ready or ends, or the one that gdb lets run.
#[inline]
fn next_thread<P: Platform>(system: &System<P>) -> Option<Slot> {
    match system.debugger.only() {
        None if system.harts.are_several() => system.next_free(),
        None => system.tasks.next_ready(),
        Some(only) => system.next_alone(only),
    }
}

/// Takes the running thread off the hart: what gdb reads and writes is in the table.
pub fn pause<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    let tid = system.tasks.at(system.local.schedule.current()).tid;
    let hart = system.harts.current();
    system.debugger.stops_on(hart, tid);
    save_current(system, frame);
    system.local.schedule.need_resched = true;
}

fn save_current<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    let now = system.local.platform.ticks();
    if system.local.schedule.occupied {
        let current = system.local.schedule.current;
        let thread = system.tasks.at_mut(current);
        let ran = now.saturating_sub(system.local.schedule.since);
        thread.ticks += ran;
        if frame.floats_dirty() {
            save_floats(&mut system.local, frame, thread);
        }
        TrapFrame::exchange(frame, &mut thread.context);
        if let SchedState::Running { .. } = thread.state() {
            let used = thread.slice_used + ran;
            thread.slice_used = 0;
            // One that has to make room for a higher one keeps its place and the rest of its slice.
            if used < system.local.schedule.slice && system.tasks.higher_ready(current) {
                system.tasks.at_mut(current).slice_used = used;
                system.tasks.preempt(current);
            } else {
                system.tasks.set_state(current, SchedState::Ready);
            }
        } else {
            thread.slice_used = 0;
        }
    }
    // One that has ended leaves its floats on the hart.
    if frame.floats_dirty() {
        system.local.schedule.floats_clear = false;
    }
    system.local.schedule.occupied = false;
    system.local.schedule.since = now;
}

/// Can the running thread, which waits from now on, leave the hart to `to` and the rest of its slice with it? Only where
/// nothing else has to be looked at: neither another thread nor gdb.
#[inline(always)]
pub(super) fn may_hand_over<P: Platform>(system: &System<P>, to: Slot) -> bool {
    let thread = system.tasks.at(to);
    let schedule = &system.local.schedule;
    !system.harts.are_several()
        && !system.tasks.higher_ready(to)
        && thread.priority() >= system.tasks.at(schedule.current).priority()
        && !schedule.need_resched
        && thread.state().wakes_at().is_none()
        && !system.debugger.is_attached()
        && !system.objects.owes_frames()
}

/// Puts `to` on the hart in place of the running thread, which waits in that state. The timer stays as it is: the slice
/// goes on, and ends for both.
#[inline(always)]
pub(super) fn hand_over<P: Platform>(
    system: &mut System<P>,
    frame: &mut &'static mut TrapFrame,
    state: SchedState,
    to: Slot,
) {
    let local = &mut system.local;
    let now = local.platform.ticks();
    let ran = now.saturating_sub(local.schedule.since);
    let hart = system.harts.current() as u8;
    let both = system
        .tasks
        .take_turns(local.schedule.current, state, to, hart);
    let (thread, next) = both.expect("one waits for the other");
    thread.ticks += ran;
    let used = thread.slice_used + ran;
    if frame.floats_dirty() {
        save_floats(local, frame, thread);
    }
    TrapFrame::pass_on(frame, &mut thread.context, &mut next.thread.context);
    next.thread.slice_used = used;
    local.schedule.current = to;
    local.schedule.since = now;
    load(local, &mut system.frames, next.thread, next.process);
}

/// Puts another thread of the same process and priority on the hart in place of the running one; the states of both are
/// in no queue. Space, timer and slice stay as they are, and so does the time, which counts for who leaves the hart next.
/// False, and nothing has changed, where anything else may want the hart.
#[inline]
pub(super) fn run_sibling<P: Platform>(
    system: &mut System<P>,
    frame: &mut &'static mut TrapFrame,
    state: SchedState,
    to: Slot,
) -> bool {
    let local = &mut system.local;
    let others = system.harts.are_several() || system.debugger.is_attached();
    if others || local.schedule.need_resched || system.objects.owes_frames() {
        return false;
    }
    let current = local.schedule.current;
    let Some((thread, next)) = system.tasks.two_threads_mut(current, to) else {
        return false;
    };
    let SchedState::Running { hart } = thread.state else {
        return false;
    };
    if thread.priority != next.priority {
        return false;
    }
    if frame.floats_dirty() {
        save_floats(local, frame, thread);
    }
    TrapFrame::pass_on(frame, &mut thread.context, &mut next.context);
    next.state = SchedState::Running { hart };
    next.slice_used = thread.slice_used;
    thread.state = state;
    let schedule = &mut local.schedule;
    if next.has_floats || !schedule.floats_clear {
        local.platform.load_floats(&next.floats);
        schedule.floats_clear = !next.has_floats;
    }
    schedule.current = to;
    schedule.loaded = next.tid;
    system.frames.fast.set_task(next.tid);
    true
}

/// The thread's float registers, which the hart has and which differ from those in the table.
fn save_floats<P: Platform>(local: &mut Local<P>, frame: &mut TrapFrame, thread: &mut Thread) {
    local.platform.save_floats(&mut thread.floats);
    frame.floats_saved();
    thread.has_floats = true;
    local.schedule.floats_clear = false;
}

/// Space, window and floats of the thread are those of the hart from now on.
#[inline(always)]
fn load<P: Platform>(
    local: &mut Local<P>,
    frames: &mut Frames,
    thread: &Thread,
    process: &Process,
) {
    let schedule = &mut local.schedule;
    if schedule.active != process.pid {
        frames.fast.close();
        local.platform.activate(&process.space);
        schedule.active = process.pid;
    }
    frames.fast.set_task(thread.tid);
    if thread.has_floats || !schedule.floats_clear {
        local.platform.load_floats(&thread.floats);
        schedule.floats_clear = !thread.has_floats;
    }
    schedule.loaded = thread.tid;
}

fn switch_to<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    let current = system.local.schedule.current;
    let hart = system.harts.current() as u8;
    system
        .tasks
        .set_state(current, SchedState::Running { hart });
    let (thread, process) = system.tasks.parts_mut(current);
    TrapFrame::exchange(frame, &mut thread.context);
    // A thread that only waited finds all of it as it left it.
    if system.local.schedule.loaded != thread.tid {
        load(&mut system.local, &mut system.frames, thread, process);
        // A page of text that another hart copied, or a breakpoint that it inserted: its `fence.i` was for itself alone
        // (Unprivileged ISA, Zifencei). A hart that stood for gdb comes here too, as it had left its space.
        if system.harts.are_several() {
            system.local.platform.fence_code();
        }
    }
    // For the same thread too: gdb may have set one while it stood.
    if system.debugger.has_triggers() {
        system.arm_triggers(current);
    }
    system.local.schedule.occupied = true;
    system.local.schedule.since = system.local.platform.ticks();
}

/// The timer is only armed for what needs it: the end of a slice that others wait for, the
/// first sleeper, and records that the host waits for.
fn arm_timer<P: Platform>(system: &mut System<P>, running: Option<Slot>) {
    let mut at = system.tasks.first_wake();
    at = at.min(system.local.schedule.report_at);
    at = at.min(system.local.schedule.poll_at);
    at = at.min(system.console.deadline());
    system.local.schedule.alarm = at;
    // Among several harts a slice always ends: what becomes ready elsewhere does not arm this hart's timer.
    if let Some(slot) = running
        && (system.harts.are_several() || system.tasks.others_ready(slot))
    {
        let schedule = &system.local.schedule;
        let left = schedule
            .slice
            .saturating_sub(system.tasks.at(slot).slice_used);
        at = at.min(schedule.since + left);
    }
    if at != system.local.schedule.armed {
        system.local.schedule.armed = at;
        system.local.platform.set_timer(at);
    }
}
