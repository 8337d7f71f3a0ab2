//! Servers and messages: each is received once and in order, whichever ends meanwhile.

use std::collections::{HashMap, VecDeque};

use abi::message::{QUEUE, TRY};
use abi::thread::NO_TIMEOUT;
use abi::{Call, Error};
use sim::Quirks;

use super::kernel::Kernel;
use super::servers::{answer, ask, connect, name, running, serve, switch_to};
use crate::mm::tests::both;
use crate::mm::tests::chance::Chance;
use crate::mm::tests::machine::TestMachine;
use crate::task::{SchedState, Slot, exec};

both! {
    a_message_is_answered_whichever_of_the_two_came_first
    a_wait_for_a_message_has_an_end
    a_number_answers_one_message_and_only_its_receiver_has_it
    who_waits_for_a_server_learns_that_it_ended
    a_wait_for_a_server_ends_when_it_is_made
    room_that_an_ended_sender_leaves_is_used
    random_histories_deliver_each_message_once_and_in_order
}

const FOREVER: u64 = NO_TIMEOUT as u64;

fn state<M: TestMachine>(kernel: &Kernel<M>, slot: Slot) -> SchedState {
    kernel.system.tasks.at(slot).state()
}

/// What a thread that is not on the hart was answered.
fn answered<M: TestMachine>(kernel: &Kernel<M>, slot: Slot) -> (Result<usize, Error>, usize) {
    let x = kernel.system.tasks.at(slot).context.x;
    (Error::result(x[10]), x[11])
}

/// A task that serves `it`, with the server's number, and one that is connected, which runs.
fn pair<M: TestMachine>(kernel: &mut Kernel<M>) -> (Slot, u64, Slot, u64) {
    let (server, client) = (running(kernel), kernel.task(0, "client"));
    let number = serve(kernel, "it");
    switch_to(kernel, client);
    let connection = connect(kernel, "it");
    (server, number, client, connection)
}

fn a_message_is_answered_whichever_of_the_two_came_first<M: TestMachine>(quirks: Quirks) {
    for receives_first in [true, false] {
        let mut kernel = Kernel::<M>::new(quirks, 256);
        let (server, number, client, to) = pair(&mut kernel);
        if receives_first {
            switch_to(&mut kernel, server);
            ask(&mut kernel, Call::Receive, [number, FOREVER, 0, 0, 0]);
            assert_eq!(running(&kernel), client);
        }
        kernel.context.x[15] = 5;
        let pc = kernel.begin(Call::SendBlocking, [to, 1, 2, 3, 4]);
        kernel.enter_call();
        assert_eq!(running(&kernel), server);
        assert_eq!(kernel.system.tasks.at(client).context.pc, pc + 4);
        if !receives_first {
            assert!(matches!(state(&kernel, client), SchedState::Sending { .. }));
            ask(&mut kernel, Call::Receive, [number, 0, 0, 0, 0]);
        }
        assert!(matches!(
            state(&kernel, client),
            SchedState::AwaitingReturn { .. }
        ));
        let message = answer(&kernel).expect("a message") as u64;
        assert_eq!(kernel.context.x[11..16], [1, 2, 3, 4, 5]);
        let pid = usize::from(kernel.system.tasks.process(client).pid);
        assert_eq!(kernel.context.x[16], pid | 1 << 16);
        kernel.context.x[15] = 10;
        kernel.context.x[16] = NO_TIMEOUT;
        ask(&mut kernel, Call::ReturnAndReceive, [message, 6, 7, 8, 9]);
        assert_eq!(running(&kernel), client, "the server waits for the next");
        assert_eq!(answer(&kernel), Ok(0));
        assert_eq!(kernel.context.x[11..16], [6, 7, 8, 9, 10]);
        kernel.must_be_sound("a message");
    }
}

