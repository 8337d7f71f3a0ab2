//! The kernel is stopped, and gdb asks: the loop between a stop and the next run.

use core::fmt::Write;
use core::num::NonZeroUsize;

use abi::{Cause, Fault};
use gdbstub::common::Signal;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{GdbStubBuilder, MultiThreadStopReason};

use super::debugger::{Buffers, GREETING, KERNEL, StopReason, SymbolChange, Trapped};
use super::inserted::Inserted;
use super::reply::Reply;
use super::shim::{GdbRequest, LONGEST};
use super::{catch, monitor, threads};
use crate::debug::agent;
use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;
use crate::text::Text;

/// Milliseconds that gdb gets to acknowledge a packet before the next one goes out.
const ACK_MS: u64 = 500;
/// A `monitor` command, at most; the rest is cut.
const COMMAND: usize = 96;
/// A line of a `monitor` answer.
const LINE: usize = 320;

type StateMachine<'b, P> = GdbStubStateMachine<'b, System<P>, Reply<'b>>;

/// What a packet led to.
enum Next<'b, P: Platform> {
    /// The kernel stays stopped and waits for the next packet.
    Stopped(StateMachine<'b, P>),
    /// The same, but the packet broke the state machine.
    Broken,
    /// gdb continued or stepped: the programs run.
    Run,
    /// gdb detached or killed the session: the line is a console again.
    Leave,
}

/// A task executed an `ebreak`: is that a reason to stop? The task is on the hart.
pub fn breakpoint<P: Platform>(system: &mut System<P>, at: u64) -> bool {
    let slot = system.local.schedule.current();
    let stop = match system.inserted_at(slot, at) {
        Some(Inserted::Break) => StopReason::Break(slot),
        Some(Inserted::Trigger) => StopReason::Trigger(slot),
        Some(Inserted::Step) => StopReason::Trap(slot),
        None if system.debugger.is_attached() => StopReason::Trap(slot),
        None => return false,
    };
    system.debugger.stop = Some(stop);
    true
}

/// A task did something it will die of: does gdb want to see it first?
pub fn fatal<P: Platform>(system: &mut System<P>, fault: &Fault) -> bool {
    if !system.debugger.is_attached() {
        return false;
    }
    let signal = match fault.cause() {
        Cause::IllegalInstruction => Signal::SIGILL,
        Cause::LoadMisaligned | Cause::StoreMisaligned | Cause::InstructionMisaligned => {
            Signal::SIGBUS
        }
        _ => Signal::SIGSEGV,
    };
    let slot = system.local.schedule.current();
    system.debugger.trapped = Some(Trapped {
        slot,
        cause: fault.cause.into(),
        value: fault.va as usize,
        pc: fault.epc as usize,
    });
    system.debugger.stop = Some(StopReason::Fatal(slot, signal));
    true
}

/// A task was started: its program gets gdb's breakpoints, and gdb its symbols.
pub fn spawned<P: Platform>(system: &mut System<P>, slot: Slot) {
    if system.debugger.is_attached() {
        system.insert_in(slot);
        if system.shows_another(slot) {
            system.debugger.symbols.newcomer = Some(slot);
            let thread = system.debugger.event_thread.unwrap_or(slot);
            let stop = &mut system.debugger.stop;
            stop.get_or_insert(StopReason::Library(thread));
        }
    }
}

/// A task is a copy of that of `parent`: where a step of gdb's would end there, it has the instruction itself.
pub fn forked<P: Platform>(system: &mut System<P>, parent: Slot, slot: Slot) {
    if system.debugger.is_attached() {
        system.clear_steps_in(parent, slot);
        spawned(system, slot);
    }
}

/// A task has ended. If it was to go by one step, gdb would wait without end.
pub fn ended<P: Platform>(system: &mut System<P>, slot: Slot) {
    if system.debugger.attached && system.is_stepping(slot) {
        // While its process still has a space: other threads run the same text.
        system.remove_steps();
        system.debugger.stop.get_or_insert(StopReason::Ended);
    }
}

/// gdb wants something, or something happened that it wants to know. No task is on the hart.
/// Returns when programs may run.
pub fn service<P: Platform>(system: &mut System<P>) {
    serve_stop(system);
    // gdb let the programs run, and there was more to report before they do.
    while system.debugger.wants_stop() {
        serve_stop(system);
    }
    system.debugger.goes_on();
}

