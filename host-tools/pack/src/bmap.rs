//! The block map beside an image: which blocks to write to a card, and their hashes.
//!
//! Format 2.0 as bmap-tools reads it.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::thread;

use crate::Result;
use crate::content::{Extent, ReadAt};

/// Block size in bytes.
pub const BLOCK: u64 = 4096;
/// Largest range in blocks: 2 MiB.
const MOST: u64 = 512;
/// Bytes hashed at a time; the buffer fits in the L1 cache.
const PIECE: u64 = 1 << 16;

/// Blocks `first` to `last`, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// First block, from 0.
    pub first: u64,
    /// Last block, included.
    pub last: u64,
    /// SHA-256 of the range, as 64 hexadecimal digits.
    pub sha256: String,
}

/// The blocks that must be written, merged; blocks of zeros are included where the card's content matters.
pub fn blocks(extents: &[Extent]) -> Vec<(u64, u64)> {
    let spans = extents
        .iter()
        .map(|extent| (extent.at, extent.content.size()));
    merged(spans)
}

/// Converts spans of bytes (offset, length) to the blocks they touch, merged.
pub fn merged(spans: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut blocks: Vec<(u64, u64)> = spans
        .filter(|&(_, bytes)| bytes > 0)
        .map(|(at, bytes)| (at / BLOCK, (at + bytes - 1) / BLOCK))
        .collect();
    blocks.sort_unstable();
    blocks.dedup_by(|next, merged| {
        let touches = next.0 <= merged.1 + 1;
        if touches {
            merged.1 = merged.1.max(next.1);
        }
        touches
    });
    blocks
}

/// Writes the map of an image as XML.
pub(crate) fn describe(
    image: &(impl ReadAt + Sync),
    size: u64,
    blocks: &[(u64, u64)],
) -> Result<String> {
    let mapped: u64 = blocks.iter().map(|(first, last)| last - first + 1).sum();
    let blocks = &cut(blocks);
    // Two threads; each takes every second range.
    let hand = |from: usize| -> Result<Vec<BlockRange>> {
        let mine = blocks.iter().skip(from).step_by(2);
        mine.map(|&(first, last)| {
            let sha256 = hash(image, size, (first, last))?;
            Ok(BlockRange {
                first,
                last,
                sha256,
            })
        })
        .collect()
    };
    let (even, odd) = thread::scope(|scope| -> Result<_> {
        let other = scope.spawn(|| hand(1));
        let even = hand(0)?;
        let odd = other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((even, odd?))
    })?;
    let mut ranges: Vec<BlockRange> = even.into_iter().chain(odd).collect();
    ranges.sort_unstable_by_key(|range| range.first);
    Ok(text(size, mapped, &ranges))
}

/// Splits into ranges of [`MOST`] blocks, so that a mismatch is found earlier and located more precisely.
fn cut(blocks: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let pieces = |&(first, last): &(u64, u64)| {
        (first..=last)
            .step_by(MOST as usize)
            .map(move |first| (first, last.min(first + MOST - 1)))
    };
    blocks.iter().flat_map(pieces).collect()
}

/// SHA-256 of blocks `first` to `last` of an image of `size` bytes.
pub(crate) fn hash(image: &impl ReadAt, size: u64, (first, last): (u64, u64)) -> Result<String> {
    let mut hash = Sha256::new();
    let mut at = first * BLOCK;
    let end = ((last + 1) * BLOCK).min(size);
    let mut piece = vec![0; end.saturating_sub(at).min(PIECE) as usize];
    while at < end {
        let piece = &mut piece[..(end - at).min(PIECE) as usize];
        image.see(piece, at, &mut |bytes| hash.update(bytes))?;
        at += piece.len() as u64;
    }
    Ok(hex(&hash.finalize()))
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(size: u64, mapped: u64, ranges: &[BlockRange]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\">\n");
    let _ = write!(
        text,
        "  <ImageSize> {size} </ImageSize>\n  <BlockSize> {BLOCK} </BlockSize>\n  <BlocksCount> {} </BlocksCount>\n  \
         <MappedBlocksCount> {mapped} </MappedBlocksCount>\n  <ChecksumType> sha256 </ChecksumType>\n  \
         <BmapFileChecksum> ",
        size.div_ceil(BLOCK)
    );
    let checksum_at = text.len();
    text.push_str(&"0".repeat(64));
    text.push_str(" </BmapFileChecksum>\n  <BlockMap>\n");
    for BlockRange {
        first,
        last,
        sha256,
    } in ranges
    {
        let blocks = if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        };
        let _ = writeln!(text, "    <Range chksum=\"{sha256}\"> {blocks} </Range>");
    }
    text.push_str("  </BlockMap>\n</bmap>\n");
    // The map's own checksum is computed with zeros in its place.
    let own = hex(&Sha256::digest(text.as_bytes()));
    text.replace_range(checksum_at..checksum_at + 64, &own);
    text
}

/// Parses a map; `None` if it is not a map or its own checksum is wrong.
pub fn parse(text: &str) -> Option<(u64, Vec<BlockRange>)> {
    let field = |name: &str| {
        let rest = text.split_once(&format!("<{name}>"))?.1;
        Some(rest.split_once('<')?.0.trim())
    };
    let own = field("BmapFileChecksum")?;
    let blank = text.replacen(own, &"0".repeat(own.len()), 1);
    if field("ChecksumType")? != "sha256" || hex(&Sha256::digest(blank.as_bytes())) != own {
        return None;
    }
    if field("BlockSize")?.parse::<u64>().ok()? != BLOCK {
        return None;
    }
    let size = field("ImageSize")?.parse().ok()?;
    let mut ranges = Vec::new();
    for part in text.split("<Range chksum=\"").skip(1) {
        let (sha256, rest) = part.split_once('"')?;
        let blocks = rest.strip_prefix('>')?.split_once('<')?.0.trim();
        let (first, last) = blocks.split_once('-').unwrap_or((blocks, blocks));
        ranges.push(BlockRange {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
            sha256: sha256.to_owned(),
        });
    }
    Some((size, ranges))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    #[test]
    fn blocks_that_touch_are_one_range() {
        let extent = |at, size| Extent {
            at,
            content: Content::bytes(vec![1; size]),
        };
        let extents = [
            extent(8192, 1),
            extent(0, 4096),
            extent(4096, 4096),
            extent(40960, 5000),
            extent(3, 0),
        ];
        assert_eq!(blocks(&extents), [(0, 2), (10, 11)]);
    }

    #[test]
    fn long_ranges_are_cut_and_none_is_lost() {
        let cuts = cut(&[(3, 3), (10, 10 + 2 * MOST)]);
        let far = 10 + MOST;
        let wanted = [
            (3, 3),
            (10, far - 1),
            (far, far + MOST - 1),
            (far + MOST, far + MOST),
        ];
        assert_eq!(cuts, wanted);
    }

    #[test]
    fn a_map_reads_back_and_a_changed_one_does_not() {
        let ranges = vec![
            BlockRange {
                first: 0,
                last: 0,
                sha256: "ab".repeat(32),
            },
            BlockRange {
                first: 256,
                last: 300,
                sha256: "cd".repeat(32),
            },
        ];
        let text = text(1 << 20, 46, &ranges);
        assert_eq!(parse(&text), Some((1 << 20, ranges)));
        assert_eq!(parse(&text.replace("256-300", "256-301")), None);
        assert_eq!(parse("<bmap>"), None);
    }
}
