//! A process' two ends: from a file in the ROMFS to a first context, and back to nothing.

use abi::Error;
use pagetable::PhysAddr;

use super::context::Context;
use super::forking::Forking;
use super::lent;
use super::program;
use super::server_end;
use super::slot::Slot;
use super::state::SchedState;
use super::thread_exit;
use crate::debug::stub;
use crate::mm::layout::Layout;
use crate::mm::{Budget, Unreached};
use crate::platform::Platform;
use crate::system::System;

/// Exit status of a task that another one killed.
pub const KILLED: u8 = 255;

/// Starts the program that `line`'s first word names, with the whole line as its argument.
pub fn spawn<P: Platform>(system: &mut System<P>, parent: u16, line: &[u8]) -> Result<u16, Error> {
    let slot = make(system, parent, line)?;
    system.tasks.set_state(slot, SchedState::Ready);
    stub::spawned(system, slot);
    system.local.schedule.request_resched();
    Ok(system.tasks.at(slot).tid)
}

/// Makes a process of the program, which does not run yet: its thread has its first context.
pub(super) fn make<P: Platform>(
    system: &mut System<P>,
    parent: u16,
    line: &[u8],
) -> Result<Slot, Error> {
    let (file, at) = find(system, line)?;
    let slot = system.tasks.add(parent, line)?;
    match start(system, slot, file, at) {
        Ok(context) => {
            **system.tasks.at_mut(slot).context = context;
            Ok(slot)
        }
        Err(error) => {
            let space = system.tasks.space_mut(slot);
            space.destroy(&mut system.frames, &mut system.local.platform);
            system.tasks.remove(slot);
            Err(error)
        }
    }
}

/// Gives the process its space, the program's regions, and its line on top of the stack.
/// On an error the space holds what was done so far; destroying it frees that.
fn start<P: Platform>(
    system: &mut System<P>,
    slot: Slot,
    file: &[u8],
    at: PhysAddr,
) -> Result<Context, Error> {
    let process = system.tasks.process_mut(slot);
    let root = system.kernel_root;
    process.space.open(
        process.pid,
        &mut system.frames,
        &mut system.local.platform,
        root,
    )?;
    if let Some(layout) = Layout::named(P::MODE, system.boot.board.layout.as_bytes()) {
        process.space.set_layout(layout);
    }
    let (entry, stack) =
        program::load::<P>(&mut process.space, file, (at, system.store.is_slow()))?;
    let (line, bytes) = process.line_bytes();
    let (range, stack) = program::add_stack::<P>(&mut process.space, stack, bytes)?;
    system.tasks.at_mut(slot).stack = range;
    // The stack is zeros at first: nothing of it is waited for.
    let written = system.memory_of(slot).write(stack, &line[..bytes]);
    written.map_err(|why| match why {
        Unreached::Refused(error) => error,
        Unreached::Wait(_) => Error::BadProgram,
    })?;
    let stack = stack.raw() as usize;
    let offers = match system.boot.first_instruction {
        Some(_) => abi::start::INSTRET,
        None => 0,
    };
    Ok(Context::start(
        entry as usize,
        stack,
        (stack, bytes),
        offers,
    ))
}

/// Ends the process of a thread: its other threads at once, then every frame and table; then its parent is woken.
/// What one entry into the kernel is not enough for goes on as the first thread's own turns, see [`go_on_ending`].
pub fn exit_process<P: Platform>(system: &mut System<P>, slot: Slot, status: u8) {
    let first = system.tasks.process(slot).first;
    if let SchedState::Ending { .. } = system.tasks.at(first).state() {
        return;
    }
    abandon_fork(system, first);
    let current = system.local.schedule.current();
    if system.tasks.process(current).first == first {
        system.local.platform.leave_spaces();
        system.local.schedule.vacate();
        system.local.schedule.current = first;
    }
    if system.tasks.process(first).threads > 1 {
        end_others(system, first);
    }
    server_end::process_ends(system, first);
    system.tasks.set_state(first, SchedState::Ending { status });
    if system.is_active_elsewhere(first) {
        // That hart leaves the space first.
        return;
    }
    if !go_on_ending(system, first) {
        system.local.schedule.request_resched();
    }
}

/// Ends a thread; the first one of a process ends that.
pub fn exit_thread<P: Platform>(system: &mut System<P>, slot: Slot, value: usize) {
    if system.tasks.process(slot).first == slot {
        return exit_process(system, slot, value as u8);
    }
    stub::ended(system, slot);
    if slot == system.local.schedule.current() {
        system.local.schedule.leave_thread();
    }
    let thread = system.tasks.at_mut(slot);
    thread.value = value;
    thread.unfinished = None;
    system.tasks.set_state(
        slot,
        SchedState::Ending {
            status: value as u8,
        },
    );
    go_on_ending(system, slot);
    system.local.schedule.request_resched();
}