fn a_wait_for_a_message_has_an_end<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let (server, number, client, to) = pair(&mut kernel);
    switch_to(&mut kernel, server);
    let poll = kernel.call(Call::Receive, [number, 0, 0, 0, 0]).result;
    assert_eq!(poll, Err(Error::TimedOut));
    ask(&mut kernel, Call::Receive, [number, 5, 0, 0, 0]);
    assert_eq!(running(&kernel), client);
    kernel.system.local.platform.now += 4_999;
    kernel.take_timer();
    assert!(matches!(
        state(&kernel, server),
        SchedState::Receiving { .. }
    ));
    kernel.system.local.platform.now += 1;
    kernel.take_timer();
    switch_to(&mut kernel, server);
    assert_eq!(answer(&kernel), Err(Error::TimedOut));
    // It is in no list any more: a message waits for who asks next.
    switch_to(&mut kernel, client);
    let sent = kernel.call(Call::SendScalar, [to, 7, 0, 0, 0]).result;
    assert_eq!(sent, Ok(0));
    switch_to(&mut kernel, server);
    ask(&mut kernel, Call::Receive, [number, 5, 0, 0, 0]);
    assert_eq!((answer(&kernel), kernel.context.x[11]), (Ok(0), 7));
}

fn a_number_answers_one_message_and_only_its_receiver_has_it<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let (server, number, client, to) = pair(&mut kernel);
    let mut past = Vec::new();
    for n in 0..3 {
        switch_to(&mut kernel, client);
        ask(&mut kernel, Call::SendBlocking, [to, n, 0, 0, 0]);
        assert_eq!(running(&kernel), server);
        let not_yet = past.iter().chain(&[0, 1, 1 << 8, u64::MAX]);
        for &wrong in not_yet {
            let refused = kernel.call(Call::Return, [wrong, 0, 0, 0, 0]).result;
            assert_eq!(refused, Err(Error::NotFound), "{wrong:#x}");
        }
        ask(&mut kernel, Call::Receive, [number, 0, 0, 0, 0]);
        let message = answer(&kernel).expect("a message") as u64;
        assert!(!past.contains(&message));
        // Another process that guesses the number.
        let other = kernel.task(0, "other");
        switch_to(&mut kernel, other);
        for call in [Call::Return, Call::ReturnAndReceive] {
            let refused = kernel.call(call, [message, 0, 0, 0, 0]).result;
            assert_eq!(refused, Err(Error::NotFound));
        }
        let refused = kernel.call(Call::Receive, [number, 0, 0, 0, 0]).result;
        assert_eq!(refused, Err(Error::AccessDenied));
        ask(&mut kernel, Call::Exit, [0; 5]);
        switch_to(&mut kernel, server);
        let returned = kernel.call(Call::Return, [message, n, 0, 0, 0]).result;
        assert_eq!(returned, Ok(0));
        past.push(message);
    }
}

fn who_waits_for_a_server_learns_that_it_ended<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let before = kernel.system.frames.counts().free();
    let first = running(&kernel);
    let owner = kernel.task(0, "owner");
    switch_to(&mut kernel, owner);
    let number = serve(&mut kernel, "it");
    let mut waiting = Vec::new();
    // One was received, 16 wait in the queue, and two for room there.
    for n in 0..19 {
        let client = kernel.task(0, "client");
        switch_to(&mut kernel, client);
        let to = connect(&mut kernel, "it");
        let call = [Call::SendScalar, Call::SendBlocking][usize::from(n != 18)];
        ask(&mut kernel, call, [to, n, 0, 0, 0]);
        waiting.push(client);
        if n == 0 {
            switch_to(&mut kernel, owner);
            ask(&mut kernel, Call::Receive, [number, 0, 0, 0, 0]);
            assert!(answer(&kernel).is_ok());
        }
    }
    let is_waiting = |slot: &Slot| state(&kernel, *slot) != SchedState::Ready;
    assert!(waiting.iter().all(is_waiting));
    assert!(matches!(
        state(&kernel, waiting[18]),
        SchedState::AwaitingRoom { .. }
    ));
    switch_to(&mut kernel, owner);
    ask(&mut kernel, Call::Exit, [0; 5]);
    for client in waiting {
        switch_to(&mut kernel, client);
        assert_eq!(answer(&kernel), Err(Error::NotFound));
        let again = kernel.call(Call::SendScalar, [1, 0, 0, 0, 0]).result;
        assert_eq!(again, Err(Error::NotFound));
        ask(&mut kernel, Call::Exit, [0; 5]);
    }
    switch_to(&mut kernel, first);
    kernel.must_be_sound("a server that ended");
    assert_eq!(kernel.system.frames.counts().free(), before);
}

