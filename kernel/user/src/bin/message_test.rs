//! `message_test [PART]`: servers and messages, in one process and between several. Without a part: all of them.
//!
//! `message_test serve NAME` is a server in a process of its own: it adds up the words that it is asked with. A first word
//! of [`END`] ends it before it has answered.
#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicUsize, Ordering};

use abi::Error;
use abi::message::{CONNECTIONS, MessageKind, NAME_BYTES, QUEUE, SERVERS};
use abi::thread::NO_TIMEOUT;
use user::check::{Part, Tally, is, run_parts};
use user::message::{Server, ServerConnection};
use user::{Arguments, call, thread};

user::main!(run);

/// The first word of a message that ends the server which receives it.
const END: usize = 0xdead;
/// Sends without an answer, which the server counts.
const COUNT: usize = 0xc0;
/// Asks for that count.
const COUNTED: usize = 0xc1;
/// Milliseconds after which something is wrong.
const PATIENCE: usize = 20_000;

const PARTS: [(&str, Part); 8] = [
    ("words", words),
    ("order", order),
    ("full", full),
    ("time", time),
    ("names", names),
    ("handles", handles),
    ("ends", ends),
    ("many", many),
];

fn run(arguments: Arguments) -> u8 {
    match (arguments.word(1), arguments.word(2)) {
        (Some("serve"), Some(name)) => return u8::from(serve(name).is_err()),
        (Some("ask"), Some(name)) => return u8::from(ask_for_ever(name).is_err()),
        _ => {}
    }
    run_parts("message_test", &PARTS, arguments.word(1))
}

/// Answers with sums until it is asked to end.
fn serve(name: &str) -> Result<(), Error> {
    let server = Server::create(name)?;
    let mut count = 0;
    let mut message = server.receive(NO_TIMEOUT)?;
    loop {
        let [first, ..] = message.words;
        message = match first {
            END => return Ok(()),
            COUNT => {
                count += 1;
                server.receive(NO_TIMEOUT)?
            }
            COUNTED => message.answer_and_receive([count, 0, 0, 0, 0], NO_TIMEOUT)?,
            _ => {
                let sum = message
                    .words
                    .iter()
                    .fold(0, |sum: usize, word| sum.wrapping_add(*word));
                message.answer_and_receive([sum, message.sender, 3, 4, 5], NO_TIMEOUT)?
            }
        };
    }
}

/// Asks until the server ends.
fn ask_for_ever(name: &str) -> Result<(), Error> {
    let to = ServerConnection::to(name, PATIENCE)?;
    if name == "other" {
        to.send([COUNT, 0, 0, 0, 0])?;
    }
    loop {
        match to.ask([1, 2, 3, 4, 5]) {
            Ok([15, ..]) => {}
            Err(Error::NotFound) => return Ok(()),
            _ => return Err(Error::Unknown),
        }
    }
}

/// A server in a process of its own, and a connection to it.
fn serve_elsewhere(name: &'static str) -> Result<(usize, ServerConnection), Error> {
    let line = match name {
        "sums" => "message_test serve sums",
        _ => "message_test serve other",
    };
    let child = call::spawn(line)?;
    ServerConnection::to(name, PATIENCE).map(|to| (child, to))
}

fn end(child: usize, to: ServerConnection) -> Result<(), Error> {
    to.send([END, 0, 0, 0, 0])?;
    call::wait(child)?;
    to.close()
}

/// Another process answers with five words, again and again.
fn words(tally: &mut Tally) -> Result<(), Error> {
    let own = call::pid()?;
    let (child, to) = serve_elsewhere("sums")?;
    for n in 0..100 {
        let answer = to.ask([n, 1 << 31, usize::MAX, 7, 9])?;
        let sum = n.wrapping_add(1 << 31).wrapping_add(15);
        tally.add(is("an answer", answer, [sum, own, 3, 4, 5]));
    }
    for _ in 0..200 {
        to.send([COUNT, 0, 0, 0, 0])?;
    }
    let [counted, ..] = to.ask([COUNTED, 0, 0, 0, 0])?;
    tally.add(is("messages that came", counted, 200));
    end(child, to)
}

