//! System calls on servers and messages: `abi::Call` has the contract of each.
//!
//! ```text
//!   sender                        server's queue              receiver
//!   SendScalar ── goes on ──────► words ────────────────────► Receive
//!   SendBlocking ─ Sending ─────► the sender ───────────────► Receive
//!                  AwaitingReturn ◄─────────────────────────── Return
//!   no room: AwaitingRoom, in the order of arrival           no message: Receiving
//! ```
//!
//! Who waits has its call behind it, as in `threads`: its registers hold the message, or get it, and what ends the wait
//! writes the answer. So each message is received once, whatever is stepped, stopped or killed meanwhile.

use abi::Error;
use abi::message::{MessageKind, NAME_BYTES, QUEUE, TRY, WORDS};
use abi::thread::NO_TIMEOUT;
use pagetable::VirtAddr;

use super::call_result::CallResult;
use super::context::{Context, TrapFrame};
use super::lent;
use super::message_number::{next_number, number, sender_slot};
use super::resched;
use super::server::Queued;
use super::server_end::end_server;
use super::slot::Slot;
use super::state::SchedState;
use super::switch;
use super::unfinished::CallKey;
use super::waiters::WaitList;
use crate::mm::Unreached;
use crate::platform::Platform;
use crate::system::System;

/// `ServerCreate(name, bytes)`.
pub(super) fn create<P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
) -> Result<CallResult, Unreached> {
    let mut name = [0; NAME_BYTES];
    let name = read_name(system, at, bytes, &mut name)?;
    let owner = current_pid(system);
    let place = system.tasks.servers.add(owner, name)?;
    // Each looks whether it is the one that it waits for.
    let mut woken = false;
    system.tasks.wake(|state| match state {
        SchedState::Connecting { .. } => {
            woken = true;
            SchedState::Ready
        }
        other => other,
    });
    if woken {
        resched::made_ready(system);
    }
    Ok(CallResult::One(system.tasks.servers.id(place) as usize))
}

/// `ServerDestroy(server)`.
pub(super) fn destroy<P: Platform>(
    system: &mut System<P>,
    server: usize,
) -> Result<CallResult, Error> {
    let place = own_server(system, server)?;
    lent::drop_moved(system, place);
    end_server(system, place);
    lent::server_ends(system, place);
    Ok(CallResult::One(0))
}

/// `Connect(name, bytes, timeout_ms)`.
pub(super) fn connect<P: Platform>(
    system: &mut System<P>,
    key: CallKey,
    [at, bytes, timeout_ms]: [usize; 3],
) -> Result<CallResult, Unreached> {
    let slot = system.local.schedule.current();
    let begun = system.tasks.at_mut(slot).deadline.take();
    let begun = begun.filter(|(begun, _)| *begun == key);
    let until = begun.map_or_else(|| deadline(system, timeout_ms), |(_, until)| until);
    let mut name = [0; NAME_BYTES];
    let name = read_name(system, at, bytes, &mut name);
    if let Err(Unreached::Wait(_)) = name {
        system.tasks.at_mut(slot).deadline = Some((key, until));
    }
    let name = name?;
    if let Some(place) = system.tasks.servers.named(name) {
        let id = system.tasks.servers.id(place);
        let connections = &mut system.tasks.process_mut(slot).connections;
        let connection = connections.add(id).ok_or(Error::LimitExceeded)?;
        return Ok(CallResult::One(connection));
    }
    if timeout_ms == 0 {
        return Err(Error::NotFound.into());
    }
    if until <= system.local.platform.ticks() {
        return Err(Error::TimedOut.into());
    }
    system.tasks.at_mut(slot).deadline = Some((key, until));
    Ok(CallResult::Wait(SchedState::Connecting { until }))
}

/// `Disconnect(connection)`.
pub(super) fn disconnect<P: Platform>(
    system: &mut System<P>,
    connection: usize,
) -> Result<CallResult, Error> {
    let slot = system.local.schedule.current();
    let connections = &mut system.tasks.process_mut(slot).connections;
    match connections.remove(connection) {
        true => Ok(CallResult::One(0)),
        false => Err(Error::NotFound),
    }
}