fn a_wait_for_a_server_ends_when_it_is_made<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let (first, client) = (running(&kernel), kernel.task(0, "client"));
    switch_to(&mut kernel, client);
    let arguments = name(&mut kernel, "late");
    let [at, bytes, ..] = arguments;
    let refused = kernel.call(Call::Connect, arguments).result;
    assert_eq!(refused, Err(Error::NotFound));
    ask(&mut kernel, Call::Connect, [at, bytes, 10, 0, 0]);
    assert_eq!(running(&kernel), first);
    // Another one does not end the wait, nor begin its time again.
    kernel.system.local.platform.now += 9_000;
    serve(&mut kernel, "early");
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(running(&kernel), client);
    kernel.enter_call();
    assert!(matches!(
        state(&kernel, client),
        SchedState::Connecting { .. }
    ));
    kernel.system.local.platform.now += 1_000;
    kernel.take_timer();
    switch_to(&mut kernel, client);
    kernel.enter_call();
    assert_eq!(answer(&kernel), Err(Error::TimedOut));
    ask(&mut kernel, Call::Connect, [at, bytes, FOREVER, 0, 0]);
    let number = serve(&mut kernel, "late");
    switch_to(&mut kernel, client);
    kernel.enter_call();
    let to = answer(&kernel).expect("a connection") as u64;
    let sent = kernel.call(Call::SendScalar, [to, 3, 0, 0, 0]).result;
    assert_eq!(sent, Ok(0));
    switch_to(&mut kernel, first);
    ask(&mut kernel, Call::Receive, [number, 0, 0, 0, 0]);
    assert_eq!((answer(&kernel), kernel.context.x[11]), (Ok(0), 3));
}

fn room_that_an_ended_sender_leaves_is_used<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let first = running(&kernel);
    let number = serve(&mut kernel, "it");
    let mut clients = Vec::new();
    for n in 0..=QUEUE as u64 {
        let client = kernel.task(0, "client");
        switch_to(&mut kernel, client);
        let to = connect(&mut kernel, "it");
        ask(&mut kernel, Call::SendBlocking, [to, n, 0, 0, 0]);
        clients.push(client);
    }
    switch_to(&mut kernel, first);
    let last = clients.pop().expect("the one that waits for room");
    for client in clients {
        exec::exit_process(&mut kernel.system, client, 255);
    }
    ask(&mut kernel, Call::Receive, [number, 0, 0, 0, 0]);
    let message = answer(&kernel).expect("the one that is left") as u64;
    assert_eq!(kernel.context.x[11], QUEUE);
    let returned = kernel.call(Call::Return, [message, 1, 0, 0, 0]).result;
    assert_eq!(returned, Ok(0));
    assert_eq!(answered(&kernel, last), (Ok(0), 1));
}

/// What a test expects of one server: its messages in the order of arrival, and its threads that wait for one.
#[derive(Default)]
struct Expected {
    number: u64,
    messages: VecDeque<Sent>,
    receivers: VecDeque<usize>,
    /// Received and not returned, by number.
    received: Vec<(u64, Sent)>,
}

#[derive(Clone, Copy)]
struct Sent {
    word: usize,
    by: Slot,
    blocking: bool,
}

/// What a thread is to find in `a0` and `a1` when it runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Message(usize),
    Answer(usize),
    Sent,
    Ended,
}

const SERVERS: usize = 3;

struct History<M: TestMachine> {
    kernel: Kernel<M>,
    chance: Chance,
    driver: Slot,
    servers: [Expected; SERVERS],
    owners: [Slot; SERVERS],
    due: HashMap<usize, Due>,
    words: usize,
}

impl<M: TestMachine> History<M> {
    fn name(server: usize) -> String {
        format!("server {server}")
    }

