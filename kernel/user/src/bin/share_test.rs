//! `share_test`: memory that several tasks share, from its making to its end.
//!
//! `share_test reader ID` attaches it to read, answers in the second page through another
//! attachment, and checks what it may not do.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Error, prot};
use user::check::{Tally, is, status_of};
use user::{Arguments, call, println, read_at, write_at};

user::main!(run);

const PAGE: usize = 4096;
const BY_STORE: usize = 128 + 15;

fn run(arguments: Arguments) -> u8 {
    let id = arguments.number(2);
    match (arguments.word(1), id) {
        (Some("reader"), Some(id)) => reader(id),
        (Some("writer"), Some(id)) => {
            let at = call::share_attach(id, prot::READ, 0).unwrap_or(0);
            write_at(at, 1);
            1
        }
        (None, _) => whole(),
        _ => {
            println!("usage: share_test");
            2
        }
    }
}

fn child(role: &str, id: usize) -> usize {
    let mut line = [0; 32];
    let digits = |mut n: usize, into: &mut [u8]| {
        let mut used = 0;
        loop {
            into[used] = b'0' + (n % 10) as u8;
            (n, used) = (n / 10, used + 1);
            if n == 0 {
                into[..used].reverse();
                return used;
            }
        }
    };
    let head = [b"share_test ", role.as_bytes(), b" "];
    let mut used = 0;
    for part in head {
        line[used..used + part.len()].copy_from_slice(part);
        used += part.len();
    }
    used += digits(id, &mut line[used..]);
    status_of(core::str::from_utf8(&line[..used]).unwrap_or(""))
}

fn whole() -> u8 {
    let mut tally = Tally::default();
    let id = call::share_create(2 * PAGE).unwrap_or(usize::MAX);
    let here = call::share_attach(id, 0, 0).unwrap_or(0);
    let there = call::share_attach(id, 0, 0).unwrap_or(0);
    tally.add(is("two places", here != there && here != 0, true));
    write_at(here, 41);
    tally.add(is("one memory", read_at(there), 41));
    tally.add(is("a child reads", child("reader", id), 0));
    tally.add(is("and has answered", read_at(there + PAGE), 42));
    tally.add(is("a reader may not write", child("writer", id), BY_STORE));
    tally.add(is("detach", call::share_detach(there), Ok(())));
    tally.add(is(
        "only what is attached",
        call::share_detach(there),
        Err(Error::NotFound),
    ));
    // Ended while it is attached: further attachments fail, existing ones stay.
    tally.add(is("end it", call::share_destroy(id), Ok(())));
    tally.add(is(
        "attaching fails",
        call::share_attach(id, 0, 0),
        Err(Error::NotFound),
    ));
    tally.add(is("but who has it has it", read_at(here), 41));
    tally.add(is("the last one goes", call::share_detach(here), Ok(())));
    tally.add(is(
        "the id is free",
        call::share_destroy(id),
        Err(Error::NotFound),
    ));
    let next = call::share_create(PAGE).unwrap_or(usize::MAX);
    tally.add(is("a new one has a new id", next != id, true));
    let at = call::share_attach(next, 0, 0).unwrap_or(0);
    tally.add(is("and is zero", read_at(at), 0));
    tally.add(is(
        "nothing",
        call::share_create(0),
        Err(Error::BadArgument),
    ));
    let large = call::share_create(5 << 20);
    tally.add(is("too large", large, Err(Error::LimitExceeded)));
    let mut made = 1;
    while call::share_create(PAGE).is_ok() {
        made += 1;
    }
    tally.add(is("as many as there are places", made, 16));
    // What is left ends with this task.
    tally.end("share_test")
}

fn reader(id: usize) -> u8 {
    let mut tally = Tally::default();
    let at = call::share_attach(id, prot::READ, 0).unwrap_or(0);
    tally.add(is("what the other wrote", read_at(at), 41));
    let more = call::protect(at, PAGE, prot::READ | prot::WRITE);
    tally.add(is(
        "no more rights than asked for",
        more,
        Err(Error::AccessDenied),
    ));
    tally.add(is(
        "not its own to end",
        call::share_destroy(id),
        Err(Error::AccessDenied),
    ));
    let mine = call::share_attach(id, 0, 0).unwrap_or(0);
    write_at(mine + PAGE, 42);
    tally.add(is("seen at once", read_at(at + PAGE), 42));
    tally.end("share_test reader")
}