/// A child that the process was making is not made: its memory goes as that of a process that ends, and no parent can
/// wait for it.
pub(super) fn abandon_fork<P: Platform>(system: &mut System<P>, slot: Slot) {
    let Some(forking) = system.tasks.process_mut(slot).forking.take() else {
        return;
    };
    if !is_in_the_making(system, &forking) {
        return;
    }
    system.tasks.process_mut(forking.child).parent = 0;
    let ending = SchedState::Ending { status: KILLED };
    system.tasks.set_state(forking.child, ending);
    if !go_on_ending(system, forking.child) {
        system.local.schedule.request_resched();
    }
}

/// Is the child still the one that is made? Anybody may have killed it.
pub(super) fn is_in_the_making<P: Platform>(system: &System<P>, forking: &Forking) -> bool {
    let thread = system.tasks.at(forking.child);
    thread.tid == forking.pid && thread.state() == SchedState::Starting
}

/// No thread of the process is left but its first one.
pub(super) fn end_others<P: Platform>(system: &mut System<P>, first: Slot) {
    let process = system.tasks.at(first).process;
    let all = system.tasks.existing();
    for slot in all.filter(|slot| *slot != first) {
        if system.tasks.at(slot).process == process {
            stub::ended(system, slot);
            system.tasks.remove(slot);
        }
    }
    let process = system.tasks.process_mut(first);
    process.threads = 1;
    process.handler = None;
}

/// Frees memory of a process that ends, as much as one entry may; true once it has ended.
pub fn go_on_ending<P: Platform>(system: &mut System<P>, slot: Slot) -> bool {
    let SchedState::Ending { status } = system.tasks.at(slot).state() else {
        return true;
    };
    if system.tasks.process(slot).first != slot {
        return thread_exit::go_on_ending(system, slot);
    }
    if !lent::process_ends(system, slot) {
        return false;
    }
    let space = system.tasks.space_mut(slot);
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let mut budget = Budget::of_an_entry();
    if !space.destroy_some(&mut budget, frames, platform) || lent::drop_unreceived(system) {
        return false;
    }
    ended(system, slot, status);
    true
}

/// Nothing is left of a process but its status.
fn ended<P: Platform>(system: &mut System<P>, slot: Slot, status: u8) {
    let process = system.tasks.process(slot);
    let (pid, parent) = (process.pid, process.parent);
    system.tasks.set_state(slot, SchedState::Exited { status });
    system.objects.creator_ended(pid);
    system.reap_objects();
    stub::ended(system, slot);
    if system.harts.are_several() {
        wake_killers(system, pid);
    }
    system.tasks.reparent(pid);
    let parent_lives = system
        .tasks
        .find_process(parent)
        .is_some_and(|slot| system.tasks.at(slot).is_alive());
    if parent_lives {
        system.tasks.wake(|state| match state {
            SchedState::Waiting { child } if child == pid || child == 0 => SchedState::Ready,
            other => other,
        });
        system.local.schedule.request_resched();
    } else {
        system.tasks.remove(slot);
    }
    system.task_ended(pid);
}

/// Those that have killed a process while another hart ran it.
fn wake_killers<P: Platform>(system: &mut System<P>, pid: u16) {
    let killing = SchedState::Killing { process: pid };
    system.tasks.wake(|state| match state == killing {
        true => SchedState::Ready,
        false => state,
    });
    system.local.schedule.request_resched();
}

/// The program that `line`'s first word names: the bytes of `bin/NAME` in the initrd, and their
/// physical address. `NotFound` also for a name with a `/`, as the initrd's only folder of
/// programs is `bin`.
fn find<P: Platform>(system: &System<P>, line: &[u8]) -> Result<(&'static [u8], PhysAddr), Error> {
    let line = core::str::from_utf8(line).map_err(|_| Error::BadArgument)?;
    let name = line
        .split_ascii_whitespace()
        .next()
        .ok_or(Error::BadArgument)?;
    if name.contains('/') {
        return Err(Error::NotFound);
    }
    let initrd = &system.initrd;
    let bin = initrd.lookup("bin").map_err(|_| Error::NotFound)?;
    let file = initrd
        .lookup_below(&bin, name)
        .map_err(|_| Error::NotFound)?;
    let at = PhysAddr::new(system.initrd_at.raw() + file.offset() as u64);
    Ok((file.data(), at))
}
