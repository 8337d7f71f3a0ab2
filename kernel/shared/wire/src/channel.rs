//! Streams: bytes that must arrive complete and in order.

/// The receiver of a stream's bytes. Each channel has a frame kind in either direction; all channels of a
/// direction share one sequence, so they arrive in the order in which they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Console output, and key input.
    Console,
    /// gdb's remote protocol, unchanged.
    Gdb,
    /// Questions to the board's agent, and its answers.
    Control,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 3] = [Channel::Console, Channel::Gdb, Channel::Control];

    /// Frame kind from the board.
    pub const fn from_board(self) -> u8 {
        match self {
            Channel::Console => 0x83,
            Channel::Gdb => 0x84,
            Channel::Control => 0x85,
        }
    }

    /// Frame kind from the host.
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
