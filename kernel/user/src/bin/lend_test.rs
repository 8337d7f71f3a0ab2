//! `lend_test [PART]`: messages with pages, between processes and in one. Without a part: all of them.
//!
//! `lend_test serve NAME` is a server in a process of its own: it adds up the bytes of what it is lent, and adds one to each
//! that it may write. The first word of a message says what else it does. `lend_test touch` writes to a page that is lent.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicUsize, Ordering};

use abi::message::{LENDS, MessageKind, PAGES, TRY, WAIT};
use abi::thread::NO_TIMEOUT;
use abi::{Advice, Error, map, prot};
use user::check::{Part, Tally, is, run_parts};
use user::message::{Message, Server, ServerConnection};
use user::{Arguments, call, println, read_at, thread, write_at};

user::main!(run);

const PAGE: usize = 4096;
const PATIENCE: usize = 20_000;

/// What a server does with a message besides reading it: ends, ends without an answer, keeps it until the next one,
/// or lends it on to the server `next`.
const QUIT: usize = 1;
const KEEP: usize = 2;
const LEND_ON: usize = 3;
const SUM: usize = 0;

const PARTS: [(&str, Part); 8] = [
    ("move", moves),
    ("borrow", borrows),
    ("many", many),
    ("refused", refused),
    ("lent", lent),
    ("wait", waits),
    ("chain", chain),
    ("ends", ends),
];

fn run(arguments: Arguments) -> u8 {
    match (arguments.word(1), arguments.word(2)) {
        (Some("serve"), Some(name)) => return u8::from(serve(name).is_err()),
        (Some("touch"), _) => return u8::from(touch().is_err()),
        _ => {}
    }
    run_parts("lend_test", &PARTS, arguments.word(1))
}

fn sum(memory: &[u8]) -> usize {
    memory.iter().map(|byte| usize::from(*byte)).sum()
}

/// Reads what it is lent, and writes to it where it may.
fn work(message: &mut Message) -> usize {
    let sum = sum(message.memory());
    if let Some(memory) = message.memory_mut() {
        for byte in memory {
            *byte = byte.wrapping_add(1);
        }
    }
    sum
}

fn serve(name: &str) -> Result<(), Error> {
    let server = Server::create(name)?;
    let mut kept: Option<Message> = None;
    loop {
        let mut message = server.receive(NO_TIMEOUT)?;
        let does = message.words[2];
        if message.kind == MessageKind::Move.number() {
            let (at, bytes) = message.pages();
            let sum = work(&mut message);
            // Its own: it goes on to where its sender waits for it, or away.
            match does {
                LEND_ON => {
                    let next = ServerConnection::to("next", PATIENCE)?;
                    next.send_memory(MessageKind::Move, 0, (at, bytes), [SUM, sum])?;
                    next.close()?;
                }
                _ => call::unmap_at(at, bytes)?,
            }
            continue;
        }
        let sum = match does {
            QUIT => return Ok(()),
            KEEP => {
                kept = Some(message);
                continue;
            }
            LEND_ON => {
                let next = ServerConnection::to("next", PATIENCE)?;
                let kind = match message.kind == MessageKind::Borrow.number() {
                    true => MessageKind::Borrow,
                    false => MessageKind::MutableBorrow,
                };
                let answer = next.send_memory(kind, 0, message.pages(), [message.words[3], 0])?;
                next.close()?;
                answer[0]
            }
            _ => work(&mut message),
        };
        message.answer([sum, message.sender, 0, 0, 0])?;
        if let Some(kept) = kept.take() {
            kept.answer([0; 5])?;
        }
    }
}

/// A server in a process of its own, and a connection to it.
fn serve_elsewhere(name: &str) -> Result<(usize, ServerConnection), Error> {
    let line = match name {
        "next" => "lend_test serve next",
        _ => "lend_test serve pages",
    };
    let child = call::spawn(line)?;
    ServerConnection::to(name, PATIENCE).map(|to| (child, to))
}

fn end(child: usize, to: ServerConnection) -> Result<(), Error> {
    let ended = to.ask([0, 0, QUIT, 0, 0]);
    call::kill(child).ok();
    call::wait(child)?;
    to.close()?;
    match ended {
        Err(Error::NotFound) => Ok(()),
        _ => Err(Error::Unknown),
    }
}

