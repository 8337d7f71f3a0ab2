//! Blocks of about a second as one body: times, kinds, lengths, and what each direction had.

use super::block::{Block, BlockKind};
use super::frames::{DirectionFacts, DirectionModel};
use super::number::{put, take, take_bytes, take_count};

/// What the bodies before had: writer and reader keep the same, from the start of a segment on.
#[derive(Default)]
pub struct BodyModel {
    received: DirectionModel,
    sent: DirectionModel,
}

impl BodyModel {
    /// The body of these blocks, the first of which is at `start_us`; and what the board sent in them.
    pub fn encode(&mut self, start_us: u64, blocks: &[Block]) -> (Vec<u8>, DirectionFacts) {
        let mut body = Vec::new();
        put(&mut body, blocks.len() as u64);
        let mut before = start_us;
        for block in blocks {
            put(&mut body, block.at_us.saturating_sub(before));
            before = before.max(block.at_us);
        }
        body.extend(blocks.iter().map(|block| block.kind.number()));
        for block in blocks {
            put(&mut body, block.payload.len() as u64);
        }
        let of = |kind: BlockKind| -> Vec<u8> {
            let same = blocks.iter().filter(|block| block.kind == kind);
            same.flat_map(|block| &block.payload).copied().collect()
        };
        let facts = self.received.put(&mut body, &of(BlockKind::Received));
        self.sent.put(&mut body, &of(BlockKind::Sent));
        for block in blocks.iter().filter(|block| !block.kind.is_line()) {
            body.extend(&block.payload);
        }
        (body, facts)
    }

    /// The blocks of a body; `None` if it is none.
    pub fn decode(&mut self, start_us: u64, body: &[u8]) -> Option<Vec<Block>> {
        let from = &mut &*body;
        let count = take_count(from)?;
        let mut times = Vec::new();
        let mut at_us = start_us;
        for _ in 0..count {
            at_us = at_us.checked_add(take(from)?)?;
            times.push(at_us);
        }
        let kinds = take_bytes(from, count)?;
        let mut lengths = Vec::new();
        for _ in 0..count {
            lengths.push(usize::try_from(take(from)?).ok()?);
        }
        let received = self.received.take(from)?;
        let sent = self.sent.take(from)?;
        let (mut received, mut sent) = (&received[..], &sent[..]);
        let mut blocks = Vec::new();
        for ((&kind, at_us), length) in kinds.iter().zip(times).zip(lengths) {
            let kind = BlockKind::of(kind);
            let payload = match kind {
                BlockKind::Received => take_bytes(&mut received, length)?,
                BlockKind::Sent => take_bytes(&mut sent, length)?,
                _ => take_bytes(from, length)?,
            };
            blocks.push(Block {
                at_us,
                kind,
                payload: payload.to_vec(),
            });
        }
        Some(blocks)
    }
}
