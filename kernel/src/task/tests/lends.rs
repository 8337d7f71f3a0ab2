//! Messages with pages: each page has one owner and its content at any time, whichever side ends.

use std::collections::HashMap;

use abi::message::MessageKind;
use abi::thread::NO_TIMEOUT;
use abi::{Call, Error};
use pagetable::{PAGE_BYTES, VirtAddr};
use sim::Quirks;

use super::kernel::Kernel;
use super::servers::{answer, ask, connect, running, serve, switch_to};
use crate::mm::Unreached;
use crate::mm::tests::both;
use crate::mm::tests::chance::Chance;
use crate::mm::tests::machine::TestMachine;
use crate::task::{SchedState, Slot, exec};

both! {
    a_page_that_is_lent_is_out_of_reach_until_it_is_returned
    a_borrower_that_ends_returns_and_a_lender_that_ends_leaves_nothing
    what_was_lent_on_comes_back_to_who_lent_it_first
    a_message_that_was_never_received_leaves_no_page
    every_allocation_of_a_send_fails_once_and_changes_nothing
    random_histories_of_pages_keep_each_page_and_its_content
}

/// Pages of the running task; each begins with its word.
pub(super) fn pages<M: TestMachine>(kernel: &mut Kernel<M>, words: &[u64]) -> u64 {
    let bytes = words.len() as u64 * PAGE_BYTES;
    let mapped = kernel.call(Call::Mmap, [bytes, 0, 0, 0, 0]).result;
    let at = mapped.expect("pages") as u64;
    for (n, word) in words.iter().enumerate() {
        write(kernel, at + n as u64 * PAGE_BYTES, *word).expect("its own");
    }
    at
}

pub(super) fn write<M: TestMachine>(
    kernel: &mut Kernel<M>,
    at: u64,
    word: u64,
) -> Result<(), Unreached> {
    let slot = running(kernel);
    let mut memory = kernel.system.memory_of(slot);
    memory.write(VirtAddr::new(at), &word.to_le_bytes())
}

pub(super) fn read<M: TestMachine>(
    kernel: &mut Kernel<M>,
    slot: Slot,
    at: u64,
) -> Result<u64, Error> {
    let mut word = [0; 8];
    match kernel
        .system
        .memory_of(slot)
        .read(VirtAddr::new(at), &mut word)
    {
        Ok(()) => Ok(u64::from_le_bytes(word)),
        Err(Unreached::Refused(error)) => Err(error),
        Err(Unreached::Wait(_)) => panic!("nothing is in a store"),
    }
}

/// The running task sends pages.
pub(super) fn send<M: TestMachine>(
    kernel: &mut Kernel<M>,
    to: u64,
    kind: MessageKind,
    (at, count): (u64, u64),
) {
    let arguments = [to, kind.number() as u64, at, count * PAGE_BYTES, 0];
    ask(kernel, Call::SendMemory, arguments);
}

/// The running task makes a call, after which another may run; its answer.
pub(super) fn ask_and_stay<M: TestMachine>(
    kernel: &mut Kernel<M>,
    call: Call,
    arguments: [u64; 5],
) -> Result<usize, Error> {
    let slot = running(kernel);
    ask(kernel, call, arguments);
    let a0 = match running(kernel) == slot {
        true => kernel.context.x[10],
        false => kernel.system.tasks.at(slot).context.x[10],
    };
    Error::result(a0)
}

/// The running task receives pages: the message's number, and their address.
#[track_caller]
pub(super) fn receive<M: TestMachine>(kernel: &mut Kernel<M>, server: u64) -> (u64, u64) {
    ask(kernel, Call::Receive, [server, 0, 0, 0, 0]);
    let number = answer(kernel).expect("a message");
    (number as u64, kernel.context.x[11] as u64)
}

pub(super) const WRITE: MessageKind = MessageKind::MutableBorrow;

/// The first task serves `it`; another is connected and runs.
pub(super) fn pair<M: TestMachine>(kernel: &mut Kernel<M>) -> (Slot, u64, Slot, u64) {
    let (server, client) = (running(kernel), kernel.task(0, "client"));
    let number = serve(kernel, "it");
    switch_to(kernel, client);
    let connection = connect(kernel, "it");
    (server, number, client, connection)
}

