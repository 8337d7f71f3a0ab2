//! What a trap means: a system call, an interrupt, a fault; and what follows from it.

use core::num::NonZeroUsize;

use abi::{Access, Cause, Class, Error, Fault, Outcome, Source};
use pagetable::{PhysAddr, VirtAddr};

use crate::debug::stub;
use crate::mm::{FirstLook, Refused, Resolution, Unresolved, first_look, resolve, resolve_present};
use crate::platform::{Pending, Platform};
use crate::system::System;
use crate::task::handler::{self, HandledBy};
use crate::task::{Context, TrapFrame, exec, switch, syscall, threads, waits_for_page};

/// What the hart said when it trapped.
#[derive(Clone, Copy)]
pub struct Trap {
    /// `scause`: the top bit says interrupt, the rest is the code.
    pub cause: usize,
    /// `stval`: the faulting address, the instruction, or 0.
    pub value: usize,
    /// `instret` at the first instruction of the trap path; `None` on a hart where it cannot be
    /// read.
    pub started: Option<NonZeroUsize>,
}

/// The top bit of `scause`: set for interrupts, clear for exceptions (Privileged spec, §scause).
const INTERRUPT: usize = 1 << (usize::BITS - 1);
/// Another hart's.
pub const SUPERVISOR_SOFTWARE: usize = INTERRUPT | 1;
const SUPERVISOR_TIMER: usize = INTERRUPT | 5;
const SUPERVISOR_EXTERNAL: usize = INTERRUPT | 9;
/// The page faults, which must be quick.
const FETCH: usize = 12;
const LOAD: usize = 13;
const STORE: usize = 15;
/// A system call.
const CALL: usize = 8;
/// Instructions of the trap path outside what the record can see itself: from the record
/// to `sret`, and the tests of the fast path. A test compares the records with what programs
/// feel.
const TAIL: usize = if usize::BITS == 64 { 128 } else { 135 };
/// How a task ends that a fault killed: 128 + cause, as shells know it from signals.
const KILLED_BY_FAULT: u8 = 128;

/// Deals with one trap out of the running task that is no call; when it returns, `frame` is what runs next.
#[inline(always)]
pub fn fault_or_interrupt<P: Platform>(
    system: &mut System<P>,
    frame: &mut &'static mut TrapFrame,
    trap: Trap,
) {
    let context = &mut frame.registers;
    // While gdb catches faults, this is so for every trap; at other times it costs nothing.
    // One copy of the page fault's code: it is long.
    if system.frames.fast.has_served() && is_caught(system, context.pc, trap.cause, trap.value) {
        // It stops instead.
    } else if matches!(trap.cause, STORE | LOAD | FETCH) {
        let access = match trap.cause {
            STORE => Access::Write,
            LOAD => Access::Read,
            _ => Access::Execute,
        };
        let returns = access == Access::Execute && abi::thread::is_return_address(trap.value);
        if !(returns && threads::has_returned(system, context, trap.value)) {
            page_fault(system, context, trap.cause as u8, access, trap);
        }
    } else {
        other(system, context, trap);
    }
    go_on(system, frame);
}

/// Deals with a system call of the running task; when it returns, `frame` is what runs next.
#[inline(always)]
pub fn call<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    if system.frames.fast.has_served() {
        system.account_fast_path();
    }
    if syscall::at_once(system, frame) {
        if !system.local.schedule.need_resched() || switch::take_turns(system, frame) {
            return;
        }
    } else {
        longer_call(system, &mut frame.registers);
    }
    go_on(system, frame);
}

/// One that may touch memory, wait, or change what the timer is needed for.
#[inline(never)]
fn longer_call<P: Platform>(system: &mut System<P>, context: &mut Context) {
    syscall::handle(system, context);
    // A program may have asked for faults in words.
    system.choose_path();
}

/// A trap on the hart with that index, which has got the lock, for which it has had to wait that many times. False if the
/// thread that trapped is not its thread any more, as another hart ended it: `frame` is what runs next.
#[cold]
#[inline(never)]
pub fn begin<P: Platform>(
    system: &mut System<P>,
    frame: &mut &'static mut TrapFrame,
    (index, contended): (usize, u64),
    (cause, value): (usize, usize),
) -> bool {
    system.take_over(index, contended);
    system.harts.count().traps += 1;
    if cause == SUPERVISOR_SOFTWARE {
        system.local.schedule.request_resched();
    }
    let is_lost = system.drop_ended_thread();
    system.come_back();
    if is_lost {
        switch::reschedule(system, frame);
        system.choose_path();
        return false;
    }
    shoot_down_for(system, &frame.registers, (cause, value));
    true
}

