//! System calls: what a task asks for, with `abi` as the contract.
//!
//! A call that must wait leaves `pc` at the `ecall` and changes the task's state; when the
//! task is ready again it makes the same call again. So no call holds anything while it waits.

use abi::message::MessageKind;
use abi::{Access, Call, Error, Set, Source, Topic, map};
use pagetable::VirtAddr;

use super::call_result::CallResult;
use super::context::{Context, TrapFrame};
use super::process::{LINE_BYTES, Process};
use super::state::SchedState;
use super::unfinished::CallKey;
use super::{
    exec, fork, handler, lend, lent, memory, message, pages, pressure, replace, resched, threads,
};
use crate::debug::monitor::Inspection;
use crate::mm::{PageRequest, Unreached};
use crate::platform::Platform;
use crate::system::System;

/// Bytes that move between a task and the kernel in one piece.
const PIECE: usize = 512;

/// Carries out the call in `context` if it is one that touches no memory and does not wait, or for which the thread that
/// it wakes takes the hart over; whether it was.
#[inline]
pub fn at_once<P: Platform>(system: &mut System<P>, context: &mut &'static mut TrapFrame) -> bool {
    let current = system.local.schedule.current();
    let answer = match Call::decode(context.call()) {
        Some(Call::SendBlocking) => return message::send_and_hand_over(system, context),
        Some(Call::ReturnAndReceive) => return message::return_and_hand_over(system, context),
        Some(Call::Getpid) => system.local.schedule.active_process().into(),
        Some(Call::ThreadSelf) => system.tasks.at(current).tid.into(),
        Some(Call::Yield) => {
            // Alone, there is no thread to switch to, and the timer is armed as it must be.
            if system.tasks.others_ready(current) {
                system.local.schedule.request_resched();
            }
            0
        }
        Some(Call::WakeAddress) => {
            let [at, count] = [0, 1].map(|n| context.argument(n));
            let woken = threads::wake_address(system, at, count);
            woken.unwrap_or_else(Error::to_a0)
        }
        _ => return false,
    };
    context.set_return(answer as isize);
    true
}

/// May the call in `context` take entries out of its process' tables, or change those that are there? All may that touch
/// memory, but for a wait on a word whose page is there.
pub fn may_change_entries<P: Platform>(system: &mut System<P>, context: &Context) -> bool {
    match Call::decode(context.call()) {
        None => false,
        Some(
            Call::Getpid
            | Call::ThreadSelf
            | Call::Yield
            | Call::Sleep
            | Call::WakeAddress
            | Call::ThreadCreate
            | Call::ThreadJoin
            | Call::Priority
            | Call::Wait
            | Call::Kill
            | Call::FreeFrames
            | Call::SendScalar
            | Call::SendBlocking,
        ) => false,
        // Without a flag that enters pages, it only has a region more.
        Some(Call::Mmap) => context.argument(2) & (map::WIRED | map::POPULATE) != 0,
        Some(Call::WaitOnAddress) => {
            let slot = system.local.schedule.current();
            !system.is_there(slot, VirtAddr::new(context.argument(0) as u64))
        }
        Some(_) => true,
    }
}

/// Carries out the call in `context`, any but those of [`at_once`].
pub fn handle<P: Platform>(system: &mut System<P>, context: &mut Context) {
    // Pages that the call brings in are recorded with the place that asked for them.
    let slot = system.local.schedule.current();
    system.local.schedule.look_at_all();
    let (thread, process) = system.tasks.parts_mut(slot);
    thread.context.pc = context.pc;
    if process.forking.is_some() && fork::goes_first(system, context) {
        return;
    }
    match dispatch(system, context) {
        Ok(CallResult::One(value)) => context.set_return(value as isize),
        Ok(CallResult::Two(first, second)) => context.set_return_pair(first as isize, second),
        Ok(CallResult::Wait(state)) => {
            wait(system, state);
            // Answered here, as the call is still in the making.
            if system.foreground_changed() == Some(SchedState::Waiting { child: 0 }) {
                system.tasks.set_state(slot, SchedState::Ready);
                context.set_return(Error::Busy.to_a0() as isize);
            }
        }
        Ok(CallResult::Again | CallResult::Answered | CallResult::Gone) => {}
        // It has changed nothing, and is made again.
        Err(Unreached::Refused(Error::OutOfMemory)) if system.reclaim_for_call() => {}
        Err(Unreached::Refused(error)) => context.set_return(error.to_a0() as isize),
        Err(Unreached::Wait(request)) => {
            if let Err(error) = system.await_page(request, Source::Kernel) {
                context.set_return(error.to_a0() as isize);
            }
        }
    }
    // For the pages that the call brought in.
    if system.console.fault_recorded(&system.local.log) {
        resched::report_soon(system);
    }
}