/// As [`pair`], of two tasks that are not the first one: either can end.
pub(super) fn pair_beside_first<M: TestMachine>(kernel: &mut Kernel<M>) -> (Slot, u64, Slot, u64) {
    let server = kernel.task(0, "server");
    switch_to(kernel, server);
    pair(kernel)
}

fn a_page_that_is_lent_is_out_of_reach_until_it_is_returned<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let (server, number, client, to) = pair(&mut kernel);
    for (kind, may_write) in [(MessageKind::Borrow, false), (WRITE, true)] {
        switch_to(&mut kernel, client);
        let at = pages(&mut kernel, &[7, 8, 9]);
        send(&mut kernel, to, kind, (at + PAGE_BYTES, 1));
        assert_eq!(running(&kernel), server);
        let (message, seen) = receive(&mut kernel, number);
        assert_eq!(read(&mut kernel, server, seen), Ok(8));
        assert_eq!(write(&mut kernel, seen, 80).is_ok(), may_write);
        let beside = read(&mut kernel, server, seen + PAGE_BYTES);
        assert_eq!(beside, Err(Error::BadAddress));
        let lent = read(&mut kernel, client, at + PAGE_BYTES);
        assert_eq!(lent, Err(Error::ShareViolation));
        assert_eq!(read(&mut kernel, client, at), Ok(7));
        kernel.must_be_sound("a page is lent");
        let unmapped = kernel
            .call(Call::Munmap, [seen, PAGE_BYTES, 0, 0, 0])
            .result;
        assert_eq!(unmapped, Err(Error::AccessDenied));
        let returned = kernel.call(Call::Return, [message, 1, 0, 0, 0]).result;
        assert_eq!(returned, Ok(0));
        assert_eq!(read(&mut kernel, server, seen), Err(Error::BadAddress));
        let back = read(&mut kernel, client, at + PAGE_BYTES);
        assert_eq!(back, Ok(if may_write { 80 } else { 8 }));
        kernel.must_be_sound("it is back");
    }
}

fn a_borrower_that_ends_returns_and_a_lender_that_ends_leaves_nothing<M: TestMachine>(
    quirks: Quirks,
) {
    for receives in [false, true] {
        for borrower_ends in [false, true] {
            let mut kernel = Kernel::<M>::new(quirks, 512);
            let first = running(&kernel);
            let before = kernel.system.frames.counts().free();
            let (server, number, client, to) = pair_beside_first(&mut kernel);
            let at = pages(&mut kernel, &[1, 2, 3]);
            send(&mut kernel, to, WRITE, (at, 3));
            switch_to(&mut kernel, server);
            if receives {
                let (_, seen) = receive(&mut kernel, number);
                write(&mut kernel, seen, 11).expect("it may");
            }
            let (ends, stays) = match borrower_ends {
                true => (server, client),
                false => (client, server),
            };
            switch_to(&mut kernel, first);
            exec::exit_process(&mut kernel.system, ends, 255);
            kernel.must_be_sound("one side ended");
            switch_to(&mut kernel, stays);
            if borrower_ends {
                let back = read(&mut kernel, client, at);
                assert_eq!(back, Ok(if receives { 11 } else { 1 }));
                assert_eq!(read(&mut kernel, client, at + 2 * PAGE_BYTES), Ok(3));
            }
            ask(&mut kernel, Call::Exit, [0; 5]);
            switch_to(&mut kernel, first);
            // What is left of an end has its turns.
            ask(&mut kernel, Call::Yield, [0; 5]);
            kernel.must_be_sound("both ended");
            assert_eq!(kernel.system.frames.counts().free(), before);
        }
    }
}

