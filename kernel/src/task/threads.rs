//! System calls about threads: `abi::Call` has the contract of each.
//!
//! Who waits for another thread or on an address has its call behind it: the answer is in its registers before it
//! waits, and what ends the wait changes what differs. So no effect happens twice, whatever a debugger or a key does
//! to a thread that waits.

use abi::Error;
use abi::thread::{EXIT_THREAD, NO_TIMEOUT, PRIORITY_ONLY_ASKED, RETURN_FROM_EXCEPTION_HANDLER};
use pagetable::VirtAddr;

use super::call_result::CallResult;
use super::context::Context;
use super::exec;
use super::handler;
use super::resched;
use super::state::SchedState;
use super::thread::StackRange;
use super::unfinished::CallKey;
use super::waiters::WaitKey;
use crate::mm::{MapRequest, Object, PAGE_BYTES, Placement, RegionKind, Unreached};
use crate::platform::Platform;
use crate::system::System;

/// `ThreadCreate(entry, argument, stack, priority)`.
pub(super) fn create<P: Platform>(
    system: &mut System<P>,
    [entry, argument, stack, priority, _]: [usize; 5],
) -> Result<CallResult, Error> {
    let priority = u8::try_from(priority).map_err(|_| Error::BadArgument)?;
    let pages = (stack as u64).div_ceil(PAGE_BYTES);
    let current = system.local.schedule.current();
    let slot = system.tasks.add_thread(current)?;
    let wanted = MapRequest {
        kind: RegionKind::Stack,
        ..MapRequest::zeros(pages)
    };
    let space = system.tasks.space_mut(slot);
    let base = match space.map::<P>(Placement::ANYWHERE, &wanted) {
        Ok(base) => base.raw(),
        Err(error) => {
            system.tasks.remove(slot);
            system.tasks.process_mut(current).threads -= 1;
            return Err(error);
        }
    };
    let end = base + pages * PAGE_BYTES;
    let thread = system.tasks.at_mut(slot);
    thread.stack = StackRange { base, end };
    thread.context.start_thread(entry, argument, end as usize);
    thread.priority = priority;
    thread.can_return = true;
    let tid = thread.tid;
    system.tasks.set_state(slot, SchedState::Ready);
    resched::made_ready(system);
    Ok(CallResult::One(tid.into()))
}

/// `ThreadExit(value)`.
pub(super) fn exit<P: Platform>(system: &mut System<P>, value: usize) -> CallResult {
    if !handler::ends_thread(system, value) {
        exec::exit_thread(system, system.local.schedule.current(), value);
    }
    CallResult::Gone
}

/// The running thread has jumped to `at`: is that where code returns to that the kernel called, and was it called?
/// Then its thread ends, or the one that faulted goes on. False if that is a fault: a program's first thread has no caller.
#[cold]
#[inline(never)]
pub fn has_returned<P: Platform>(system: &mut System<P>, context: &Context, at: usize) -> bool {
    match at {
        EXIT_THREAD => {
            let slot = system.local.schedule.current();
            let value = context.argument(0);
            if handler::ends_thread(system, value) {
                return true;
            }
            let can_return = system.tasks.at(slot).can_return;
            if can_return {
                exec::exit_thread(system, slot, value);
            }
            can_return
        }
        RETURN_FROM_EXCEPTION_HANDLER => handler::has_returned(system, context),
        _ => false,
    }
}

/// `ThreadJoin(thread)`.
pub(super) fn join<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    thread: usize,
) -> Result<CallResult, Error> {
    let current = system.local.schedule.current();
    let tid = u16::try_from(thread).map_err(|_| Error::NoSuchTask)?;
    let slot = system.tasks.find(tid).ok_or(Error::NoSuchTask)?;
    let (other, process) = system.tasks.parts(slot);
    if other.process != system.tasks.at(current).process {
        return Err(Error::NoSuchTask);
    }
    // None of these would ever end.
    let is_handler = process.handler.is_some_and(|it| it.is_thread(slot));
    if slot == current || slot == process.first || is_handler {
        return Err(Error::BadArgument);
    }
    if let SchedState::Exited { .. } = other.state() {
        let value = other.value;
        system.tasks.remove(slot);
        return Ok(CallResult::Two(tid.into(), value));
    }
    context.set_return(tid as isize);
    Ok(CallResult::Wait(SchedState::Joining { thread: tid }))
}