fn wait<P: Platform>(system: &mut System<P>, state: SchedState) {
    let slot = system.local.schedule.current();
    system.tasks.set_state(slot, state);
    system.local.schedule.request_resched();
}

fn dispatch<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
) -> Result<CallResult, Unreached> {
    let [a0, a1, a2, a3, a4] = core::array::from_fn(|n| context.argument(n));
    let key = CallKey::of(context);
    match Call::decode(context.call()).ok_or(Error::Unsupported)? {
        Call::Exit => {
            exec::exit_process(system, system.local.schedule.current(), a0 as u8);
            Ok(CallResult::Gone)
        }
        Call::Write => write(system, a0, a1),
        Call::Read => read(system, a0, a1),
        Call::Sleep => Ok(sleep(system, context, a0)),
        Call::Spawn => spawn(system, a0, a1),
        Call::Fork => Ok(fork::fork(system, context, key)?),
        Call::Exec => {
            let mut line = [0; LINE_BYTES];
            let line = line_of(system, a0, a1, &mut line)?;
            Ok(replace::replace(system, line)?)
        }
        Call::Wait => Ok(wait_for(system, a0, a1)?),
        Call::Kill => Ok(kill(system, context, a0)?),
        Call::Sbrk => sbrk(system, key, a0 as isize),
        Call::Mmap => memory::mmap(system, key, [a0, a1, a2, a3, a4]),
        Call::Munmap => memory::munmap(system, key, a0, a1),
        Call::Protect => memory::protect(system, key, a0, a1, a2),
        Call::Advise => memory::advise(system, key, a0, a1, a2),
        Call::MapDevice => Ok(memory::map_device(system, a0, a1, a2)?),
        Call::ShareCreate => Ok(memory::share_create(system, a0)?),
        Call::ShareAttach => Ok(memory::share_attach(system, a0, a1, a2)?),
        Call::ShareDetach => memory::share_detach(system, key, a0),
        Call::ShareDestroy => Ok(memory::share_destroy(system, a0)?),
        Call::Translate => Ok(memory::translate(system, a0)?),
        Call::ThreadCreate => Ok(threads::create(system, [a0, a1, a2, a3, a4])?),
        Call::ThreadExit => Ok(threads::exit(system, a0)),
        Call::ThreadJoin => Ok(threads::join(system, context, a0)?),
        Call::Priority => Ok(threads::priority(system, a0, a1)?),
        Call::WaitOnAddress => threads::wait_on_address(system, context, [a0, a1, a2, a3, a4]),
        Call::PageOut => pages::page_out(system, key, a0, a1),
        Call::PageIn => pages::page_in(system, key, a0, a1),
        Call::Pin => pages::pin(system, key, a0, a1),
        Call::Unpin => Ok(pages::unpin(system, a0, a1)?),
        Call::EvictFrame => Ok(pages::evict_frame(system, a0)?),
        Call::FreeFrames => Ok(CallResult::One(system.frames.counts().free() as usize)),
        Call::PagingStatistics => statistics(system, a0, (a1, a2)),
        Call::AwaitPressure => Ok(pressure::await_pressure(system, context, [a0, a1, a2, a3])?),
        Call::ServerCreate => message::create(system, a0, a1),
        Call::ServerDestroy => Ok(message::destroy(system, a0)?),
        Call::Connect => message::connect(system, key, [a0, a1, a2]),
        Call::Disconnect => Ok(message::disconnect(system, a0)?),
        Call::SendScalar => Ok(message::send(system, context, MessageKind::Scalar)?),
        Call::SendBlocking => Ok(message::send(system, context, MessageKind::Blocking)?),
        Call::SendMemory => lend::send(system, context),
        Call::Receive => Ok(message::receive(system, context, a0, a1)?),
        Call::Return => Ok(message::return_message(system, context)?),
        Call::ReturnAndReceive => Ok(message::return_and_receive(system, context)?),
        Call::SetExceptionHandler => Ok(handler::set(system, a0, a1)?),
        // These are carried out at once.
        Call::Getpid | Call::Yield | Call::ThreadSelf | Call::WakeAddress => {
            Err(Error::Unsupported.into())
        }
        Call::Inspect => inspect(system, [a0, a1, a2, a3, a4]),
        Call::PowerOff => {
            system.console.flush(&system.local.log);
            system.local.platform.power_off();
            Err(Error::Unsupported.into())
        }
        Call::Set => match Set::decode(a0).ok_or(Error::BadArgument)? {
            Set::FaultText => Ok(CallResult::One(
                core::mem::replace(&mut system.fault_text, a1 != 0).into(),
            )),
            Set::HeapLimit => {
                let (space, ..) = system.memory();
                let old = space.heap_limit();
                if a1 != 0 {
                    space.set_heap_limit::<P>(a1 as u64)?;
                }
                Ok(CallResult::One(old as usize))
            }
        },
    }
}

