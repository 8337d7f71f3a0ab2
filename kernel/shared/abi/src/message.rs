//! Numbers of the calls on servers and messages.

use crate::numbered::closed;

/// The longest name of a server, in bytes.
pub const NAME_BYTES: usize = 16;

/// Messages that wait in a server's queue; a sender beyond them waits for room.
pub const QUEUE: usize = 16;

/// Connections that a process can have at once.
pub const CONNECTIONS: usize = 16;

/// Servers that can exist at once.
pub const SERVERS: usize = 32;

/// A flag beside the connection: a full queue is answered with `Busy`, and not waited for.
pub const TRY: usize = 0x100;

/// The words of a message.
pub const WORDS: usize = 5;

closed! {
    /// What a message is, in `a6` of a receiver from bit 16 on.
    pub enum MessageKind {
        /// Five words; the sender has gone on.
        Scalar = 0,
        /// Five words; the sender waits for five.
        Blocking = 1,
    }
}
