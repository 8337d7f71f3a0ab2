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

/// A flag beside the connection, of a message that lends pages: threads of the lender that touch them wait until they
/// are returned. Without it such an access is a fault.
pub const WAIT: usize = 0x200;

/// Pages that one message can have.
pub const PAGES: usize = 256;

/// Messages with pages that can be received and not returned at once.
pub const LENDS: usize = 64;

/// The words of a message.
pub const WORDS: usize = 5;

closed! {
    /// What a message is, in `a6` of a receiver from bit 16 on.
    pub enum MessageKind {
        /// Five words; the sender has gone on.
        Scalar = 0,
        /// Five words; the sender waits for five.
        Blocking = 1,
        /// Pages that become the receiver's; the sender has gone on.
        Move = 2,
        /// Pages that the receiver may read until it returns the message, which the sender waits for.
        Borrow = 3,
        /// Pages that the receiver may write until it returns the message, which the sender waits for.
        MutableBorrow = 4,
    }
}