fn current_pid<P: Platform>(system: &System<P>) -> u16 {
    system.tasks.process(system.local.schedule.current()).pid
}

fn write<P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    if bytes == 0 {
        return Ok(CallResult::One(0));
    }
    let room = system.console.room();
    if room == 0 {
        return Ok(CallResult::Wait(SchedState::Writing));
    }
    let mut piece = [0; PIECE];
    let piece = &mut piece[..bytes.min(PIECE).min(room)];
    from_task(system, at, piece)?;
    system.console.write(piece);
    system.first_byte();
    Ok(CallResult::One(piece.len()))
}

fn read<P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    if bytes == 0 {
        return Ok(CallResult::One(0));
    }
    let mut piece = [0; PIECE];
    let used = system.console.peek(&mut piece[..bytes.min(PIECE)]);
    if used == 0 {
        return Ok(CallResult::Wait(SchedState::Reading));
    }
    // Input is only taken off the line once it has arrived: a bad pointer loses nothing.
    to_task(system, at, &piece[..used])?;
    system.console.consume(used);
    Ok(CallResult::One(used))
}

/// The answer is given before the task sleeps: it must not go to sleep again when it wakes.
fn sleep<P: Platform>(system: &mut System<P>, context: &mut Context, ms: usize) -> CallResult {
    let until = system
        .local
        .platform
        .ticks()
        .saturating_add(system.local.schedule.ticks(ms as u64));
    context.set_return(0);
    CallResult::Wait(SchedState::Sleeping { until })
}

fn spawn<P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    let mut line = [0; LINE_BYTES];
    let line = line_of(system, at, bytes, &mut line)?;
    let parent = current_pid(system);
    let pid = exec::spawn(system, parent, line)?;
    Ok(CallResult::One(pid.into()))
}

/// The command line that a program names, read into `room`.
fn line_of<'a, P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
    room: &'a mut [u8; LINE_BYTES],
) -> Result<&'a [u8], Unreached> {
    let line = room.get_mut(..bytes).ok_or(Error::LimitExceeded)?;
    from_task(system, at, line)?;
    Ok(line)
}

/// `flags` bit 0: do not wait; `Busy` while no such child has ended.
fn wait_for<P: Platform>(
    system: &mut System<P>,
    child: usize,
    flags: usize,
) -> Result<CallResult, Error> {
    let child = u16::try_from(child).map_err(|_| Error::NoChild)?;
    let parent = current_pid(system);
    let mine =
        |process: &&Process| process.parent == parent && (child == 0 || process.pid == child);
    if !system.tasks.processes().any(|process| mine(&process)) {
        return Err(Error::NoChild);
    }
    let ended = system.tasks.processes().filter(mine).find_map(|process| {
        match system.tasks.at(process.first).state() {
            SchedState::Exited { status } => Some((process.first, process.pid, status)),
            _ => None,
        }
    });
    match ended {
        Some((slot, pid, status)) => {
            system.tasks.remove(slot);
            Ok(CallResult::Two(pid.into(), status.into()))
        }
        None if flags & 1 != 0 => Err(Error::Busy),
        None => Ok(CallResult::Wait(SchedState::Waiting { child })),
    }
}