fn serve_stop<P: Platform>(system: &mut System<P>) {
    let asked = system.console.take_gdb_request();
    match asked {
        GdbRequest::Gone => return leave(system),
        GdbRequest::Stop if system.debugger.attached => {
            system.debugger.stop.get_or_insert(StopReason::Interrupt);
        }
        _ => {}
    }
    let stop = system
        .debugger
        .stop
        .take()
        .map(|stop| first_report(system, stop));
    if stop.is_none() && asked != GdbRequest::Packet {
        return;
    }
    // Taken and put back: the state machine works on the room and on the system at once.
    let Some(buffers) = system.debugger.buffers.take() else {
        return;
    };
    system.remove_steps();
    system.debugger.plan.only = None;
    if let Some(StopReason::Caught(_)) = stop {
        tell_caught(system);
    }
    system.console.set_running(false);
    if stop.is_some() {
        wait_for_ack(system);
    }
    let mut stopped = Some(asked == GdbRequest::Packet);
    let mut stop = stop;
    while let Some(packet) = stopped {
        stopped = serve_stopped(system, buffers, stop.take(), packet);
    }
    system.debugger.buffers = Some(buffers);
    system.console.set_running(true);
}

/// Answers gdb until it lets the programs run; `Some` if it has to begin again, because a packet
/// broke the state machine.
fn serve_stopped<P: Platform>(
    system: &mut System<P>,
    buffers: &mut Buffers,
    stop: Option<StopReason>,
    mut packet: bool,
) -> Option<bool> {
    let mut machine = restart(system, buffers, stop)?;
    loop {
        if packet {
            let mut copy = [0; LONGEST];
            let bytes = system.console.gdb().packet();
            let length = bytes.len();
            copy[..length].copy_from_slice(bytes);
            if !handle_extension(system, &copy[..length]) {
                match dispatch(system, machine, &copy[..length]) {
                    Next::Stopped(left) => machine = left,
                    Next::Broken => return Some(false),
                    Next::Run => {
                        run(system);
                        return None;
                    }
                    Next::Leave => {
                        leave(system);
                        return None;
                    }
                }
            }
        }
        packet = match listen(system) {
            GdbRequest::Packet => true,
            GdbRequest::Gone => {
                leave(system);
                return None;
            }
            GdbRequest::Stop | GdbRequest::Nothing => false,
        };
    }
}

/// gdb has decided: there is more to report, or the programs run.
fn run<P: Platform>(system: &mut System<P>) {
    if let Some(more) = system.next_report() {
        system.debugger.stop = Some(more);
        return;
    }
    system.removed_are_gone();
    system.debugger.trapped = None;
    let plan = &system.debugger.plan;
    system.debugger.event_thread = plan.step.or(plan.named);
    system.carry_out_plan();
}

/// What is reported of a stop first. A task that was on its way by one step, and has gone it when another
/// one is started, has stopped too.
fn first_report<P: Platform>(system: &mut System<P>, stop: StopReason) -> StopReason {
    let StopReason::Library(thread) = stop else {
        return system.symbols_first(stop);
    };
    if let Some(newcomer) = system.debugger.symbols.newcomer.take() {
        system.debugger.symbols.change = Some(SymbolChange::Nothing(newcomer));
        let pc = system.tasks.at(thread).context.pc as u64;
        if system.inserted_at(thread, pc) == Some(Inserted::Step) {
            system.debugger.symbols.held = Some(StopReason::Trap(thread));
        }
    }
    stop
}

impl<P: Platform> System<P> {
    /// Shows text on gdb's terminal as soon as the programs run.
    #[cold]
    #[inline(never)]
    pub(super) fn announce(&mut self, text: &str) {
        // The console has no way to fail.
        let _ = self.console.write_str(text);
    }
}

/// Shows a fault that was caught, as text of the console: it comes before the stop.
fn tell_caught<P: Platform>(system: &mut System<P>) {
    let mut room = [0; LINE];
    let mut text = Text::new(&mut room);
    catch::tell(system, &mut text);
    system.console.set_running(true);
    system.announce(core::str::from_utf8(text.written()).unwrap_or("?"));
    while system.console.has_text() {
        wait_for_ack(system);
    }
}

