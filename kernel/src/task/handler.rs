//! A process' exception handler: a thread of its own, called when another one's fault would end the process.
//!
//! ```text
//!   a thread faults: AwaitingHandler ───────► the handler, HandlerIdle until now, runs at its entry
//!   it goes on, its pc moved by a0   ◄─────── returns to RETURN_FROM_EXCEPTION_HANDLER
//!   it ends, with the value          ◄─────── ThreadExit, or returns to EXIT_THREAD
//! ```
//!
//! It has one stack, so it has one fault at a time: who faults meanwhile waits, and makes the access again. A fault of the
//! handler itself ends the process.

use abi::{Cause, Error, Outcome};
use pagetable::VirtAddr;

use super::call_result::CallResult;
use super::context::{Context, TrapFrame};
use super::handler_of::ExceptionHandler;
use super::slot::Slot;
use super::state::SchedState;
use super::{exec, resched, switch};
use crate::debug::stub;
use crate::mm::layout;
use crate::platform::Platform;
use crate::system::System;

/// Bytes that a stack pointer is a multiple of. RISC-V psABI.
const STACK_ALIGN: usize = 16;

/// `SetExceptionHandler(entry, stack)`.
pub(super) fn set<P: Platform>(
    system: &mut System<P>,
    entry: usize,
    stack: usize,
) -> Result<CallResult, Error> {
    let current = system.local.schedule.current();
    let old = system.tasks.process(current).handler;
    if old.is_some_and(|handler| handler.serves.is_some()) {
        return Err(Error::Busy);
    }
    let new = match entry {
        0 => None,
        _ => Some(place::<P>(system, current, entry, stack)?),
    };
    if let (None, Some(ExceptionHandler { thread, .. })) = (new, old) {
        stub::ended(system, thread);
        system.tasks.remove(thread);
        system.tasks.process_mut(current).threads -= 1;
    }
    system.tasks.process_mut(current).handler = new;
    Ok(CallResult::One(old.map_or(0, |handler| handler.entry)))
}

/// A handler that begins there, in the thread of the one before it, or in a new one.
fn place<P: Platform>(
    system: &mut System<P>,
    current: Slot,
    entry: usize,
    stack: usize,
) -> Result<ExceptionHandler, Error> {
    if !entry.is_multiple_of(2) || !stack.is_multiple_of(STACK_ALIGN) {
        return Err(Error::BadAlignment);
    }
    let is_user = |at: usize| layout::is_user(P::MODE, VirtAddr::new(at as u64));
    if !is_user(entry) || stack == 0 || !is_user(stack - 1) {
        return Err(Error::BadAddress);
    }
    let thread = match system.tasks.process(current).handler {
        Some(old) => old.thread,
        None => {
            let thread = system.tasks.add_thread(current)?;
            system.tasks.set_state(thread, SchedState::HandlerIdle);
            thread
        }
    };
    Ok(ExceptionHandler {
        thread,
        entry,
        stack,
        serves: None,
        is_awaited: false,
    })
}

/// What follows from a fault that would end the running thread's process.
pub enum HandledBy {
    /// Its handler, which is free.
    Handler(ExceptionHandler),
    /// Its handler, which has another fault: the thread waits.
    Later,
    /// Neither: it ends the process.
    None,
}

/// Is the fault one for the running process' handler? Not without memory, which that needs too, and not in the handler;
/// a forged return is no fault that a program could mend.
pub fn of_fault<P: Platform>(
    system: &mut System<P>,
    cause: Cause,
    value: usize,
    outcome: Outcome,
) -> HandledBy {
    let current = system.local.schedule.current();
    let process = system.tasks.process_mut(current);
    let Some(handler) = &mut process.handler else {
        return HandledBy::None;
    };
    let is_forged = cause == Cause::InstructionPageFault && abi::thread::is_return_address(value);
    if handler.is_thread(current) || is_forged || outcome == Outcome::OutOfMemory {
        return HandledBy::None;
    }
    if handler.serves.is_none() {
        handler.serves = Some(current);
        return HandledBy::Handler(*handler);
    }
    handler.is_awaited = true;
    system.tasks.set_state(current, SchedState::AwaitingHandler);
    system.local.schedule.request_resched();
    HandledBy::Later
}

