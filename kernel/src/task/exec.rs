//! A task's two ends: from a file in the ROMFS to a first context, and back to nothing.

use abi::Error;
use pagetable::PhysAddr;

use super::context::Context;
use super::program;
use super::slot::Slot;
use super::state::SchedState;
use crate::debug::stub;
use crate::mm::layout::Layout;
use crate::mm::{Budget, Unreached};
use crate::platform::Platform;
use crate::system::System;

/// Exit status of a task that another one killed.
pub const KILLED: u8 = 255;

/// Starts the program that `line`'s first word names, with the whole line as its argument.
pub fn spawn<P: Platform>(system: &mut System<P>, parent: u16, line: &[u8]) -> Result<u16, Error> {
    let (file, at) = find(system, line)?;
    let slot = system.tasks.add(parent, line)?;
    let pid = system.tasks.at(slot).pid;
    match start(system, slot, file, at) {
        Ok(context) => {
            let task = system.tasks.at_mut(slot);
            task.context = context;
            system.tasks.set_state(slot, SchedState::Ready);
            stub::spawned(system, slot);
            system.local.schedule.request_resched();
            Ok(pid)
        }
        Err(error) => {
            let task = system.tasks.at_mut(slot);
            task.space
                .destroy(&mut system.frames, &mut system.local.platform);
            system.tasks.remove(slot);
            Err(error)
        }
    }
}

/// Gives the task its space, the program's regions, and its line on top of the stack.
/// On an error the space holds what was done so far; destroying it frees that.
fn start<P: Platform>(
    system: &mut System<P>,
    slot: Slot,
    file: &[u8],
    at: PhysAddr,
) -> Result<Context, Error> {
    let task = system.tasks.at_mut(slot);
    let root = system.kernel_root;
    task.space.open(
        task.pid,
        &mut system.frames,
        &mut system.local.platform,
        root,
    )?;
    if let Some(layout) = Layout::named(P::MODE, system.boot.board.layout.as_bytes()) {
        task.space.set_layout(layout);
    }
    let entry = program::load::<P>(&mut task.space, file, (at, system.store.is_slow()))?;
    let (line, bytes) = task.line_bytes();
    let stack = program::add_stack::<P>(&mut task.space, bytes)?;
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

/// Ends a task: frees every frame and table, then wakes its parent. What one entry into the kernel is
/// not enough for goes on as the task's own turns, see [`go_on_ending`].
pub fn exit_task<P: Platform>(system: &mut System<P>, slot: Slot, status: u8) {
    if let SchedState::Ending { .. } = system.tasks.at(slot).state() {
        return;
    }
    if slot == system.local.schedule.current() {
        system.local.platform.leave_spaces();
        system.local.schedule.vacate();
    }
    system.tasks.set_state(slot, SchedState::Ending { status });
    if !go_on_ending(system, slot) {
        system.local.schedule.request_resched();
    }
}

/// Frees memory of a task that ends, as much as one entry may; true once all of it is freed.
pub fn go_on_ending<P: Platform>(system: &mut System<P>, slot: Slot) -> bool {
    let SchedState::Ending { status } = system.tasks.at(slot).state() else {
        return true;
    };
    let task = system.tasks.at_mut(slot);
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let mut budget = Budget::of_an_entry();
    if !task.space.destroy_some(&mut budget, frames, platform) {
        return false;
    }
    ended(system, slot, status);
    true
}

/// Nothing is left of a task but its status.
fn ended<P: Platform>(system: &mut System<P>, slot: Slot, status: u8) {
    let pid = system.tasks.at(slot).pid;
    system.tasks.set_state(slot, SchedState::Exited { status });
    system.objects.creator_ended(pid);
    system.reap_objects();
    stub::ended(system, slot);
    let task = system.tasks.at(slot);
    let (pid, parent) = (task.pid, task.parent);
    system.tasks.reparent(pid);
    let parent_lives = system
        .tasks
        .find(parent)
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
