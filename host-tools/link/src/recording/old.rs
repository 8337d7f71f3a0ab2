//! Blocks of a recording of version 1, which were neither compressed nor grouped.
//!
//! ```text
//! block   microseconds since the block before (u32), length (u16), kind (u8), 0, CRC-32 of these
//!         eight bytes and the payload (u32), payload
//! ```

use std::io::{self, Read};

use super::block::{Block, BlockKind};
use super::fill::fill;
use super::sum;

const HEAD: usize = 12;

/// The next block and its length in the file, with its time counted from `before_us`; `None` at the end, and
/// `Err(())` within the outer result for a block that is truncated or damaged.
pub fn next(from: &mut impl Read, before_us: u64) -> io::Result<Option<Result<(Block, u64), ()>>> {
    let mut head = [0; HEAD];
    let read = fill(from, &mut head)?;
    if read == 0 {
        return Ok(None);
    }
    if read < HEAD {
        return Ok(Some(Err(())));
    }
    let [a, b, c, d, e, f, kind, _, g, h, i, j] = head;
    let mut payload = vec![0; u16::from_le_bytes([e, f]).into()];
    let is_whole = fill(from, &mut payload)? == payload.len();
    if !is_whole || u32::from_le_bytes([g, h, i, j]) != sum(&head[..8], &payload) {
        return Ok(Some(Err(())));
    }
    let kind = BlockKind::of(kind);
    let at_us = match (kind, payload.first_chunk()) {
        (BlockKind::Started, Some(since)) => u64::from_le_bytes(*since),
        _ => before_us.saturating_add(u32::from_le_bytes([a, b, c, d]).into()),
    };
    let length = (HEAD + payload.len()) as u64;
    Ok(Some(Ok((
        Block {
            at_us,
            kind,
            payload,
        },
        length,
    ))))
}