/// `Priority(thread, value)`.
pub(super) fn priority<P: Platform>(
    system: &mut System<P>,
    thread: usize,
    value: usize,
) -> Result<CallResult, Error> {
    let current = system.local.schedule.current();
    let slot = match thread {
        0 => current,
        _ => {
            let tid = u16::try_from(thread).map_err(|_| Error::NoSuchTask)?;
            system.tasks.find(tid).ok_or(Error::NoSuchTask)?
        }
    };
    let (other, process) = system.tasks.parts(slot);
    let own = system.tasks.process(current).pid;
    if !other.is_alive() {
        return Err(Error::NoSuchTask);
    }
    if process.pid != own && process.parent != own {
        return Err(Error::AccessDenied);
    }
    let old = other.priority();
    if value != PRIORITY_ONLY_ASKED {
        let value = u8::try_from(value).map_err(|_| Error::BadArgument)?;
        system.tasks.set_priority(slot, value);
        system.local.schedule.request_resched();
    }
    Ok(CallResult::One(old.into()))
}

/// `WaitOnAddress(address, expected, timeout_ms)`.
pub(super) fn wait_on_address<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    [at, expected, timeout_ms, ..]: [usize; 5],
) -> Result<CallResult, Unreached> {
    let slot = system.local.schedule.current();
    let key = word_key(system, at)?;
    let call = CallKey::of(context);
    let begun = system.tasks.at_mut(slot).deadline.take();
    let until = match begun.filter(|(begun, _)| *begun == call) {
        Some((_, until)) => until,
        None if timeout_ms == NO_TIMEOUT => u64::MAX,
        None => {
            let now = system.local.platform.ticks();
            now.saturating_add(system.local.schedule.ticks(timeout_ms as u64))
        }
    };
    let mut word = [0; 4];
    let read = system
        .memory_of(slot)
        .read(VirtAddr::new(at as u64), &mut word);
    if let Err(Unreached::Wait(_)) = read {
        system.tasks.at_mut(slot).deadline = Some((call, until));
    }
    read?;
    if u32::from_le_bytes(word) != expected as u32 {
        return Err(Error::Busy.into());
    }
    if until <= system.local.platform.ticks() {
        return Err(Error::TimedOut.into());
    }
    system.tasks.at_mut(slot).wait_key = key;
    context.set_return(0);
    Ok(CallResult::Wait(SchedState::OnAddress { until }))
}

/// `WakeAddress(address, count)`. Apart from the other quick calls, which have no use for its registers.
#[inline(never)]
pub(super) fn wake_address<P: Platform>(
    system: &mut System<P>,
    at: usize,
    count: usize,
) -> Result<usize, Error> {
    let key = word_key(system, at)?;
    let woken = system.tasks.wake_address(key, count);
    if woken > 0 {
        resched::made_ready(system);
    }
    Ok(woken)
}

/// Which word it is, for all who have it.
fn word_key<P: Platform>(system: &mut System<P>, at: usize) -> Result<WaitKey, Error> {
    if !at.is_multiple_of(4) {
        return Err(Error::BadAlignment);
    }
    let process = system.tasks.process_mut(system.local.schedule.current());
    let va = VirtAddr::new(at as u64);
    let region = process.space.region_at(va).ok_or(Error::BadAddress)?;
    Ok(match region.object {
        Object::Shared { object, page, .. } => {
            let within = va.raw() - region.base.raw();
            WaitKey::shared(object, u64::from(page) * PAGE_BYTES + within)
        }
        _ => WaitKey::private(process.pid, va.raw()),
    })
}