    /// The running thread looks at what its last call was answered.
    fn look(&mut self) {
        let slot = running(&self.kernel);
        let Some(due) = self.due.remove(&slot.index()) else {
            return;
        };
        let (a0, a1) = (answer(&self.kernel), self.kernel.context.x[11]);
        match due {
            Due::Ended => assert_eq!(a0, Err(Error::NotFound)),
            Due::Sent => assert_eq!(a0, Ok(0)),
            Due::Answer(word) => assert_eq!((a0, a1), (Ok(0), word)),
            Due::Message(word) => {
                assert_eq!(a1, word);
                let owner = self.owners.iter().position(|owner| *owner == slot);
                let server = &mut self.servers[owner.expect("it is one's")];
                for (number, sent) in &mut server.received {
                    if sent.word == word {
                        *number = a0.expect("a number") as u64;
                    }
                }
            }
        }
    }

    fn step(&mut self) {
        self.look();
        let slot = running(&self.kernel);
        if slot == self.driver {
            return self.drive();
        }
        match self.owners.iter().position(|owner| *owner == slot) {
            Some(server) => self.serve(server),
            None => self.send(slot),
        }
    }

    /// The thread that never waits lets others run, and now and then ends one.
    fn drive(&mut self) {
        if self.chance.one_in(40) {
            let all: Vec<Slot> = self
                .kernel
                .system
                .tasks
                .iter()
                .map(|(slot, _)| slot)
                .collect();
            let victim = all[self.chance.below(all.len() as u64) as usize];
            if victim != self.driver {
                self.kill(victim);
            }
        }
        let living = self.kernel.system.tasks.iter().count();
        if living < 12 {
            self.kernel.task(0, "client");
        }
        ask(&mut self.kernel, Call::Yield, [0; 5]);
    }

    fn kill(&mut self, victim: Slot) {
        if let Some(server) = self.owners.iter().position(|owner| *owner == victim) {
            let ended = std::mem::take(&mut self.servers[server]);
            for (_, sent) in ended.received {
                self.due.insert(sent.by.index(), Due::Ended);
            }
            for sent in ended.messages {
                if state(&self.kernel, sent.by) != SchedState::Ready {
                    self.due.insert(sent.by.index(), Due::Ended);
                }
            }
        }
        let keeps_its_word =
            !matches!(state(&self.kernel, victim), SchedState::AwaitingRoom { .. });
        for server in &mut self.servers {
            let stays = |sent: &Sent| sent.by != victim || !sent.blocking && keeps_its_word;
            server.messages.retain(stays);
            server.received.retain(|(_, sent)| sent.by != victim);
            server.receivers.retain(|slot| *slot != victim.index());
        }
        self.due.remove(&victim.index());
        exec::exit_process(&mut self.kernel.system, victim, 255);
        for server in 0..SERVERS {
            if self.owners[server] == victim {
                self.found(server);
            }
        }
    }

    /// A server and its process.
    fn found(&mut self, server: usize) {
        let owner = self.kernel.task(0, "owner");
        switch_to_with(self, owner);
        let number = serve(&mut self.kernel, &Self::name(server));
        self.owners[server] = owner;
        self.servers[server].number = number;
    }

    fn serve(&mut self, server: usize) {
        let slot = running(&self.kernel);
        let expected = &mut self.servers[server];
        let mut may_receive = true;
        let mut call = Call::Receive;
        let wait = if self.chance.one_in(3) { 0 } else { FOREVER };
        let mut arguments = [expected.number, wait, 0, 0, 0];
        if !expected.received.is_empty() && !self.chance.one_in(3) {
            let n = self.chance.below(expected.received.len() as u64) as usize;
            let (number, sent) = expected.received[n];
            call = Call::Return;
            if self.chance.one_in(2) {
                call = Call::ReturnAndReceive;
            }
            may_receive = call == Call::ReturnAndReceive;
            self.words += 1;
            arguments = [number, self.words as u64, 0, 0, 0];
            self.kernel.context.x[16] = wait as usize;
            if number != 0 {
                expected.received.remove(n);
                self.due.insert(sent.by.index(), Due::Answer(self.words));
            } else {
                may_receive = false;
            }
        }
        let expected = &mut self.servers[server];
        let next = expected.messages.front().copied().filter(|_| may_receive);
        if let Some(sent) = next {
            expected.messages.pop_front();
            if sent.blocking {
                expected.received.push((0, sent));
            }
            self.due.insert(slot.index(), Due::Message(sent.word));
        } else if may_receive && wait != 0 {
            expected.receivers.push_back(slot.index());
        }
        ask(&mut self.kernel, call, arguments);
        if running(&self.kernel) == slot && next.is_none() && may_receive && wait == 0 {
            assert_eq!(answer(&self.kernel), Err(Error::TimedOut));
        }
    }