fn what_was_lent_on_comes_back_to_who_lent_it_first<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let (last, number, middle, to_last) = pair(&mut kernel);
    let own = serve(&mut kernel, "middle");
    let client = kernel.task(0, "client");
    switch_to(&mut kernel, client);
    let to_middle = connect(&mut kernel, "middle");
    let at = pages(&mut kernel, &[1, 2, 3]);
    send(&mut kernel, to_middle, WRITE, (at, 3));
    switch_to(&mut kernel, middle);
    let (_, seen) = receive(&mut kernel, own);
    send(&mut kernel, to_last, WRITE, (seen + PAGE_BYTES, 1));
    switch_to(&mut kernel, last);
    let (message, seen) = receive(&mut kernel, number);
    write(&mut kernel, seen, 22).expect("it may");
    exec::exit_process(&mut kernel.system, middle, 255);
    kernel.must_be_sound("who lent it on ended");
    assert_eq!(read(&mut kernel, client, at), Ok(1));
    let lent = read(&mut kernel, client, at + PAGE_BYTES);
    assert_eq!(lent, Err(Error::ShareViolation));
    let returned = ask_and_stay(&mut kernel, Call::Return, [message, 0, 0, 0, 0]);
    assert_eq!(returned, Ok(0));
    assert_eq!(read(&mut kernel, client, at + PAGE_BYTES), Ok(22));
    assert_eq!(read(&mut kernel, client, at + 2 * PAGE_BYTES), Ok(3));
    kernel.must_be_sound("it is back");
}

fn a_message_that_was_never_received_leaves_no_page<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let (server, number, client, to) = pair(&mut kernel);
    switch_to(&mut kernel, server);
    let (mapped, before) = (
        kernel.resident(),
        kernel.system.tasks.space(server).regions().len(),
    );
    switch_to(&mut kernel, client);
    let at = pages(&mut kernel, &[1, 2]);
    send(&mut kernel, to, MessageKind::Move, (at, 1));
    assert_eq!(answer(&kernel), Ok(0));
    assert_eq!(read(&mut kernel, client, at), Err(Error::BadAddress));
    assert_eq!(read(&mut kernel, client, at + PAGE_BYTES), Ok(2));
    send(&mut kernel, to, WRITE, (at + PAGE_BYTES, 1));
    assert_eq!(running(&kernel), server);
    let destroyed = ask_and_stay(&mut kernel, Call::ServerDestroy, [number, 0, 0, 0, 0]);
    assert_eq!(destroyed, Ok(0));
    assert_eq!(kernel.system.tasks.space(server).resident(), mapped);
    assert_eq!(kernel.system.tasks.space(server).regions().len(), before);
    let x10 = match running(&kernel) == client {
        true => kernel.context.x[10],
        false => kernel.system.tasks.at(client).context.x[10],
    };
    assert_eq!(Error::result(x10), Err(Error::NotFound));
    assert_eq!(read(&mut kernel, client, at + PAGE_BYTES), Ok(2));
    kernel.must_be_sound("a server that was destroyed");
}

fn every_allocation_of_a_send_fails_once_and_changes_nothing<M: TestMachine>(quirks: Quirks) {
    for kind in [MessageKind::Move, MessageKind::Borrow, WRITE] {
        let mut kernel = Kernel::<M>::new(quirks, 256);
        let (_, _, client, to) = pair(&mut kernel);
        let mapped = kernel.call(Call::Mmap, [4 * PAGE_BYTES, 0, 0, 0, 0]).result;
        let at = mapped.expect("pages") as u64;
        for left in 0.. {
            kernel.system.frames.fail_after = Some(left);
            send(&mut kernel, to, kind, (at, 4));
            kernel.system.frames.fail_after = None;
            if running(&kernel) == client && answer(&kernel) != Ok(0) {
                assert_eq!(answer(&kernel), Err(Error::OutOfMemory), "{left}");
                assert!(kernel.system.tasks.lends.all().is_empty());
                kernel.must_be_sound("a send without memory");
                continue;
            }
            assert!(left >= 4, "each page is an allocation");
            break;
        }
        kernel.must_be_sound("a send with memory");
    }
}

/// A task of a history: its server, its pages by address, and what it was lent.
#[derive(Default)]
struct Player {
    server: u64,
    pages: HashMap<u64, u64>,
    held: Vec<Held>,
    /// It waits for a message that lent these.
    lent: Vec<u64>,
}

struct Held {
    message: u64,
    pages: Vec<u64>,
    writable: bool,
}

struct PageHistory<M: TestMachine> {
    kernel: Kernel<M>,
    chance: Chance,
    driver: Slot,
    players: HashMap<usize, Player>,
    /// What each page holds, by its number.
    content: HashMap<u64, u64>,
    numbers: u64,
}

const PLAYERS: usize = 5;

