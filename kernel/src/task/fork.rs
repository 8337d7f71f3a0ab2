//! `Fork()`: a process like the caller's, with its memory as it is and the calling thread alone.
//!
//! ```text
//!   caller at its ecall   begin ── piece ── piece ── … ── end: two threads behind the ecall
//!   its other threads          └ run; a call of theirs does a piece first, so that regions stay
//! ```
//! The child's regions are those of the moment in which the call begins. Until the last page is common the other threads
//! may store to memory and bring pages in, but not change regions: what they ask for waits until the fork is done, which
//! they do themselves.

use abi::Error;

use super::call_result::CallResult;
use super::context::Context;
use super::forking::Forking;
use super::lent;
use super::slot::Slot;
use super::state::SchedState;
use super::unfinished::CallKey;
use super::{exec, resched};
use crate::debug::stub;
use crate::mm::Budget;
use crate::platform::Platform;
use crate::system::System;

use pagetable::VirtAddr;

/// `Fork()`.
#[inline(never)]
pub(super) fn fork<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    key: CallKey,
) -> Result<CallResult, Error> {
    let caller = system.local.schedule.current();
    let forking = match system.tasks.process(caller).forking {
        Some(forking) => forking,
        None => begin(system, caller, key)?,
    };
    let rest = go_on(system, forking)?;
    if rest.next.is_some() {
        return Ok(CallResult::Again);
    }
    system.tasks.process_mut(caller).forking = None;
    if exec::is_in_the_making(system, &rest) {
        start(system, context, &rest);
    }
    Ok(CallResult::One(rest.pid.into()))
}

/// The caller's process has a child in the making. Does the call in `context` have to wait for that?
#[cold]
pub(super) fn goes_first<P: Platform>(system: &mut System<P>, context: &Context) -> bool {
    let current = system.local.schedule.current();
    let Some(forking) = system.tasks.process(current).forking else {
        return false;
    };
    if forking.caller != current {
        // Without memory the caller begins again, and has the answer then.
        return forking.next.is_some() && go_on(system, forking).is_ok();
    }
    if forking.key != CallKey::of(context) {
        // A debugger sent it elsewhere.
        exec::abandon_fork(system, current);
    }
    false
}

/// A child with the regions of the caller's process.
fn begin<P: Platform>(
    system: &mut System<P>,
    caller: Slot,
    key: CallKey,
) -> Result<Forking, Error> {
    // A page in the store is one process' own, as a page that it backs is.
    if system.frames.backing.is_there() {
        return Err(Error::Unsupported);
    }
    // A page that is lent, or borrowed, goes back as the one frame that it is.
    lent::refuse_any(system)?;
    let process = system.tasks.process(caller);
    let parent = process.pid;
    let (line, bytes) = process.line_bytes();
    let child = system.tasks.add(parent, &line[..bytes])?;
    let pid = system.tasks.at(child).tid;
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let space = system.tasks.space_mut(child);
    if let Err(error) = space.open(pid, frames, platform, system.kernel_root) {
        system.tasks.remove(child);
        return Err(error);
    }
    if let Some((process, child)) = system.tasks.two_processes_mut(caller, child) {
        child.space.take_regions_of(&process.space);
    }
    Ok(Forking {
        child,
        pid,
        caller,
        key,
        next: Some(VirtAddr::new(0)),
    })
}

/// As many pages become common as one entry may make; how far it is now, which stands in the process too.
fn go_on<P: Platform>(system: &mut System<P>, mut forking: Forking) -> Result<Forking, Error> {
    let Forking { child, caller, .. } = forking;
    let is_there = exec::is_in_the_making(system, &forking);
    let next = forking.next.take().filter(|_| is_there);
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let two = system.tasks.two_processes_mut(caller, child);
    let (Some(next), Some((process, child))) = (next, two) else {
        system.tasks.process_mut(caller).forking = Some(forking);
        return Ok(forking);
    };
    let mut budget = Budget::of_an_entry();
    let space = &mut child.space;
    let shared = process
        .space
        .share_some(space, next, &mut budget, frames, platform);
    process.forking = Some(forking);
    let Ok(next) = shared else {
        exec::abandon_fork(system, caller);
        return Err(Error::OutOfMemory);
    };
    forking.next = next;
    process.forking = Some(forking);
    Ok(forking)
}

/// The child is a copy of the thread that forks, behind its `ecall`, with 0 for an answer.
fn start<P: Platform>(system: &mut System<P>, context: &Context, forking: &Forking) {
    let Forking { child, caller, .. } = *forking;
    let parent = system.tasks.at(caller);
    let (stack, priority, has_floats) = (parent.stack, parent.priority(), parent.has_floats);
    let can_return = parent.can_return;
    let thread = system.tasks.at_mut(child);
    **thread.context = *context;
    thread.context.set_return(0);
    thread.stack = stack;
    thread.can_return = can_return;
    if has_floats || context.floats_dirty() {
        // The caller's are on the hart.
        system.local.platform.save_floats(&mut thread.floats);
        thread.context.floats_saved();
        thread.has_floats = true;
    }
    system.tasks.set_priority(child, priority);
    system.tasks.set_state(child, SchedState::Ready);
    stub::forked(system, caller, child);
    resched::made_ready(system);
}