    fn send(&mut self, slot: Slot) {
        let server = self.chance.below(SERVERS as u64) as usize;
        let to = name_of(self, server);
        let blocking = self.chance.one_in(2);
        let gets_room = self.servers[server].messages.len() < QUEUE;
        let tries = self.chance.one_in(3);
        self.words += 1;
        let sent = Sent {
            word: self.words,
            by: slot,
            blocking,
        };
        let expected = &mut self.servers[server];
        let refused = tries && !gets_room;
        if let Some(receiver) = expected.receivers.pop_front() {
            self.due.insert(receiver, Due::Message(sent.word));
            if blocking {
                expected.received.push((0, sent));
            }
        } else if !refused {
            expected.messages.push_back(sent);
        }
        if !blocking && !refused {
            self.due.insert(slot.index(), Due::Sent);
        }
        let call = if blocking {
            Call::SendBlocking
        } else {
            Call::SendScalar
        };
        let flags = if tries { TRY as u64 } else { 0 };
        ask(
            &mut self.kernel,
            call,
            [to | flags, sent.word as u64, 0, 0, 0],
        );
        if refused {
            assert_eq!(running(&self.kernel), slot);
            assert_eq!(answer(&self.kernel), Err(Error::Busy));
        }
    }
}

fn switch_to_with<M: TestMachine>(history: &mut History<M>, slot: Slot) {
    while running(&history.kernel) != slot {
        history.look();
        ask(&mut history.kernel, Call::Yield, [0; 5]);
    }
}

/// A connection of the running task, made for one message.
fn name_of<M: TestMachine>(history: &mut History<M>, server: usize) -> u64 {
    let _ = history.kernel.call(Call::Disconnect, [1, 0, 0, 0, 0]);
    connect(&mut history.kernel, &History::<M>::name(server))
}

fn random_histories_deliver_each_message_once_and_in_order<M: TestMachine>(quirks: Quirks) {
    let steps = std::env::var("STEPS").map_or(4_000, |steps| steps.parse().expect("a number"));
    let kernel = Kernel::<M>::new(quirks, 1024);
    let before = kernel.system.frames.counts().free();
    let driver = running(&kernel);
    let mut history = History {
        kernel,
        chance: Chance::new(
            std::env::var("SEED").map_or(1, |seed| seed.parse().expect("a number")),
        ),
        driver,
        servers: Default::default(),
        owners: [driver; SERVERS],
        due: HashMap::new(),
        words: 100,
    };
    for server in 0..SERVERS {
        history.found(server);
    }
    for _ in 0..steps {
        history.step();
    }
    let all: Vec<Slot> = history
        .kernel
        .system
        .tasks
        .iter()
        .map(|(slot, _)| slot)
        .collect();
    while running(&history.kernel) != driver {
        ask(&mut history.kernel, Call::Yield, [0; 5]);
    }
    for slot in all {
        if slot != driver {
            exec::exit_process(&mut history.kernel.system, slot, 255);
        }
    }
    ask(&mut history.kernel, Call::Yield, [0; 5]);
    history.kernel.must_be_sound("a history of messages");
    assert_eq!(history.kernel.system.tasks.iter().count(), 1);
    // What the driver touched of its own stays.
    let left = history.kernel.system.frames.counts().free();
    assert!(before - left < 8, "{before} {left}");
}