impl<M: TestMachine> PageHistory<M> {
    fn add_player(&mut self) {
        let slot = self.kernel.task(0, "player");
        while running(&self.kernel) != slot {
            ask(&mut self.kernel, Call::Yield, [0; 5]);
        }
        let server = serve(&mut self.kernel, &format!("server {}", slot.index()));
        let player = Player {
            server,
            ..Player::default()
        };
        self.players.insert(slot.index(), player);
    }

    /// A page holds its number above, and how often it was written.
    fn check(&mut self, slot: Slot, at: u64) -> Result<u64, Error> {
        let word = read(&mut self.kernel, slot, at)?;
        let page = word >> 20;
        assert_eq!(
            self.content.get(&page),
            Some(&word),
            "page {page} at {at:#x}"
        );
        Ok(page)
    }

    fn step(&mut self) {
        let slot = running(&self.kernel);
        if slot == self.driver {
            if self.chance.one_in(25) {
                self.kill();
            }
            if self.players.len() < PLAYERS {
                self.add_player();
            }
            return ask(&mut self.kernel, Call::Yield, [0; 5]);
        }
        let waited = self
            .players
            .get_mut(&slot.index())
            .map(|it| std::mem::take(&mut it.lent));
        for at in waited.unwrap_or_default() {
            // Back, or still with who it was lent on to, whose lender ended.
            if let Err(error) = self.check(slot, at) {
                assert_eq!(error, Error::ShareViolation);
            }
        }
        match self.chance.below(8) {
            0 => self.map(slot),
            1..=3 => self.send(slot),
            4 | 5 => self.receive(slot),
            6 => self.give_back(slot),
            _ => ask(&mut self.kernel, Call::Yield, [0; 5]),
        }
    }

    fn map(&mut self, slot: Slot) {
        let player = &self.players[&slot.index()];
        if player.pages.len() > 12 {
            return ask(&mut self.kernel, Call::Yield, [0; 5]);
        }
        let words: Vec<u64> = (0..1 + self.chance.below(3))
            .map(|_| {
                self.numbers += 1;
                self.numbers << 20
            })
            .collect();
        let at = pages(&mut self.kernel, &words);
        for (n, word) in words.iter().enumerate() {
            self.content.insert(word >> 20, *word);
            let player = self.players.get_mut(&slot.index()).expect("it plays");
            player.pages.insert(at + n as u64 * PAGE_BYTES, word >> 20);
        }
    }

    fn send(&mut self, slot: Slot) {
        let others: Vec<usize> = self.players.keys().copied().collect();
        let to = others[self.chance.below(others.len() as u64) as usize];
        let kind = [MessageKind::Move, MessageKind::Borrow, WRITE][self.chance.below(3) as usize];
        let player = &self.players[&slot.index()];
        let mut from: Vec<u64> = player.pages.keys().copied().collect();
        if kind != MessageKind::Move {
            let held = player
                .held
                .iter()
                .filter(|held| held.writable || kind != WRITE);
            from.extend(held.flat_map(|held| held.pages.iter().copied()));
        }
        // To itself it would wait without end.
        if from.is_empty() || to == slot.index() {
            return ask(&mut self.kernel, Call::Yield, [0; 5]);
        }
        from.sort_unstable();
        let first = from[self.chance.below(from.len() as u64) as usize];
        let run = (1..3)
            .find(|n| !from.contains(&(first + n * PAGE_BYTES)))
            .unwrap_or(3);
        let count = 1 + self.chance.below(run);
        let _ = self.kernel.call(Call::Disconnect, [1, 0, 0, 0, 0]);
        let to = connect(&mut self.kernel, &format!("server {to}"));
        send(&mut self.kernel, to | 0x100, kind, (first, count));
        let player = self.players.get_mut(&slot.index()).expect("it plays");
        let sent: Vec<u64> = (0..count).map(|n| first + n * PAGE_BYTES).collect();
        if running(&self.kernel) != slot {
            player.lent = sent;
        } else if answer(&self.kernel) == Ok(0) {
            assert_eq!(kind, MessageKind::Move);
            for at in sent {
                player.pages.remove(&at);
            }
        } else {
            // A page that is still lent by a chain whose middle ended, or no room.
            let refused = answer(&self.kernel).expect_err("it was not sent");
            assert!(
                matches!(
                    refused,
                    Error::ShareViolation | Error::Busy | Error::LimitExceeded
                ),
                "{refused:?}"
            );
        }
    }