/// A state machine that knows this gdb, and has sent the stop reply if there was a stop.
fn restart<'b, P: Platform>(
    system: &mut System<P>,
    buffers: &'b mut Buffers,
    stop: Option<StopReason>,
) -> Option<StateMachine<'b, P>> {
    let Buffers { packet, reply } = buffers;
    let stub = GdbStubBuilder::new(Reply::new(reply))
        .with_packet_buffer(packet)
        .build()
        .ok()?;
    let mut machine = stub.run_state_machine(system).ok()?;
    let greeting = system.debugger.greeting;
    machine = feed(system, machine, &greeting[..system.debugger.greeting_bytes])?;
    let Some(stop) = stop else {
        return Some(machine);
    };
    system.debugger.plan.replayed = true;
    machine = feed(system, machine, b"$vCont;c#a8")?;
    system.debugger.plan.replayed = false;
    let reason = reason(system, stop);
    if let MultiThreadStopReason::SignalWithThread { tid, .. }
    | MultiThreadStopReason::Library(tid)
    | MultiThreadStopReason::HwBreak(tid)
    | MultiThreadStopReason::SwBreak(tid) = reason
    {
        system.debugger.selected = tid.get();
    }
    connection(&mut machine).clear();
    let GdbStubStateMachine::Running(running) = machine else {
        return Some(machine);
    };
    let mut machine = running.report_stop(system, reason).ok()?;
    send_reply(system, &mut machine);
    Some(machine)
}

/// Has the state machine deal with a packet.
fn dispatch<'b, P: Platform>(
    system: &mut System<P>,
    mut machine: StateMachine<'b, P>,
    packet: &[u8],
) -> Next<'b, P> {
    connection(&mut machine).clear();
    let Some(mut machine) = feed(system, machine, packet) else {
        system.console.gdb().answer(b"E16");
        return Next::Broken;
    };
    send_reply(system, &mut machine);
    match machine {
        GdbStubStateMachine::Running(_) => Next::Run,
        GdbStubStateMachine::Disconnected(_) => Next::Leave,
        standing => Next::Stopped(standing),
    }
}

fn feed<'b, P: Platform>(
    system: &mut System<P>,
    mut machine: StateMachine<'b, P>,
    packet: &[u8],
) -> Option<StateMachine<'b, P>> {
    for &byte in packet {
        machine = match machine {
            GdbStubStateMachine::Idle(inner) => inner.incoming_data(system, byte).ok()?,
            GdbStubStateMachine::Running(inner) => inner.incoming_data(system, byte).ok()?,
            // The shim takes interrupts, and a gdb that has gone sends nothing.
            GdbStubStateMachine::CtrlCInterrupt(_) | GdbStubStateMachine::Disconnected(_) => {
                return None;
            }
        };
    }
    Some(machine)
}

fn send_reply<P: Platform>(system: &mut System<P>, machine: &mut StateMachine<'_, P>) {
    if let Some(packet) = connection(machine).packet() {
        system.console.gdb().forward(packet);
    }
}

fn connection<'m, 'b, P: Platform>(machine: &'m mut StateMachine<'b, P>) -> &'m mut Reply<'b> {
    match machine {
        GdbStubStateMachine::Idle(inner) => inner.borrow_conn(),
        GdbStubStateMachine::Running(inner) => inner.borrow_conn(),
        GdbStubStateMachine::CtrlCInterrupt(inner) => inner.borrow_conn(),
        GdbStubStateMachine::Disconnected(inner) => inner.borrow_conn(),
    }
}

fn reason<P: Platform>(system: &System<P>, stop: StopReason) -> MultiThreadStopReason<usize> {
    let tid = |slot| {
        let pid = usize::from(system.tasks.at(slot).tid);
        NonZeroUsize::new(pid).unwrap_or(NonZeroUsize::MIN)
    };
    let (tid, signal) = match stop {
        StopReason::Break(slot) => return MultiThreadStopReason::SwBreak(tid(slot)),
        StopReason::Trigger(slot) => return MultiThreadStopReason::HwBreak(tid(slot)),
        StopReason::Library(slot) => return MultiThreadStopReason::Library(tid(slot)),
        StopReason::Crash => {
            let signal = system.debugger.crash.map(|crash| crash.signal());
            (KERNEL, signal.unwrap_or(Signal::SIGABRT))
        }
        StopReason::Interrupt => (threads::current(system), Signal::SIGINT),
        StopReason::Ended => (threads::current(system), Signal::SIGTRAP),
        StopReason::Trap(slot) | StopReason::Caught(slot) => (tid(slot), Signal::SIGTRAP),
        StopReason::Fatal(slot, signal) => (tid(slot), signal),
    };
    MultiThreadStopReason::SignalWithThread { tid, signal }
}