/// What was sent first is received first, answered or not.
fn order(tally: &mut Tally) -> Result<(), Error> {
    let server = Server::create("order")?;
    let to = ServerConnection::to("order", 0)?;
    for n in 0..QUEUE {
        to.send([n, 0, 0, 0, 0])?;
        if n == 3 {
            let message = server.receive(0)?;
            tally.add(is("the first", (message.words[0], message.number), (0, 0)));
            tally.add(is("its kind", message.kind, MessageKind::Scalar.number()));
        }
    }
    for n in 1..QUEUE {
        tally.add(is("the next", server.receive(0)?.words[0], n));
    }
    tally.add(is(
        "nothing is left",
        server.receive(0),
        Err(Error::TimedOut),
    ));
    to.close()?;
    server.destroy()
}

static FULL: AtomicUsize = AtomicUsize::new(0);

/// Sends its argument to the server `full`; one that is asked is sent with an answer.
extern "C" fn send_one(argument: usize) -> usize {
    let Ok(to) = ServerConnection::to("full", 0) else {
        return 0;
    };
    let sent = match argument % 2 {
        0 => to.send([argument, 0, 0, 0, 0]).map(|()| argument),
        _ => to.ask([argument, 0, 0, 0, 0]).map(|[answer, ..]| answer),
    };
    FULL.fetch_add(1, Ordering::Relaxed);
    let _ = to.close();
    sent.unwrap_or(0)
}

/// A full queue is an answer, or a wait in the order of arrival.
fn full(tally: &mut Tally) -> Result<(), Error> {
    let server = Server::create("full")?;
    let to = ServerConnection::to("full", 0)?;
    for n in 0..QUEUE {
        to.try_send([n, 0, 0, 0, 0])?;
    }
    let one_more = [QUEUE, 0, 0, 0, 0];
    tally.add(is("one more", to.try_send(one_more), Err(Error::Busy)));
    tally.add(is("asked", to.try_ask(one_more), Err(Error::Busy)));
    const WAITING: usize = 6;
    let start = |n| thread::spawn(send_one, QUEUE + n);
    let mut threads = [const { None }; WAITING];
    for (n, thread) in threads.iter_mut().enumerate() {
        *thread = Some(start(n)?);
        // It has its turn, and waits then.
        call::yield_now();
    }
    for n in 0..QUEUE + WAITING {
        let message = server.receive(PATIENCE)?;
        tally.add(is("in the order of arrival", message.words[0], n));
        if message.is_answered() {
            message.answer([n, 0, 0, 0, 0])?;
        }
    }
    for (n, thread) in threads.into_iter().flatten().enumerate() {
        tally.add(is("what it was answered", thread.join()?, QUEUE + n));
    }
    tally.add(is("all have sent", FULL.load(Ordering::Relaxed), WAITING));
    to.close()?;
    server.destroy()
}

/// A wait has an end, and a poll has none.
fn time(tally: &mut Tally) -> Result<(), Error> {
    let server = Server::create("time")?;
    tally.add(is("a poll", server.receive(0), Err(Error::TimedOut)));
    tally.add(is("a wait", server.receive(20), Err(Error::TimedOut)));
    let late = ServerConnection::to("none", 20);
    tally.add(is("no server", late.err(), Some(Error::TimedOut)));
    let to = ServerConnection::to("time", 0)?;
    to.send([1, 2, 3, 4, 5])?;
    tally.add(is("words", server.receive(20)?.words, [1, 2, 3, 4, 5]));
    tally.add(is("another", server.receive(1), Err(Error::TimedOut)));
    to.close()?;
    server.destroy()
}

fn names(tally: &mut Tally) -> Result<(), Error> {
    let long = "sixteen letters!";
    tally.add(is("its length", long.len(), NAME_BYTES));
    let server = Server::create(long)?;
    let again = Server::create(long).err();
    tally.add(is("twice", again, Some(Error::InUse)));
    let longer = Server::create("seventeen letters").err();
    tally.add(is("longer", longer, Some(Error::LimitExceeded)));
    let none = Server::create("").err();
    tally.add(is("none", none, Some(Error::BadArgument)));
    let none_yet = ServerConnection::to("none", 0).err();
    tally.add(is("none", none_yet, Some(Error::NotFound)));
    server.destroy()?;
    let gone = ServerConnection::to(long, 0).err();
    tally.add(is("gone", gone, Some(Error::NotFound)));
    Ok(())
}