    fn receive(&mut self, slot: Slot) {
        let server = self.players[&slot.index()].server;
        ask(&mut self.kernel, Call::Receive, [server, 0, 0, 0, 0]);
        let Ok(message) = answer(&self.kernel) else {
            return;
        };
        let x = self.kernel.context.x;
        let (at, bytes, kind) = (x[11] as u64, x[12] as u64, x[16] >> 16);
        let all: Vec<u64> = (0..bytes / PAGE_BYTES)
            .map(|n| at + n * PAGE_BYTES)
            .collect();
        let writable = kind != MessageKind::Borrow.number();
        for &at in &all {
            let page = self.check(slot, at).expect("it was sent");
            if writable {
                let word = self.content.get_mut(&page).expect("it is known");
                *word += 1;
                let word = *word;
                write(&mut self.kernel, at, word).expect("it may");
            } else {
                assert!(write(&mut self.kernel, at, 0).is_err());
            }
            if kind == MessageKind::Move.number() {
                let player = self.players.get_mut(&slot.index()).expect("it plays");
                player.pages.insert(at, page);
            }
        }
        if kind != MessageKind::Move.number() {
            let player = self.players.get_mut(&slot.index()).expect("it plays");
            player.held.push(Held {
                message: message as u64,
                pages: all,
                writable,
            });
        }
    }

    fn give_back(&mut self, slot: Slot) {
        let held = self.players[&slot.index()].held.len();
        if held == 0 {
            return ask(&mut self.kernel, Call::Yield, [0; 5]);
        }
        let n = self.chance.below(held as u64) as usize;
        let message = self.players[&slot.index()].held[n].message;
        let returned = ask_and_stay(&mut self.kernel, Call::Return, [message, 0, 0, 0, 0]);
        if returned == Err(Error::ShareViolation) {
            return;
        }
        assert_eq!(
            returned,
            Ok(0),
            "its lender may have ended, and its pages are freed"
        );
        let player = self.players.get_mut(&slot.index()).expect("it plays");
        player.held.remove(n);
    }

    fn kill(&mut self) {
        let all: Vec<usize> = self.players.keys().copied().collect();
        if all.is_empty() {
            return;
        }
        let victim = all[self.chance.below(all.len() as u64) as usize];
        self.players.remove(&victim);
        let slots: Vec<Slot> = self
            .kernel
            .system
            .tasks
            .iter()
            .map(|(slot, _)| slot)
            .collect();
        let slot = slots.into_iter().find(|slot| slot.index() == victim);
        let slot = slot.expect("it exists");
        exec::exit_process(&mut self.kernel.system, slot, 255);
        while let SchedState::Ending { .. } = self.kernel.system.tasks.at(slot).state() {
            exec::go_on_ending(&mut self.kernel.system, slot);
        }
        self.kernel.must_be_sound("a task ended");
    }
}

fn random_histories_of_pages_keep_each_page_and_its_content<M: TestMachine>(quirks: Quirks) {
    let steps = std::env::var("STEPS").map_or(3_000, |steps| steps.parse().expect("a number"));
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let kernel = Kernel::<M>::new(quirks, 2048);
    let before = kernel.system.frames.counts().free();
    let driver = running(&kernel);
    let mut history = PageHistory {
        kernel,
        chance: Chance::new(seed),
        driver,
        players: HashMap::new(),
        content: HashMap::new(),
        numbers: 0,
    };
    for step in 0..steps {
        history.step();
        if step % 64 == 0 {
            history.kernel.must_be_sound("a history of pages");
        }
    }
    while running(&history.kernel) != driver {
        ask(&mut history.kernel, Call::Yield, [0; 5]);
    }
    while !history.players.is_empty() {
        history.kill();
    }
    assert!(history.kernel.system.tasks.lends.all().is_empty());
    assert!(NO_TIMEOUT > 0 && history.numbers > 10, "pages were made");
    let left = history.kernel.system.frames.counts().free();
    assert!(before - left < 8, "{before} {left}");
}