fn moves(tally: &mut Tally) -> Result<(), Error> {
    let server = Server::create("next")?;
    let (child, to) = serve_elsewhere("pages")?;
    for pages in [1, 2, PAGES] {
        let memory = call::map(pages * PAGE)?;
        memory.fill(3);
        let at = memory.as_ptr() as usize;
        to.give(memory, [LEND_ON, 0])?;
        tally.add(is(
            "it is gone",
            call::unmap_at(at, PAGE),
            Err(Error::NotFound),
        ));
        let mut message = server.receive(PATIENCE)?;
        tally.add(is(
            "what the other read",
            message.words[3],
            3 * pages * PAGE,
        ));
        tally.add(is("what it wrote", sum(message.memory()), 4 * pages * PAGE));
        tally.add(is("may be written", message.memory_mut().is_some(), true));
        let (at, bytes) = message.pages();
        tally.add(is("its length", bytes, pages * PAGE));
        call::unmap_at(at, bytes)?;
    }
    // Part of a mapping: the rest stays.
    let memory = call::map(3 * PAGE)?;
    memory.fill(1);
    let at = memory.as_ptr() as usize;
    to.send_memory(MessageKind::Move, 0, (at + PAGE, PAGE), [SUM, 0])?;
    let rest = (read_at(at), read_at(at + 2 * PAGE));
    tally.add(is("the rest", rest, (0x0101_0101, 0x0101_0101)));
    call::unmap_at(at, PAGE)?;
    call::unmap_at(at + 2 * PAGE, PAGE)?;
    end(child, to)?;
    server.destroy()
}

fn borrows(tally: &mut Tally) -> Result<(), Error> {
    let (child, to) = serve_elsewhere("pages")?;
    let memory = call::map(4 * PAGE)?;
    // Pages that are not there yet are brought in.
    let answer = to.lend(&memory[..2 * PAGE], [SUM, 0])?;
    tally.add(is("zeros", answer[0], 0));
    memory.fill(2);
    for _ in 0..20 {
        let answer = to.lend(memory, [SUM, 0])?;
        tally.add(is(
            "read",
            answer[..2] == [2 * 4 * PAGE, call::pid()?],
            true,
        ));
    }
    tally.add(is(
        "not written",
        memory.iter().all(|byte| *byte == 2),
        true,
    ));
    for n in 2..22 {
        let answer = to.lend_mut(memory, [SUM, 0])?;
        tally.add(is("read before", answer[0], n * 4 * PAGE));
    }
    tally.add(is("written", memory.iter().all(|byte| *byte == 22), true));
    // The heap and the stack too.
    let heap = call::grow(2 * PAGE)?;
    let start = heap.as_ptr().align_offset(PAGE);
    let answer = to.lend_mut(&mut heap[start..start + PAGE], [SUM, 0])?;
    tally.add(is("the heap", (answer[0], heap[start]), (0, 1)));
    #[repr(align(4096))]
    struct Aligned([u8; PAGE]);
    let mut stack = Aligned([7; PAGE]);
    let answer = to.lend_mut(&mut stack.0, [SUM, 0])?;
    tally.add(is("the stack", (answer[0], stack.0[9]), (7 * PAGE, 8)));
    call::unmap(memory)?;
    end(child, to)
}

/// As many pages as a message can have, and one more.
fn many(tally: &mut Tally) -> Result<(), Error> {
    let (child, to) = serve_elsewhere("pages")?;
    let memory = call::map((PAGES + 1) * PAGE)?;
    memory.fill(1);
    let answer = to.lend_mut(&mut memory[..PAGES * PAGE], [SUM, 0])?;
    tally.add(is("all", answer[0], PAGES * PAGE));
    let more = to.lend(memory, [SUM, 0]);
    tally.add(is("one more", more, Err(Error::LimitExceeded)));
    call::unmap(memory)?;
    end(child, to)
}