/// Before a trap of the running thread is dealt with, among several harts: where it may take entries out of its process'
/// tables, or change those that are there, the other harts leave the space first.
fn shoot_down_for<P: Platform>(
    system: &mut System<P>,
    context: &Context,
    (cause, value): (usize, usize),
) {
    let slot = system.local.schedule.current();
    if !system.is_active_elsewhere(slot) {
        return;
    }
    let changes_entries = match cause {
        CALL => syscall::may_change_entries(system, context),
        // A fetch may be the return of a thread, which ends and frees its stack.
        FETCH => true,
        LOAD | STORE => system.fault_may_change_entries(slot, VirtAddr::new(value as u64)),
        // Another exception ends the thread, or calls its handler; an interrupt is another's affair.
        _ => false,
    };
    if changes_entries {
        system.shoot_down(slot);
    }
}

/// What follows from a trap for the thread that it came from.
#[inline(always)]
fn go_on<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    if system.debugger_wants_stop() || system.local.schedule.need_resched() {
        leave_task(system, frame);
    }
    if system.frames.fast.is_open() {
        system.allow_fast();
    }
}

/// Makes up for what the fast path did. Is this a fault that gdb wants to see before it is served?
#[cold]
#[inline(never)]
fn is_caught<P: Platform>(system: &mut System<P>, pc: usize, cause: usize, value: usize) -> bool {
    system.account_fast_path();
    matches!(cause, FETCH | LOAD | STORE) && stub::caught(system, pc, cause, value)
}

#[inline(never)]
fn other<P: Platform>(system: &mut System<P>, context: &mut Context, trap: Trap) {
    match trap.cause {
        SUPERVISOR_TIMER => system.interrupt(Pending {
            timer: true,
            external: false,
        }),
        SUPERVISOR_EXTERNAL => system.interrupt(Pending {
            timer: false,
            external: true,
        }),
        code if code & INTERRUPT != 0 => {}
        code => exception(system, context, Cause::decode(code as u8), trap),
    }
    // A host may have begun to listen, or a program asked for faults in words.
    system.choose_path();
}

#[cold]
#[inline(never)]
fn leave_task<P: Platform>(system: &mut System<P>, frame: &mut &'static mut TrapFrame) {
    handler::go_over(system, frame);
    if system.debugger_wants_stop() {
        switch::pause(system, frame);
    }
    if system.local.schedule.need_resched() {
        switch::reschedule(system, frame);
    }
}

fn exception<P: Platform>(system: &mut System<P>, context: &mut Context, cause: Cause, trap: Trap) {
    match cause {
        Cause::Breakpoint if stub::breakpoint(system, context.pc as u64) => {}
        _ => {
            let refused = Refused {
                outcome: Outcome::NotMemory,
                class: Class::None,
                level: Fault::NO_LEVEL,
                entry: 0,
            };
            refuse(system, context, cause, trap, refused);
        }
    }
}

#[inline(always)]
fn page_fault<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    cause: u8,
    access: Access,
    trap: Trap,
) {
    let (thread, process) = system.tasks.parts_mut(system.local.schedule.current());
    thread.faults = thread.faults.wrapping_add(1);
    let va = VirtAddr::new(trap.value as u64);
    match first_look(
        &mut process.space,
        &mut system.frames,
        &mut system.local.platform,
        va,
        access,
    ) {
        Ok(resolution) => record(system, context, (cause, access.number()), trap, &resolution),
        Err(found) => look_closer(system, context, (cause, access), trap, &found),
    }
}

