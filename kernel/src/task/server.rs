//! Servers: a name, an owner, and a queue of messages that wait for one of its threads.
//!
//! A message that is not answered lies in the queue whole, as its sender has gone on. Of one that is answered the queue
//! has the sender, which waits: the words are in its registers, and a sender that ends takes its message with it.

use core::mem::MaybeUninit;

use abi::Error;
use abi::message::{MessageKind, NAME_BYTES, QUEUE, SERVERS, WORDS};

use super::slot::Slot;

/// A message that waits to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    /// Its words, and the number of the process that sent them.
    Words {
        sender: u16,
        kind: MessageKind,
        words: [usize; WORDS],
    },
    /// The thread that waits with it.
    Sender(Slot),
}

/// One server.
pub struct ServerSlot {
    /// Its place in the low bits, and above how often that was taken; 0 for a place that is free.
    id: u32,
    /// The number of the process that receives.
    owner: u16,
    name: [u8; NAME_BYTES],
    name_bytes: u8,
    /// Where the queue begins, and how many are in it.
    first: u8,
    count: u8,
    queue: [Queued; QUEUE],
}

const NOTHING: Queued = Queued::Words {
    sender: 0,
    kind: MessageKind::Scalar,
    words: [0; WORDS],
};

impl ServerSlot {
    const EMPTY: ServerSlot = ServerSlot {
        id: 0,
        owner: 0,
        name: [0; NAME_BYTES],
        name_bytes: 0,
        first: 0,
        count: 0,
        queue: [NOTHING; QUEUE],
    };

    /// The number of the process that receives.
    pub(super) fn owner(&self) -> u16 {
        self.owner
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name[..usize::from(self.name_bytes).min(NAME_BYTES)]
    }

    /// How many messages wait, [`QUEUE`] at most.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        self.count.into()
    }

    /// Puts a message behind the others; there is room for it.
    pub(super) fn push(&mut self, message: Queued) {
        debug_assert!(self.waiting() < QUEUE);
        let place = usize::from(self.first) + self.waiting();
        self.queue[place % QUEUE] = message;
        self.count += 1;
    }

    /// Takes the message that has waited longest.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Queued> {
        self.count = self.count.checked_sub(1)?;
        let first = self.queue[usize::from(self.first) % QUEUE];
        self.first = (self.first + 1) % QUEUE as u8;
        Some(first)
    }

    /// Takes out the message of a sender, wherever it is.
    fn forget(&mut self, slot: Slot) {
        for _ in 0..self.waiting() {
            match self.pop() {
                Some(message) if message != Queued::Sender(slot) => self.push(message),
                _ => {}
            }
        }
    }
}

/// All servers.
pub(super) struct Servers {
    places: [Option<&'static mut ServerSlot>; SERVERS],
    /// Room for those that never were: nothing is spent on it before.
    fresh: Option<&'static mut [MaybeUninit<ServerSlot>]>,
    /// How many servers were ever made.
    made: u32,
}

impl Servers {
    /// No server, and no room for one.
    pub const EMPTY: Servers = Servers {
        places: [const { None }; SERVERS],
        fresh: None,
        made: 0,
    };

    /// Memory for [`SERVERS`] of them; what it holds is arbitrary.
    pub fn give_room(&mut self, room: &'static mut [MaybeUninit<ServerSlot>]) {
        self.fresh = Some(room);
    }

    /// Makes a server; its place. `InUse` where one of that name is, `LimitExceeded` when all places are taken.
    pub fn add(&mut self, owner: u16, name: &[u8]) -> Result<u8, Error> {
        if self.named(name).is_some() {
            return Err(Error::InUse);
        }
        let mut places = self.places.iter();
        let is_free = |place: &Option<&'static mut ServerSlot>| {
            place.as_ref().is_none_or(|server| server.id == 0)
        };
        let place = places.position(is_free).ok_or(Error::LimitExceeded)?;
        if self.places[place].is_none() {
            let fresh = self.fresh.take().ok_or(Error::LimitExceeded)?;
            let (first, rest) = fresh.split_first_mut().ok_or(Error::LimitExceeded)?;
            self.fresh = Some(rest);
            self.places[place] = Some(first.write(ServerSlot::EMPTY));
        }
        self.made = self.made.wrapping_add(1);
        // Never 0, and 2^26 servers lie between two of one number.
        let id = (self.made << 6 | place as u32) & 0x7fff_ffff | 1 << 5;
        if let Some(server) = &mut self.places[place] {
            server.id = id;
            server.owner = owner;
            server.name[..name.len()].copy_from_slice(name);
            server.name_bytes = name.len() as u8;
            (server.first, server.count) = (0, 0);
        }
        Ok(place as u8)
    }