/// `SendScalar` and `SendBlocking(connection | flags, words)`.
pub(super) fn send<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    kind: MessageKind,
) -> Result<CallResult, Error> {
    let slot = system.local.schedule.current();
    let to = context.argument(0);
    let server = connected(system, slot, to & !TRY)?;
    if !has_room(system, slot, server) {
        if to & TRY != 0 {
            return Err(Error::Busy);
        }
        context.set_return(0);
        return Ok(CallResult::Wait(SchedState::AwaitingRoom { server, kind }));
    }
    if kind == MessageKind::Blocking {
        next_number(system, slot);
    }
    let words = context.words();
    deliver(system, context, server, kind, words)
}

/// The place of the server that the thread's process is connected to.
#[inline]
pub(super) fn connected<P: Platform>(
    system: &mut System<P>,
    slot: Slot,
    connection: usize,
) -> Result<u8, Error> {
    let id = system.tasks.process(slot).connections.server(connection);
    let server = id.and_then(|id| system.tasks.servers.find(id));
    server.ok_or(Error::NotFound)
}

/// Can a message be sent at once? Who has waited for room is before who comes.
pub(super) fn has_room<P: Platform>(system: &mut System<P>, slot: Slot, server: u8) -> bool {
    let has_turn = core::mem::take(&mut system.tasks.at_mut(slot).has_turn);
    let first = has_turn || system.tasks.first_waiter(WaitList::Room(server)).is_none();
    let queue = system.tasks.servers.at(server);
    first && queue.is_some_and(|queue| queue.waiting() < QUEUE)
}

/// Hands a message to who waits for one, or puts it into the queue, where there is room. The sender has its answer, or waits
/// for it.
pub(super) fn deliver<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    server: u8,
    kind: MessageKind,
    words: [usize; WORDS],
) -> Result<CallResult, Error> {
    let slot = system.local.schedule.current();
    let sender = current_pid(system);
    let is_answered = !matches!(kind, MessageKind::Scalar | MessageKind::Move);
    context.set_return(0);
    if let Some(receiver) = system.tasks.first_waiter(WaitList::Message(server)) {
        // No message is before it: who receives waits only while nothing else does.
        let number = match is_answered {
            true => number(system, slot),
            false => 0,
        };
        let from = usize::from(sender) | kind.number() << 16;
        let thread = system.tasks.at_mut(receiver);
        thread.context.set_message(number, words, from);
        system.tasks.set_state(receiver, SchedState::Ready);
        if is_answered {
            return Ok(CallResult::Wait(SchedState::AwaitingReturn { server }));
        }
        resched::made_ready(system);
        return Ok(CallResult::Answered);
    }
    let queue = system.tasks.servers.at(server).ok_or(Error::NotFound)?;
    if is_answered {
        queue.push(Queued::Sender(slot));
        // What the receiver is to get stands in its registers, and is past when it gets its answer.
        context.set_words(words);
        return Ok(CallResult::Wait(SchedState::Sending { server, kind }));
    }
    queue.push(Queued::Words {
        sender,
        kind,
        words,
    });
    Ok(CallResult::Answered)
}

/// `SendBlocking` to a thread that waits for it: that one has the hart at once. Else false, and nothing has changed.
#[inline(never)]
pub(super) fn send_and_hand_over<P: Platform>(
    system: &mut System<P>,
    context: &mut &'static mut TrapFrame,
) -> bool {
    let slot = system.local.schedule.current();
    let process = system.tasks.process(slot);
    let (id, sender) = (
        process.connections.server(context.argument(0) & !TRY),
        process.pid,
    );
    let server = id.and_then(|id| system.tasks.servers.find(id));
    let receiver = server.and_then(|at| system.tasks.first_waiter(WaitList::Message(at)));
    let (Some(server), Some(receiver)) = (server, receiver) else {
        return false;
    };
    if !switch::may_hand_over(system, receiver) {
        return false;
    }
    let number = next_number(system, slot);
    let words = context.words();
    context.set_return(0);
    let state = SchedState::AwaitingReturn { server };
    switch::hand_over(system, context, state, receiver);
    let from = usize::from(sender) | MessageKind::Blocking.number() << 16;
    context.set_message(number, words, from);
    true
}

