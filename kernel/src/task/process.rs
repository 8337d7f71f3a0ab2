//! A process: an address space, its limits, and the line it was started with. Its threads run in it.

use abi::message::CONNECTIONS;

use super::forking::Forking;
use super::handler_of::ExceptionHandler;
use super::slot::Slot;
use crate::mm::Space;

/// The longest command line a process is started with, in bytes.
pub const LINE_BYTES: usize = 96;

/// One process.
pub struct Process {
    /// Its number, which is that of its first thread; 0 for a place that is free.
    pub pid: u16,
    /// The process that spawned it; 0 for the first one, and once the parent has ended.
    pub parent: u16,
    /// Its first thread. It ends with that one, and how it ended stands in that one's state.
    pub first: Slot,
    /// Threads of it that have not ended, those that are ending included.
    pub threads: u16,
    /// Its memory.
    pub space: Space,
    /// The servers that it is connected to.
    pub(super) connections: Connections,
    /// Who is called when one of its threads faults.
    pub(super) handler: Option<ExceptionHandler>,
    /// A child in the making, if one entry was not enough for it.
    pub(super) forking: Option<Forking>,
    pub(super) line: [u8; LINE_BYTES],
    pub(super) line_bytes: u8,
}

/// Servers that a process is connected to, by the number that it has for each, less one; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connections([u32; CONNECTIONS]);

impl Connections {
    /// To no server.
    pub const NONE: Connections = Connections([0; CONNECTIONS]);

    /// The server of a connection, which may have ended.
    #[inline]
    pub fn server(&self, connection: usize) -> Option<u32> {
        let id = *self.0.get(connection.wrapping_sub(1))?;
        (id != 0).then_some(id)
    }

    /// A number for one more; `None` when all are taken.
    pub fn add(&mut self, server: u32) -> Option<usize> {
        let place = self.0.iter().position(|&id| id == 0)?;
        self.0[place] = server;
        Some(place + 1)
    }

    /// Gives a number up; whether there was one.
    pub fn remove(&mut self, connection: usize) -> bool {
        let is_there = self.server(connection).is_some();
        if is_there {
            self.0[connection - 1] = 0;
        }
        is_there
    }
}

impl Process {
    pub(super) const EMPTY: Process = Process {
        pid: 0,
        parent: 0,
        first: Slot::FIRST,
        threads: 0,
        space: Space::EMPTY,
        connections: Connections::NONE,
        handler: None,
        forking: None,
        line: [0; LINE_BYTES],
        line_bytes: 0,
    };

    /// The command line it was started with.
    pub fn line(&self) -> &str {
        core::str::from_utf8(&self.line[..self.line_bytes as usize]).unwrap_or("?")
    }

    /// A copy of the line, and its length.
    pub fn line_bytes(&self) -> ([u8; LINE_BYTES], usize) {
        (self.line, self.line_bytes.into())
    }
}