/// What cannot be sent, each with its answer; nothing has changed then.
fn refused(tally: &mut Tally) -> Result<(), Error> {
    let (child, to) = serve_elsewhere("pages")?;
    let memory = call::map(2 * PAGE)?;
    memory.fill(5);
    let at = memory.as_ptr() as usize;
    let constant = call::map_as(PAGE, prot::READ, 0, 0, 0)?;
    let reserved = call::map_as(PAGE, 0, map::RESERVE, 0, 0)?;
    let wired = call::map_as(PAGE, 0, map::WIRED, 0, 0)?;
    let hidden = call::map_as(PAGE, 0, 0, 0, 0)?;
    call::protect(hidden, PAGE, 0)?;
    let shared = call::share_attach(call::share_create(PAGE)?, 0, 0)?;
    let text = run as *const () as usize & !(PAGE - 1);
    let heap = call::grow(2 * PAGE)?;
    let heap = (heap.as_ptr() as usize).next_multiple_of(PAGE);
    let (borrow, write, give) = (
        MessageKind::Borrow,
        MessageKind::MutableBorrow,
        MessageKind::Move,
    );
    let cases = [
        (borrow, at + 1, PAGE, Error::BadAlignment),
        (borrow, at, PAGE - 1, Error::BadAlignment),
        (borrow, at, 0, Error::BadArgument),
        (MessageKind::Scalar, at, PAGE, Error::BadArgument),
        (MessageKind::Blocking, at, PAGE, Error::BadArgument),
        (borrow, at, (PAGES + 1) * PAGE, Error::LimitExceeded),
        (borrow, at, 3 * PAGE, Error::BadAddress),
        (borrow, at - PAGE, PAGE, Error::NotFound),
        (borrow, 0, PAGE, Error::NotFound),
        (write, constant, PAGE, Error::AccessDenied),
        (give, constant, PAGE, Error::AccessDenied),
        (borrow, reserved, PAGE, Error::AccessDenied),
        (borrow, wired, PAGE, Error::AccessDenied),
        (give, wired, PAGE, Error::AccessDenied),
        (borrow, hidden, PAGE, Error::AccessDenied),
        (borrow, shared, PAGE, Error::AccessDenied),
        (borrow, text, PAGE, Error::AccessDenied),
        (give, heap, PAGE, Error::AccessDenied),
    ];
    for (n, (kind, at, bytes, error)) in cases.into_iter().enumerate() {
        let sent = to.send_memory(kind, TRY, (at, bytes), [SUM, 0]);
        if !is("an answer", sent, Err(error)) {
            println!("  of case {n}");
            tally.add(false);
        } else {
            tally.add(true);
        }
    }
    let sent = to.send_memory(borrow, 0, (constant, PAGE), [SUM, 0]);
    tally.add(is("to be read", sent.map(|words| words[0]), Ok(0)));
    tally.add(is("as it was", sum(memory), 5 * 2 * PAGE));
    for at in [constant, reserved, wired, hidden] {
        call::unmap_at(at, PAGE)?;
    }
    call::share_detach(shared)?;
    call::unmap(memory)?;
    end(child, to)
}

static AT: AtomicUsize = AtomicUsize::new(0);
static TOUCHED: AtomicUsize = AtomicUsize::new(0);

/// Lends the page at `AT`, which the server keeps; what it was answered, and that an error is.
extern "C" fn lend_and_keep(flags: usize) -> usize {
    let at = AT.load(Ordering::Relaxed);
    let Ok(to) = ServerConnection::to("pages", 0) else {
        return 99;
    };
    let kind = MessageKind::MutableBorrow;
    let sent = to.send_memory(kind, flags, (at, PAGE), [KEEP, 0]);
    let _ = to.close();
    sent.map_or(98, |words| words[0])
}

/// While pages are lent nothing can be done to them.
fn lent(tally: &mut Tally) -> Result<(), Error> {
    let (child, to) = serve_elsewhere("pages")?;
    let memory = call::map(3 * PAGE)?;
    memory.fill(1);
    let at = memory.as_ptr() as usize + PAGE;
    AT.store(at, Ordering::Relaxed);
    let lender = thread::spawn(lend_and_keep, 0)?;
    // Until it is lent.
    while call::translate(at).is_ok() {
        call::yield_now();
    }
    let violation = Err(Error::ShareViolation);
    let twice = to.send_memory(MessageKind::Borrow, 0, (at, PAGE), [SUM, 0]);
    tally.add(is("lent twice", twice.map(drop), violation));
    let moved = to.send_memory(MessageKind::Move, 0, (at - PAGE, 3 * PAGE), [SUM, 0]);
    tally.add(is("moved", moved.map(drop), violation));
    tally.add(is("unmapped", call::unmap_at(at, PAGE), violation));
    let all = call::unmap_at(at - PAGE, 3 * PAGE);
    tally.add(is("unmapped with others", all, violation));
    let protect = call::protect(at, PAGE, prot::READ);
    tally.add(is("protected", protect, violation));
    let forget = call::advise(at, PAGE, Advice::DontNeed);
    tally.add(is("not needed", forget, violation));
    let written = user::raw_call(1, [at, 1, 0, 0, 0]);
    tally.add(is(
        "written from",
        Error::result(written).map(drop),
        violation,
    ));
    tally.add(is("beside it", read_at(at - 4), 0x0101_0101));
    // The next message makes the server return what it kept.
    to.ask([0; 5])?;
    tally.add(is("the lender", lender.join()?, 0));
    tally.add(is("it is back", read_at(at), 0x0101_0101));
    call::unmap_at(at - PAGE, 3 * PAGE)?;
    end(child, to)
}