/// `ReturnAndReceive` without a message that waits, and without a deadline: the sender has the hart at once. Else false,
/// and nothing has changed.
#[inline(never)]
pub(super) fn return_and_hand_over<P: Platform>(
    system: &mut System<P>,
    context: &mut &'static mut TrapFrame,
) -> bool {
    let Ok((sender, server)) = sender_of(system, context.argument(0)) else {
        return false;
    };
    let is_empty = system
        .tasks
        .servers
        .at(server)
        .is_some_and(|it| it.waiting() == 0)
        && system.tasks.first_waiter(WaitList::Room(server)).is_none();
    let lends = system.tasks.lends.all();
    if context.argument(6) != NO_TIMEOUT
        || !is_empty
        || !lends.is_empty()
        || !switch::may_hand_over(system, sender)
    {
        return false;
    }
    let words = context.words();
    context.set_return(0);
    let until = u64::MAX;
    let state = SchedState::Receiving { server, until };
    switch::hand_over(system, context, state, sender);
    context.set_words(words);
    true
}

/// `Receive(server, timeout_ms)`.
pub(super) fn receive<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
    server: usize,
    timeout_ms: usize,
) -> Result<CallResult, Error> {
    let place = own_server(system, server)?;
    lent::drop_orphan(system);
    if take_message(system, context, place) {
        context.pc = context.pc.wrapping_add(4);
        return Ok(CallResult::Answered);
    }
    if timeout_ms == 0 {
        return Err(Error::TimedOut);
    }
    context.set_return(0);
    Ok(wait_for_message(system, place, timeout_ms))
}

/// `Return(message, words)`.
pub(super) fn return_message<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
) -> Result<CallResult, Error> {
    let number = context.argument(0);
    let has_returned = lent::return_pages(system, number)?;
    match sender_of(system, number) {
        Ok((sender, _)) => {
            answer(system, sender, context.words());
            resched::made_ready(system);
        }
        // The pages were freed.
        Err(_) if has_returned => {}
        Err(error) => return Err(error),
    }
    Ok(CallResult::One(0))
}

/// `ReturnAndReceive(message, words, timeout_ms)`.
pub(super) fn return_and_receive<P: Platform>(
    system: &mut System<P>,
    context: &mut Context,
) -> Result<CallResult, Error> {
    let number = context.argument(0);
    lent::return_pages(system, number)?;
    let (sender, server) = sender_of(system, number)?;
    answer(system, sender, context.words());
    let timeout_ms = context.argument(6);
    context.set_return(0);
    if take_message(system, context, server) {
        resched::made_ready(system);
        return Ok(CallResult::Answered);
    }
    if timeout_ms == 0 {
        resched::made_ready(system);
        context.answer(Error::TimedOut.to_a0(), None);
        return Ok(CallResult::Answered);
    }
    Ok(wait_for_message(system, server, timeout_ms))
}

/// Puts the message that has waited longest into the registers, except `pc`; whether there was one.
fn take_message<P: Platform>(system: &mut System<P>, context: &mut Context, place: u8) -> bool {
    let pop = |system: &mut System<P>| system.tasks.servers.at(place)?.pop();
    let mut message = pop(system);
    if message.is_none() {
        // Senders that ended may have left room that others wait for.
        fill_queue(system, place);
        message = pop(system);
    }
    match message {
        None => return false,
        Some(Queued::Words {
            sender,
            kind,
            words,
        }) => {
            context.set_message(0, words, usize::from(sender) | kind.number() << 16);
        }
        Some(Queued::Sender(sender)) => {
            let (thread, process) = system.tasks.parts(sender);
            let kind = match thread.state() {
                SchedState::Sending { kind, .. } => kind,
                _ => MessageKind::Blocking,
            };
            let number = number(system, sender);
            let from = usize::from(process.pid) | kind.number() << 16;
            context.set_message(number, thread.context.words(), from);
            system.tasks.lends.set_received(number);
            let received = SchedState::AwaitingReturn { server: place };
            system.tasks.set_state(sender, received);
        }
    }
    fill_queue(system, place);
    true
}

