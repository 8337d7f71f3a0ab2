//! A block of a recording: what was on the line in one direction, at one time.

/// Type of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Bytes received from the board.
    Received,
    /// The recording started or resumed: microseconds since 1970 (u64).
    Started,
    /// Bytes sent to the board.
    Sent,
    /// Bytes received earlier, without which a reader that begins here lacks the board's name and clock.
    Context,
    /// What a person said about a point in time: a `Note`.
    Note,
    /// A type of a newer program.
    Other(u8),
}

impl BlockKind {
    /// The number of the type in a file.
    pub(super) fn number(self) -> u8 {
        match self {
            BlockKind::Received => 0,
            BlockKind::Started => 1,
            BlockKind::Sent => 2,
            BlockKind::Context => 3,
            BlockKind::Note => 4,
            BlockKind::Other(number) => number,
        }
    }

    pub(super) fn of(number: u8) -> BlockKind {
        match number {
            0 => BlockKind::Received,
            1 => BlockKind::Started,
            2 => BlockKind::Sent,
            3 => BlockKind::Context,
            4 => BlockKind::Note,
            other => BlockKind::Other(other),
        }
    }

    /// Whether its bytes were on the line.
    pub fn is_line(self) -> bool {
        matches!(self, BlockKind::Received | BlockKind::Sent)
    }
}

/// A block with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Microseconds since 1970; since the first block, in a recording of version 1 that does not say when it
    /// started.
    pub at_us: u64,
    /// Type of the block.
    pub kind: BlockKind,
    /// Content of the block, as its type defines it.
    pub payload: Vec<u8>,
}

/// The block that begins a session of recording.
pub fn started(at_us: u64) -> Block {
    Block {
        at_us,
        kind: BlockKind::Started,
        payload: at_us.to_le_bytes().to_vec(),
    }
}

/// Whether a decoder of the board's bytes takes this block: what was received, and before anything else what
/// was received before the recording.
pub fn is_board_output(block: &Block, has_begun: &mut bool) -> bool {
    match block.kind {
        BlockKind::Received => {
            *has_begun = true;
            true
        }
        BlockKind::Context => !std::mem::replace(has_begun, true),
        _ => false,
    }
}