/// Numbers of others and numbers that are past are good for nothing.
fn handles(tally: &mut Tally) -> Result<(), Error> {
    let first = Server::create("first")?;
    let to = ServerConnection::to("first", 0)?;
    for n in 1..CONNECTIONS {
        let one = ServerConnection::to("first", 0);
        tally.add(is("one more", one.is_ok(), n < CONNECTIONS));
    }
    let last = ServerConnection::to("first", 0).err();
    tally.add(is("too many", last, Some(Error::LimitExceeded)));
    first.destroy()?;
    let again = Server::create("first")?;
    let past = to.send([0; 5]);
    tally.add(is("to one that ended", past, Err(Error::NotFound)));
    let past = first.receive(0).err();
    tally.add(is("from one that ended", past, Some(Error::NotFound)));
    to.close()?;
    tally.add(is("closed", to.send([0; 5]), Err(Error::NotFound)));
    tally.add(is("closed twice", to.close(), Err(Error::NotFound)));
    again.destroy()?;
    let mut made = 0;
    let mut servers = [const { None }; SERVERS];
    for (n, place) in servers.iter_mut().enumerate() {
        let name = [b'A' + n as u8];
        *place = core::str::from_utf8(&name).ok().map(Server::create);
        made += usize::from(matches!(place, Some(Ok(_))));
    }
    tally.add(is("servers", made, SERVERS));
    let more = Server::create("one more").err();
    tally.add(is("one more", more, Some(Error::LimitExceeded)));
    for server in servers.into_iter().flatten().flatten() {
        server.destroy()?;
    }
    Ok(())
}

/// Either side ends while the other one waits for it.
fn ends(tally: &mut Tally) -> Result<(), Error> {
    for kill in [false, true] {
        let (child, to) = serve_elsewhere("other")?;
        let asking = call::spawn("message_test ask other")?;
        // Until that one is connected.
        while to.ask([COUNTED, 0, 0, 0, 0])?[0] == 0 {
            call::yield_now();
        }
        if kill {
            call::kill(child)?;
        } else {
            let ended = to.ask([END, 0, 0, 0, 0]);
            tally.add(is("a server that ended", ended, Err(Error::NotFound)));
        }
        tally.add(is("who asked", call::wait(asking)?, 0));
        call::wait(child)?;
        to.close()?;
    }
    let server = Server::create("mine")?;
    let asking = call::spawn("message_test ask mine")?;
    let message = server.receive(PATIENCE)?;
    call::kill(asking)?;
    call::wait(asking)?;
    let answered = message.answer([0; 5]);
    tally.add(is("who has ended", answered, Err(Error::NotFound)));
    // One that waits in the queue takes its message with it.
    let asking = call::spawn("message_test ask mine")?;
    call::sleep(20);
    call::kill(asking)?;
    call::wait(asking)?;
    tally.add(is("its message", server.receive(0), Err(Error::TimedOut)));
    server.destroy()
}

/// Many processes ask one server.
fn many(tally: &mut Tally) -> Result<(), Error> {
    let server = Server::create("crowd")?;
    const ASKING: usize = 8;
    let mut children = [0; ASKING];
    for child in &mut children {
        *child = call::spawn("message_test ask crowd")?;
    }
    let mut message = server.receive(PATIENCE)?;
    for _ in 0..500 {
        message = message.answer_and_receive([15, 0, 0, 0, 0], PATIENCE)?;
    }
    let again = message.answer([15, 0, 0, 0, 0]);
    tally.add(is("once", again, Ok(())));
    let again = message.answer([15, 0, 0, 0, 0]);
    tally.add(is("twice", again, Err(Error::NotFound)));
    server.destroy()?;
    for child in children {
        tally.add(is("who asked", call::wait(child)?, 0));
    }
    Ok(())
}