/// Messages that have waited longest for room in the queue take what there is.
fn fill_queue<P: Platform>(system: &mut System<P>, place: u8) {
    while let Some(slot) = system.tasks.first_waiter(WaitList::Room(place)) {
        let SchedState::AwaitingRoom { kind, .. } = system.tasks.at(slot).state() else {
            return;
        };
        let (thread, process) = system.tasks.parts(slot);
        let (sender, words) = (process.pid, thread.context.words());
        let queue = system.tasks.servers.at(place);
        let Some(queue) = queue.filter(|queue| queue.waiting() < QUEUE) else {
            return;
        };
        let state = match kind {
            MessageKind::Scalar => {
                queue.push(Queued::Words {
                    sender,
                    kind,
                    words,
                });
                SchedState::Ready
            }
            MessageKind::Blocking => {
                queue.push(Queued::Sender(slot));
                next_number(system, slot);
                SchedState::Sending {
                    server: place,
                    kind,
                }
            }
            // Its pages are not here yet: it makes its call again, and is the next one.
            _ => {
                system.tasks.at_mut(slot).has_turn = true;
                SchedState::Ready
            }
        };
        system.tasks.set_state(slot, state);
        if state == SchedState::Ready {
            resched::made_ready(system);
        }
    }
}

/// No message is there for the running thread.
fn wait_for_message<P: Platform>(
    system: &mut System<P>,
    server: u8,
    timeout_ms: usize,
) -> CallResult {
    let until = deadline(system, timeout_ms);
    CallResult::Wait(SchedState::Receiving { server, until })
}

/// The tick that ends a wait of so many milliseconds from now on.
pub(super) fn deadline<P: Platform>(system: &System<P>, timeout_ms: usize) -> u64 {
    if timeout_ms == NO_TIMEOUT {
        return u64::MAX;
    }
    let now = system.local.platform.ticks();
    now.saturating_add(system.local.schedule.ticks(timeout_ms as u64))
}

/// The place of a server of the running process.
fn own_server<P: Platform>(system: &mut System<P>, server: usize) -> Result<u8, Error> {
    let own = current_pid(system);
    let servers = &mut system.tasks.servers;
    let id = u32::try_from(server).map_err(|_| Error::NotFound)?;
    let place = servers.find(id).ok_or(Error::NotFound)?;
    let owner = servers.at(place).map(|server| server.owner());
    match owner == Some(own) {
        true => Ok(place),
        false => Err(Error::AccessDenied),
    }
}

fn current_pid<P: Platform>(system: &System<P>) -> u16 {
    system.tasks.process(system.local.schedule.current()).pid
}

/// The name that a call passes.
fn read_name<'a, P: Platform>(
    system: &mut System<P>,
    at: usize,
    bytes: usize,
    into: &'a mut [u8; NAME_BYTES],
) -> Result<&'a [u8], Unreached> {
    if bytes == 0 {
        return Err(Error::BadArgument.into());
    }
    let into = into.get_mut(..bytes).ok_or(Error::LimitExceeded)?;
    let slot = system.local.schedule.current();
    let at = VirtAddr::new(at as u64);
    system.memory_of(slot).read(at, into)?;
    Ok(into)
}

/// The thread that waits with that message to be returned by the running process, and the place of its server.
fn sender_of<P: Platform>(system: &mut System<P>, number: usize) -> Result<(Slot, u8), Error> {
    let own = current_pid(system);
    let slot = sender_slot(system, number).ok_or(Error::NotFound)?;
    let SchedState::AwaitingReturn { server } = system.tasks.at(slot).state() else {
        return Err(Error::NotFound);
    };
    let owner = system.tasks.servers.at(server).map(|it| it.owner());
    match owner == Some(own) {
        true => Ok((slot, server)),
        false => Err(Error::NotFound),
    }
}

/// A sender goes on with these words.
fn answer<P: Platform>(system: &mut System<P>, sender: Slot, words: [usize; WORDS]) {
    system.tasks.at_mut(sender).context.set_words(words);
    system.tasks.set_state(sender, SchedState::Ready);
}