/// In a process of its own: lends, and writes to what it has lent.
fn touch() -> Result<(), Error> {
    let at = call::map(PAGE)?.as_ptr() as usize;
    AT.store(at, Ordering::Relaxed);
    write_at(at, 1);
    thread::spawn(lend_and_keep, 0)?;
    while call::translate(at).is_ok() {
        call::yield_now();
    }
    write_at(at, 2);
    Ok(())
}

extern "C" fn write_to_lent(_: usize) -> usize {
    let at = AT.load(Ordering::Relaxed);
    TOUCHED.store(1, Ordering::Relaxed);
    write_at(at, 9);
    TOUCHED.store(2, Ordering::Relaxed);
    0
}

/// A lend that others wait for.
fn waits(tally: &mut Tally) -> Result<(), Error> {
    let (child, to) = serve_elsewhere("pages")?;
    let memory = call::map(PAGE)?;
    let at = memory.as_ptr() as usize;
    AT.store(at, Ordering::Relaxed);
    write_at(at, 1);
    let lender = thread::spawn(lend_and_keep, WAIT)?;
    while call::translate(at).is_ok() {
        call::yield_now();
    }
    let writer = thread::spawn(write_to_lent, 0)?;
    for _ in 0..20 {
        call::yield_now();
    }
    tally.add(is("it waits", TOUCHED.load(Ordering::Relaxed), 1));
    to.ask([0; 5])?;
    writer.join()?;
    lender.join()?;
    tally.add(is("it has written", read_at(at), 9));
    call::unmap(memory)?;
    end(child, to)
}

/// From here to a server, on to the next, and back the same way; and to oneself.
fn chain(tally: &mut Tally) -> Result<(), Error> {
    let (last, direct) = serve_elsewhere("next")?;
    let (child, to) = serve_elsewhere("pages")?;
    let memory = call::map(2 * PAGE)?;
    memory.fill(4);
    for n in 0..10 {
        let answer = to.lend_mut(memory, [LEND_ON, SUM])?;
        tally.add(is("read", answer[0], (4 + n) * 2 * PAGE));
    }
    tally.add(is("written", sum(memory), 14 * 2 * PAGE));
    let answer = to.lend(memory, [LEND_ON, SUM])?;
    tally.add(is("read", answer[0], 14 * 2 * PAGE));
    // To oneself.
    let server = Server::create("self")?;
    AT.store(memory.as_ptr() as usize, Ordering::Relaxed);
    let lender = thread::spawn(lend_to_self, 0)?;
    let mut message = server.receive(PATIENCE)?;
    let (at, bytes) = message.pages();
    tally.add(is("to oneself", (at != 0, bytes), (true, PAGE)));
    let read = work(&mut message);
    tally.add(is("read by oneself", read, 14 * PAGE));
    message.answer([0; 5])?;
    lender.join()?;
    tally.add(is("written by oneself", sum(memory), 29 * PAGE));
    server.destroy()?;
    call::unmap(memory)?;
    end(child, to)?;
    end(last, direct)
}

extern "C" fn lend_to_self(_: usize) -> usize {
    let at = AT.load(Ordering::Relaxed);
    let Ok(to) = ServerConnection::to("self", 0) else {
        return 1;
    };
    let sent = to.send_memory(MessageKind::MutableBorrow, 0, (at, PAGE), [SUM, 0]);
    let _ = to.close();
    usize::from(sent.is_err())
}

/// Either side ends while pages are lent.
fn ends(tally: &mut Tally) -> Result<(), Error> {
    let memory = call::map(3 * PAGE)?;
    memory.fill(6);
    // The borrower, without an answer.
    for lend_on in [false, true] {
        let (child, to) = serve_elsewhere("pages")?;
        let next = match lend_on {
            true => Some(serve_elsewhere("next")?),
            false => None,
        };
        let words = if lend_on { [LEND_ON, QUIT] } else { [QUIT, 0] };
        let answer = to.lend_mut(memory, words);
        tally.add(is("who ended", answer.map(drop), Err(Error::NotFound)));
        tally.add(is("they are back", sum(memory), 6 * 3 * PAGE));
        call::kill(child).ok();
        call::wait(child)?;
        to.close()?;
        if let Some((last, to)) = next {
            call::wait(last)?;
            to.close()?;
        }
    }
    // The lender: its page is freed when the server returns it.
    let (child, to) = serve_elsewhere("pages")?;
    let status = user::check::status_of("lend_test touch");
    tally.add(is("a touch kills", status, 128 + 15));
    tally.add(is("the server goes on", to.ask([0; 5]).map(drop), Ok(())));
    end(child, to)?;
    tally.add(is("lends at once", LENDS >= 16, true));
    call::unmap(memory)
}