    /// The server at a place, which is taken.
    #[inline]
    pub fn at(&mut self, place: u8) -> Option<&mut ServerSlot> {
        let server = self.places[usize::from(place) % SERVERS].as_deref_mut();
        server.filter(|server| server.id != 0)
    }

    /// The number of the server at a place, never that of another before it.
    pub fn id(&mut self, place: u8) -> u32 {
        self.at(place).map_or(0, |server| server.id)
    }

    /// The place of the server with that number, if it exists.
    #[inline]
    pub fn find(&mut self, id: u32) -> Option<u8> {
        let place = (id % SERVERS as u32) as u8;
        self.at(place)
            .filter(|server| server.id == id)
            .map(|_| place)
    }

    /// The place of the server of that name.
    pub fn named(&self, name: &[u8]) -> Option<u8> {
        let is_it = |place: &Option<&'static mut ServerSlot>| {
            let server = place.as_ref();
            server.is_some_and(|server| server.id != 0 && server.name() == name)
        };
        self.places.iter().position(is_it).map(|place| place as u8)
    }

    /// The place of a server of that process.
    pub fn owned_by(&self, pid: u16) -> Option<u8> {
        let is_it = |place: &Option<&'static mut ServerSlot>| {
            let server = place.as_ref();
            server.is_some_and(|server| server.id != 0 && server.owner == pid)
        };
        self.places.iter().position(is_it).map(|place| place as u8)
    }

    /// Ends the server at a place; its queue is lost.
    pub fn remove(&mut self, place: u8) {
        if let Some(server) = self.at(place) {
            server.id = 0;
        }
    }

    /// The thread does not wait at that server any more.
    pub fn forget_sender(&mut self, place: u8, slot: Slot) {
        if let Some(server) = self.at(place) {
            server.forget(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_ends_leaves_the_order_of_the_others() {
        let mut server = ServerSlot::EMPTY;
        for round in 0..3 * QUEUE {
            for n in 0..QUEUE {
                server.push(Queued::Sender(Slot(n)));
            }
            server.forget(Slot(round % QUEUE));
            let left: Vec<Queued> = std::iter::from_fn(|| server.pop()).collect();
            let due = (0..QUEUE).filter(|n| *n != round % QUEUE);
            assert_eq!(
                left,
                due.map(|n| Queued::Sender(Slot(n))).collect::<Vec<_>>()
            );
            server.push(NOTHING);
            server.pop();
        }
    }

    #[test]
    fn a_place_that_is_taken_again_has_another_number() {
        let mut servers = Servers::EMPTY;
        servers.give_room(
            (0..SERVERS)
                .map(|_| MaybeUninit::uninit())
                .collect::<Vec<_>>()
                .leak(),
        );
        let mut seen = Vec::new();
        for n in 0..SERVERS as u8 {
            assert_eq!(servers.add(n.into(), &[b'a', n]), Ok(n));
            seen.push(servers.id(n));
        }
        assert_eq!(servers.add(1, b"one more"), Err(Error::LimitExceeded));
        assert_eq!(servers.add(1, &[b'a', 3]), Err(Error::InUse));
        for _ in 0..100 {
            servers.remove(7);
            assert_eq!(servers.add(9, b"again"), Ok(7));
            let id = servers.id(7);
            assert!(!seen.contains(&id) && id as i32 > 0);
            assert_eq!(servers.find(id), Some(7));
            seen.push(id);
        }
        assert_eq!(servers.find(seen[7]), None);
    }
}