/// A fault on a leaf that is there, one that ends the task, or one that has to wait. Apart from the others: joined to
/// them it would cost registers in the common case.
#[cold]
#[inline(never)]
fn look_closer<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    (cause, access): (u8, Access),
    trap: Trap,
    found: &FirstLook,
) {
    let process = system.tasks.process_mut(system.local.schedule.current());
    let va = VirtAddr::new(trap.value as u64);
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let mut refused = match *found {
        FirstLook::LeafIsThere(stop) => {
            match resolve_present(&mut process.space, frames, platform, (va, access), stop) {
                Ok(resolution) => {
                    let access = access.number();
                    return record(system, context, (cause, access), trap, &resolution);
                }
                Err(refused) => refused,
            }
        }
        FirstLook::Unresolved(Unresolved::Refused(refused)) => {
            if waits_for_page(system, va, &refused) {
                return;
            }
            refused
        }
        FirstLook::Unresolved(Unresolved::Wait(request)) => {
            let slot = system.local.schedule.current();
            let error = if system.is_stored(slot, request) {
                match system.page_back(slot, request) {
                    Ok(Some(resolution)) => {
                        let access = access.number();
                        return record(system, context, (cause, access), trap, &resolution);
                    }
                    Ok(None) => return,
                    Err(error) => error,
                }
            } else {
                match system.await_page(request, Source::User) {
                    // Its record comes with the page.
                    Ok(()) => return,
                    Err(error) => error,
                }
            };
            let class = system.tasks.space_mut(slot).class_at(va);
            Refused {
                outcome: match error {
                    Error::StoreCorrupt => Outcome::StoreCorrupt,
                    _ => Outcome::OutOfMemory,
                },
                class,
                level: Fault::NO_LEVEL,
                entry: 0,
            }
        }
    };
    // A refusal has changed nothing: with frames that others had, the same can be tried again.
    while refused.outcome == Outcome::OutOfMemory && system.reclaim_for_fault() {
        let (space, frames, platform) = system.memory();
        match resolve(space, frames, platform, va, access) {
            Ok(resolution) => {
                let access = access.number();
                return record(system, context, (cause, access), trap, &resolution);
            }
            Err(Unresolved::Refused(again)) => refused = again,
            // The page itself has gone: the next fault is for it.
            Err(Unresolved::Wait(_)) => return,
        }
    }
    if refused.outcome == Outcome::OutOfMemory && system.kills_for_frames() {
        return;
    }
    refuse(system, context, Cause::decode(cause), trap, refused)
}

/// A fault that ends the task, or calls its handler: its record, a line on the console, and its memory back.
#[cold]
#[inline(never)]
fn refuse<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    cause: Cause,
    trap: Trap,
    refused: Refused,
) {
    let handled_by = handler::of_fault(system, cause, trap.value, refused.outcome);
    let outcome = match &handled_by {
        HandledBy::Later => return,
        HandledBy::Handler(_) => Outcome::Handler,
        HandledBy::None => refused.outcome,
    };
    let resolution = Resolution {
        outcome,
        class: refused.class,
        level: refused.level,
        entry: refused.entry,
        frame: PhysAddr::new(0),
    };
    let access = Access::of(cause).map_or(0, Access::number);
    record(system, context, (cause.number(), access), trap, &resolution);
    if let HandledBy::Handler(handler) = &handled_by {
        return handler::call(system, context, handler, (cause, trap.value));
    }
    let fault = system.local.log.last();
    if stub::fatal(system, &fault) {
        return;
    }
    let slot = system.local.schedule.current();
    system.announce_death(&fault);
    exec::exit_process(system, slot, KILLED_BY_FAULT + cause.number());
}

#[inline(always)]
fn record<P: Platform>(
    system: &mut System<P>,
    context: &Context,
    (cause, access): (u8, u8),
    trap: Trap,
    resolution: &Resolution,
) {
    let (thread, process) = system.tasks.parts(system.local.schedule.current());
    let (task, satp) = (thread.tid, process.space.satp());
    let time = system.local.platform.ticks();
    let cost = match trap.started {
        Some(started) => system.local.platform.instructions_since(started) + TAIL,
        None => Fault::NO_COST as usize,
    };
    // Every field by hand: made of two halves, a record would be copied twice.
    system.local.log.push(&Fault {
        time,
        epc: context.pc as u64,
        va: trap.value as u64,
        entry: resolution.entry,
        frame: resolution.frame.frame() as u32,
        cost: cost as u32,
        task,
        cause,
        access,
        level: resolution.level,
        source: Source::User.number(),
        class: resolution.class.number(),
        outcome: resolution.outcome.number(),
        satp,
        hart: system.harts.number(),
        reserved: [0; 3],
    });
    system.fault_recorded();
}