/// Calls the handler for the running thread's fault.
pub fn call<P: Platform>(
    system: &mut System<P>,
    context: &Context,
    handler: &ExceptionHandler,
    (cause, value): (Cause, usize),
) {
    let faulted = system.tasks.at(system.local.schedule.current());
    let (tid, priority) = (faulted.tid, faulted.priority());
    let arguments = [cause.number().into(), context.pc, value, tid.into()];
    let thread = system.tasks.at_mut(handler.thread);
    // It is in no queue.
    thread.priority = priority;
    thread
        .context
        .call_handler(handler.entry, handler.stack, arguments);
    leave_to(system, SchedState::AwaitingHandler, handler.thread);
}

/// The running thread has jumped to where handlers return to: the thread that faulted goes on. False if none was called.
pub(super) fn has_returned<P: Platform>(system: &mut System<P>, returned: &Context) -> bool {
    let Some(faulted) = leave(system) else {
        return false;
    };
    let context = &mut system.tasks.at_mut(faulted).context;
    context.pc = context.pc.wrapping_add(returned.argument(0));
    leave_to(system, SchedState::HandlerIdle, faulted);
    true
}

/// The running thread wants to end: if it is a handler, that ends the thread that faulted instead. False if it is none.
pub(super) fn ends_thread<P: Platform>(system: &mut System<P>, value: usize) -> bool {
    let current = system.local.schedule.current();
    let Some(faulted) = leave(system) else {
        return false;
    };
    system.local.schedule.leave_thread();
    system.tasks.set_state(current, SchedState::HandlerIdle);
    exec::exit_thread(system, faulted, value);
    true
}

/// The running thread, if it is a handler, has done with a fault: whose. Who waited for it tries again.
fn leave<P: Platform>(system: &mut System<P>) -> Option<Slot> {
    let current = system.local.schedule.current();
    let handler = system.tasks.process_mut(current).handler.as_mut()?;
    if !handler.is_thread(current) {
        return None;
    }
    let faulted = handler.serves.take()?;
    if core::mem::take(&mut handler.is_awaited) {
        let process = system.tasks.at(current).process;
        for slot in system.tasks.existing() {
            let thread = system.tasks.at(slot);
            if slot != faulted
                && thread.process == process
                && thread.state() == SchedState::AwaitingHandler
            {
                system.tasks.set_state(slot, SchedState::Ready);
            }
        }
        resched::made_ready(system);
    }
    Some(faulted)
}

/// The trap ends with `to` on the hart in place of the running thread, which waits in that state.
fn leave_to<P: Platform>(system: &mut System<P>, state: SchedState, to: Slot) {
    let schedule = &mut system.local.schedule;
    // Who wants the hart already is asked first.
    if schedule.need_resched {
        return wait(system, state, to);
    }
    schedule.goes_over = Some((state, to));
    schedule.request_resched();
}

/// The end of a trap: a handler that was called runs, or the thread that faulted goes on, at once where nothing else wants
/// the hart.
pub fn go_over<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    let schedule = &mut system.local.schedule;
    let Some((state, to)) = schedule.goes_over.take() else {
        return;
    };
    schedule.need_resched = false;
    if !switch::run_sibling(system, frame, state, to) {
        wait(system, state, to);
    }
}

/// The running thread waits in that state, and `to` has its turn.
fn wait<P: Platform>(system: &mut System<P>, state: SchedState, to: Slot) {
    let current = system.local.schedule.current();
    system.tasks.set_state(current, state);
    system.tasks.set_state(to, SchedState::Ready);
    system.local.schedule.request_resched();
}