/// Packets that the state machine does not know, or that have to be remembered for the next
/// one; whether that was all.
fn handle_extension<P: Platform>(system: &mut System<P>, packet: &[u8]) -> bool {
    let body = packet
        .strip_prefix(b"$")
        .and_then(|packet| packet.split_last_chunk::<3>())
        .map_or(&[][..], |(body, _)| body);
    system.debugger.attached = true;
    if body.starts_with(b"qSupported") {
        let fits = packet.len() <= GREETING;
        system.debugger.greeting_bytes = if fits { packet.len() } else { 0 };
        if fits {
            system.debugger.greeting[..packet.len()].copy_from_slice(packet);
        }
        system.debugger.selected = threads::current(system).get();
        return false;
    }
    if let Some(thread) = body.strip_prefix(b"Hg") {
        let number = thread.rsplit(|byte| *byte == b'.').next().unwrap_or(thread);
        if let Some(tid @ 1..) = hexadecimal(number) {
            system.debugger.selected = tid;
        }
        return false;
    }
    if body.starts_with(b"qXfer:libraries:read::0,") {
        system.libraries_are_read();
        return false;
    }
    if let Some(command) = body.strip_prefix(b"qRcmd,") {
        run_monitor(system, command);
        return true;
    }
    let answer: &[u8] = match body {
        b"qqemu.Supported" => b"PhyMemMode",
        b"qqemu.PhyMemMode" if system.debugger.physical => b"1",
        b"qqemu.PhyMemMode" => b"0",
        b"Qqemu.PhyMemMode:0" | b"Qqemu.PhyMemMode:1" => {
            system.debugger.physical = body.ends_with(b"1");
            b"OK"
        }
        _ => return false,
    };
    system.console.gdb().answer(answer);
    true
}

/// Answers a `monitor` command, line by line: no answer is too long for the line.
fn run_monitor<P: Platform>(system: &mut System<P>, command: &[u8]) {
    let mut room = [0; COMMAND];
    let (pairs, _) = command.as_chunks::<2>();
    let mut used = 0;
    for (to, pair) in room.iter_mut().zip(pairs) {
        *to = hexadecimal(pair).unwrap_or(0) as u8;
        used += 1;
    }
    let command = core::str::from_utf8(&room[..used]).unwrap_or("?");
    let mut index = Some(0);
    while let Some(at) = index {
        let mut room = [0; LINE];
        let mut text = Text::new(&mut room);
        let mut words = command.split_ascii_whitespace();
        if words.next() == Some("catch") {
            system.catch_command(words, &mut text);
            index = None;
        } else {
            index = monitor::line(system, command, at, &mut text);
        }
        let mut rest = text.written();
        while !rest.is_empty() {
            wait_for_ack(system);
            let said = system.console.gdb().say(rest.iter().copied());
            rest = &rest[said..];
        }
    }
    wait_for_ack(system);
    system.console.gdb().answer(b"OK");
}

/// Waits until gdb has what was sent, within reason.
pub(super) fn wait_for_ack<P: Platform>(system: &mut System<P>) {
    let patience = system.local.schedule.ticks(ACK_MS);
    let begin = system.local.platform.ticks();
    while !system.console.gdb().is_quiet() {
        system.console.listen(false);
        let now = system.local.platform.ticks();
        system.console.tick(&system.local.log, now);
        if now.saturating_sub(begin) > patience {
            system.console.gdb().give_up();
        }
    }
}

/// Moves the line on, and answers the host's agent; what gdb wants.
fn listen<P: Platform>(system: &mut System<P>) -> GdbRequest {
    system.console.listen(false);
    let now = system.local.platform.ticks();
    system.console.tick(&system.local.log, now);
    agent::serve(system);
    system.console.take_gdb_request()
}

/// gdb goes: nothing of it stays behind, and the line is plain again.
fn leave<P: Platform>(system: &mut System<P>) {
    if !system.debugger.attached {
        // The packet attached no gdb: the line is a plain console again.
        return system.console.gdb_detached();
    }
    let begin = system.local.platform.ticks();
    let patience = system.local.schedule.ticks(ACK_MS);
    while !system.console.gdb().rest().is_empty()
        && system.local.platform.ticks().saturating_sub(begin) < patience
    {
        let now = system.local.platform.ticks();
        system.console.tick(&system.local.log, now);
    }
    system.remove_all_breakpoints();
    system.frames.fast.watch(false);
    system.debugger.forget();
    system.choose_path();
    system.console.gdb_detached();
}

fn hexadecimal(digits: &[u8]) -> Option<usize> {
    usize::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}
