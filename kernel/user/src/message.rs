//! Servers, and messages to them.
//!
//! ```text
//!   let server = Server::create("clock")?;          let clock = ServerConnection::to("clock", 1000)?;
//!   loop {                                          let answer = clock.ask([1, 0, 0, 0, 0])?;
//!       let message = server.receive(NO_TIMEOUT)?;
//!       message.answer([now(), 0, 0, 0, 0])?;
//!   }
//! ```

use abi::message::{MessageKind, TRY, WORDS};
use abi::{Call, Error};

use crate::call::ask;
use crate::sys::{message_call, pages_at};

/// The words of a message, or of its answer.
pub type Words = [usize; WORDS];

/// A server of this program.
#[derive(Clone, Copy, Debug)]
pub struct Server(usize);

/// A connection of this program to a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerConnection(usize);

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is returned by; 0 for one that is not.
    pub number: usize,
    /// Its words.
    pub words: Words,
    /// The number of the process that sent it.
    pub sender: usize,
    /// What kind of message it is, as [`MessageKind`] numbers it.
    pub kind: usize,
}

impl Message {
    fn received([number, a1, a2, a3, a4, a5, from]: [usize; 7]) -> Result<Message, Error> {
        Ok(Message {
            number: Error::result(number)?,
            words: [a1, a2, a3, a4, a5],
            sender: from & 0xffff,
            kind: from >> 16,
        })
    }

    /// Does its sender wait for an answer?
    pub fn is_answered(&self) -> bool {
        self.number != 0
    }

    /// The pages that came with it: at that address so many bytes; none with a message of words alone.
    pub fn pages(&self) -> (usize, usize) {
        match self.kind > MessageKind::Blocking.number() {
            true => (self.words[0], self.words[1]),
            false => (0, 0),
        }
    }

    /// The pages that came with it, to read; those of a message that is returned only until then.
    pub fn memory(&self) -> &[u8] {
        let (at, bytes) = self.pages();
        crate::sys::bytes_at(at as *const u8, bytes)
    }

    /// The pages that came with it, if they may be written to.
    pub fn memory_mut(&mut self) -> Option<&mut [u8]> {
        let (at, bytes) = self.pages();
        let may = bytes > 0 && self.kind != MessageKind::Borrow.number();
        may.then(|| pages_at(at, bytes))
    }

    /// Lets its sender go on, with these words as the answer.
    pub fn answer(&self, words: Words) -> Result<(), Error> {
        let [number, ..] = message_call(Call::Return, with(self.number, words, 0));
        Error::result(number).map(drop)
    }

    /// The same, and receives the next message of the same server in the one call.
    pub fn answer_and_receive(&self, words: Words, timeout_ms: usize) -> Result<Message, Error> {
        let arguments = with(self.number, words, timeout_ms);
        Message::received(message_call(Call::ReturnAndReceive, arguments))
    }
}

fn with(first: usize, [a1, a2, a3, a4, a5]: Words, last: usize) -> [usize; 7] {
    [first, a1, a2, a3, a4, a5, last]
}

impl Server {
    /// Makes a server of that name, which others connect to.
    pub fn create(name: &str) -> Result<Server, Error> {
        let arguments = [name.as_ptr() as usize, name.len(), 0, 0, 0];
        ask(Call::ServerCreate, arguments).map(Server)
    }

    /// Ends it.
    pub fn destroy(self) -> Result<(), Error> {
        ask(Call::ServerDestroy, [self.0, 0, 0, 0, 0]).map(drop)
    }

    /// Waits for a message, so long at most.
    pub fn receive(&self, timeout_ms: usize) -> Result<Message, Error> {
        let arguments = [self.0, timeout_ms, 0, 0, 0, 0, 0];
        Message::received(message_call(Call::Receive, arguments))
    }
}

impl ServerConnection {
    /// Connects to the server of that name, and waits so long at most until there is one.
    pub fn to(name: &str, timeout_ms: usize) -> Result<ServerConnection, Error> {
        let arguments = [name.as_ptr() as usize, name.len(), timeout_ms, 0, 0];
        ask(Call::Connect, arguments).map(ServerConnection)
    }

    /// Gives it up.
    pub fn close(self) -> Result<(), Error> {
        ask(Call::Disconnect, [self.0, 0, 0, 0, 0]).map(drop)
    }

    /// Sends words, and waits for room in a full queue, but not for the server.
    pub fn send(&self, words: Words) -> Result<(), Error> {
        self.call(Call::SendScalar, 0, words).map(drop)
    }

    /// The same; `Busy` where the queue is full.
    pub fn try_send(&self, words: Words) -> Result<(), Error> {
        self.call(Call::SendScalar, TRY, words).map(drop)
    }

    /// Sends words, and waits for those that the server answers with.
    pub fn ask(&self, words: Words) -> Result<Words, Error> {
        self.call(Call::SendBlocking, 0, words)
    }

    /// The same; `Busy` where the queue is full.
    pub fn try_ask(&self, words: Words) -> Result<Words, Error> {
        self.call(Call::SendBlocking, TRY, words)
    }

    /// Gives pages away, with two words.
    pub fn give(&self, memory: &'static mut [u8], words: [usize; 2]) -> Result<(), Error> {
        let at = (memory.as_mut_ptr() as usize, memory.len());
        self.send_memory(MessageKind::Move, 0, at, words).map(drop)
    }

    /// Lends pages to be read, with two words; those that the server answers with.
    pub fn lend(&self, memory: &[u8], words: [usize; 2]) -> Result<Words, Error> {
        let at = (memory.as_ptr() as usize, memory.len());
        self.send_memory(MessageKind::Borrow, 0, at, words)
    }

    /// Lends pages to be written, with two words; those that the server answers with.
    pub fn lend_mut(&self, memory: &mut [u8], words: [usize; 2]) -> Result<Words, Error> {
        let at = (memory.as_mut_ptr() as usize, memory.len());
        self.send_memory(MessageKind::MutableBorrow, 0, at, words)
    }

    /// Any message with pages, wherever they are; flags as of [`abi::message`].
    pub fn send_memory(
        &self,
        kind: MessageKind,
        flags: usize,
        (at, bytes): (usize, usize),
        [first, second]: [usize; 2],
    ) -> Result<Words, Error> {
        let words = [kind.number(), at, bytes, first, second];
        self.call(Call::SendMemory, flags, words)
    }

    fn call(&self, call: Call, flags: usize, words: Words) -> Result<Words, Error> {
        let [a0, a1, a2, a3, a4, a5, _] = message_call(call, with(self.0 | flags, words, 0));
        Error::result(a0).map(|_| [a1, a2, a3, a4, a5])
    }
}
