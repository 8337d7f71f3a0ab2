//! The streams: who is meant by bytes that must arrive whole and in order.

/// What a stream's bytes belong to. Each has a kind of frame in either direction; all of one
/// direction share its numbers, so they arrive in the order in which they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Text of the console, and keys.
    Console,
    /// gdb's remote protocol, as on a line of its own.
    Gdb,
    /// Questions to the board's agent, and its answers.
    Control,
}

impl Channel {
    /// All of them.
    pub const ALL: [Channel; 3] = [Channel::Console, Channel::Gdb, Channel::Control];

    /// The kind of frame that carries it from the board.
    pub const fn from_board(self) -> u8 {
        match self {
            Channel::Console => 0x83,
            Channel::Gdb => 0x84,
            Channel::Control => 0x85,
        }
    }

    /// The kind of frame that carries it from the host.
    pub const fn from_host(self) -> u8 {
        match self {
            Channel::Console => 0xc1,
            Channel::Gdb => 0xc2,
            Channel::Control => 0xc3,
        }
    }

    pub(crate) fn of_board(kind: u8) -> Option<Channel> {
        Channel::ALL
            .into_iter()
            .find(|channel| channel.from_board() == kind)
    }

    pub(crate) fn of_host(kind: u8) -> Option<Channel> {
        Channel::ALL
            .into_iter()
            .find(|channel| channel.from_host() == kind)
    }
}
