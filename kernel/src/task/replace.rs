//! `Exec(line)`: another program in the place of the caller's, in the same process.
//!
//! The new program gets its space beside the old one, in a process that is made for it. When nothing can fail any more the
//! two exchange their spaces, and the old one goes with that process, piece by piece.

use core::mem;

use abi::Error;

use super::call_result::CallResult;
use super::context::Floats;
use super::exec;
use super::lent;
use super::state::SchedState;
use super::waiters::WaitKey;
use crate::debug::stub;
use crate::platform::Platform;
use crate::system::System;

/// Replaces the running process' program by the one that `line`'s first word names; its first thread runs that. On an
/// error, those of `Spawn`, nothing has changed.
#[inline(never)]
pub(super) fn replace<P: Platform>(
    system: &mut System<P>,
    line: &[u8],
) -> Result<CallResult, Error> {
    lent::refuse_any(system)?;
    let made = exec::make(system, 0, line)?;
    let first = system.tasks.process(system.local.schedule.current()).first;
    exec::abandon_fork(system, first);
    // A step of gdb's would end in the old text.
    stub::ended(system, first);
    system.local.platform.leave_spaces();
    system.local.schedule.vacate();
    system.local.schedule.current = first;
    if system.tasks.process(first).threads > 1 {
        exec::end_others(system, first);
    }
    if let Some((process, other)) = system.tasks.two_processes_mut(first, made) {
        mem::swap(&mut process.space, &mut other.space);
        mem::swap(&mut process.line, &mut other.line);
        mem::swap(&mut process.line_bytes, &mut other.line_bytes);
    }
    let new = system.tasks.at(made);
    let (context, stack) = (**new.context, new.stack);
    let thread = system.tasks.at_mut(first);
    **thread.context = context;
    thread.stack = stack;
    if thread.has_floats {
        thread.floats = Floats([0; 33]);
        thread.has_floats = false;
    }
    thread.unfinished = None;
    thread.survey = None;
    thread.page_in = None;
    thread.deadline = None;
    thread.can_return = false;
    system.tasks.set_state(first, SchedState::Ready);
    system.tasks.at_mut(first).wait_key = WaitKey::NONE;
    stub::spawned(system, first);
    let ending = SchedState::Ending { status: 0 };
    system.tasks.set_state(made, ending);
    exec::go_on_ending(system, made);
    system.local.schedule.request_resched();
    Ok(CallResult::Gone)
}