fn kill<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    pid: usize,
) -> Result<CallResult, Error> {
    let pid = u16::try_from(pid).map_err(|_| Error::NoSuchTask)?;
    let slot = system.tasks.find(pid).ok_or(Error::NoSuchTask)?;
    let slot = system.tasks.process(slot).first;
    if !system.tasks.at(slot).is_alive() {
        return Err(Error::NoSuchTask);
    }
    let is_own = system.tasks.process(system.local.schedule.current()).first == slot;
    let is_elsewhere = system.is_active_elsewhere(slot);
    let process = system.tasks.process(slot).pid;
    exec::exit_process(system, slot, exec::KILLED);
    if is_own {
        return Ok(CallResult::Gone);
    }
    context.set_return(0);
    // It ends when that hart has let go of it: who kills it may count on that, as on one hart.
    Ok(match is_elsewhere {
        true => CallResult::Wait(SchedState::Killing { process }),
        false => CallResult::Answered,
    })
}

fn sbrk<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    delta: isize,
) -> Result<CallResult, Unreached> {
    if delta < 0 {
        let (space, ..) = system.memory();
        let end = space.heap_end().raw() as usize;
        lent::refuse_lent(
            system,
            end.saturating_add_signed(delta),
            delta.unsigned_abs(),
        )?;
    }
    // The rest of a page is zeroed where it is.
    let (space, _, platform) = system.memory();
    if let Some(va) = space.heap_page_after(delta as i64)
        && space.is_stored(platform, va)
    {
        let access = Access::Read;
        return Err(Unreached::Wait(PageRequest { va, access }));
    }
    system.go_on(key, |space, frames, platform| {
        let (old, job) = space.begin_sbrk(delta as i64, frames, platform)?;
        Ok((old.raw() as usize, job))
    })
}

/// `PagingStatistics(thread or 0 for all, ptr, len)`.
fn statistics<P: Platform>(
    system: &mut System<P>,
    thread: usize,
    (at, bytes): (usize, usize),
) -> Result<CallResult, Unreached> {
    let found = match thread {
        0 => system.statistics(),
        tid => {
            let tid = u16::try_from(tid).map_err(|_| Error::NoSuchTask)?;
            let slot = system.tasks.find(tid).ok_or(Error::NoSuchTask)?;
            let thread = system.tasks.at(slot);
            thread.paging.statistics(thread.faults)
        }
    };
    let found = found.encode();
    let found = &found[..bytes.min(found.len())];
    to_task(system, at, found)?;
    Ok(CallResult::One(found.len()))
}

/// Whole lines, as many as fit, so that a page of them needs one call.
fn inspect<P: Platform>(
    system: &mut System<P>,
    [topic, index, at, bytes, argument]: [usize; 5],
) -> Result<CallResult, Unreached> {
    let json = topic & Topic::JSON != 0;
    let topic = Topic::decode(topic & !Topic::JSON).ok_or(Error::BadArgument)?;
    let mut piece = [0; PIECE];
    let limit = bytes.min(PIECE);
    let slot = system.local.schedule.current();
    let mut left = system.tasks.at_mut(slot).survey.take();
    let asked = (topic, json);
    let found = system.inspect(asked, index, argument, &mut left, &mut piece[..limit]);
    system.tasks.at_mut(slot).survey = left;
    match found? {
        Inspection::NotYet => Ok(CallResult::Again),
        Inspection::Lines(used, next) => {
            to_task(system, at, &piece[..used])?;
            Ok(CallResult::Two(used, next))
        }
    }
}

fn from_task<P: Platform>(
    system: &mut System<P>,
    at: usize,
    into: &mut [u8],
) -> Result<(), Unreached> {
    let slot = system.local.schedule.current();
    system.memory_of(slot).read(VirtAddr::new(at as u64), into)
}

fn to_task<P: Platform>(system: &mut System<P>, at: usize, from: &[u8]) -> Result<(), Unreached> {
    let slot = system.local.schedule.current();
    system.memory_of(slot).write(VirtAddr::new(at as u64), from)
}
