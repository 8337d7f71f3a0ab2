//! The block map beside an image: which blocks to write to a card, and their hashes.
//!
//! Written is format 2.0; read are 1.2 to 2.0, as bmap-tools writes them: 1.2 and 1.3 with SHA-1 or without a
//! checksum, later ones with SHA-256.

use sha1::Sha1;
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
    /// Checksum of the range, in hexadecimal; `None` in a map without.
    pub sum: Option<String>,
}

/// How a map's checksums are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapSum {
    /// FIPS 180-4, SHA-1: maps of format 1.3 and before.
    Sha1,
    /// FIPS 180-4, SHA-256: later maps.
    Sha256,
}

/// A map that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMap {
    /// Size in bytes of the image.
    pub size: u64,
    /// Size in bytes of a block.
    pub block: u64,
    /// How its checksums are computed.
    pub kind: MapSum,
    /// Ranges in the order of the map.
    pub ranges: Vec<BlockRange>,
}

impl BlockMap {
    /// First byte and the byte behind the last of each range, within the image.
    pub fn spans(&self) -> Vec<(u64, u64)> {
        self.ranges.iter().map(|range| self.span(range)).collect()
    }

    fn span(&self, range: &BlockRange) -> (u64, u64) {
        let at = |block: u64| block.saturating_mul(self.block);
        (
            at(range.first),
            at(range.last.saturating_add(1)).min(self.size),
        )
    }

    /// The checksum of a range of an image.
    pub(crate) fn hash(&self, image: &impl ReadAt, range: &BlockRange) -> Result<String> {
        match self.kind {
            MapSum::Sha1 => hash_span::<Sha1>(image, self.span(range)),
            MapSum::Sha256 => hash_span::<Sha256>(image, self.span(range)),
        }
    }
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
            let sum = Some(hash(image, size, (first, last))?);
            Ok(BlockRange { first, last, sum })
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
    hash_span::<Sha256>(image, (first * BLOCK, ((last + 1) * BLOCK).min(size)))
}

fn hash_span<D: Digest>(image: &impl ReadAt, (mut at, end): (u64, u64)) -> Result<String> {
    let mut hash = D::new();
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
    for BlockRange { first, last, sum } in ranges {
        let blocks = if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        };
        let _ = writeln!(
            text,
            "    <Range chksum=\"{}\"> {blocks} </Range>",
            sum.as_deref().unwrap_or_default()
        );
    }
    text.push_str("  </BlockMap>\n</bmap>\n");
    // The map's own checksum is computed with zeros in its place.
    let own = hex(&Sha256::digest(text.as_bytes()));
    text.replace_range(checksum_at..checksum_at + 64, &own);
    text
}

/// Parses a map; `None` if it is not a map, of a later format, or its own checksum is wrong.
pub fn parse(text: &str) -> Option<BlockMap> {
    let field = |name: &str| {
        let rest = text.split_once(&format!("<{name}>"))?.1;
        Some(rest.split_once('<')?.0.trim())
    };
    let version = attribute(text.split_once("<bmap")?.1, "version")?;
    if !matches!(version.split_once('.'), Some(("1" | "2", _))) {
        return None;
    }
    let kind = match field("ChecksumType") {
        None => MapSum::Sha1,
        Some("sha1") => MapSum::Sha1,
        Some("sha256") => MapSum::Sha256,
        Some(_) => return None,
    };
    if let Some(own) = field("BmapFileChecksum").or(field("BmapFileSHA1")) {
        // The map's own checksum is computed with zeros in its place.
        let blank = text.replacen(own, &"0".repeat(own.len()), 1);
        let sum = match kind {
            MapSum::Sha1 => hex(&Sha1::digest(blank.as_bytes())),
            MapSum::Sha256 => hex(&Sha256::digest(blank.as_bytes())),
        };
        if sum != own.to_ascii_lowercase() {
            return None;
        }
    }
    let block = field("BlockSize")?.parse().ok()?;
    if !(512..=1 << 20).contains(&block) {
        return None;
    }
    let size = field("ImageSize")?.parse().ok()?;
    let mut ranges = Vec::new();
    for part in text.split("<Range").skip(1) {
        let (attributes, rest) = part.split_once('>')?;
        let blocks = rest.split_once('<')?.0.trim();
        let (first, last) = blocks.split_once('-').unwrap_or((blocks, blocks));
        let sum = attribute(attributes, "chksum").or(attribute(attributes, "sha1"));
        ranges.push(BlockRange {
            first: first.trim().parse().ok()?,
            last: last.trim().parse().ok()?,
            sum: sum.map(str::to_ascii_lowercase),
        });
    }
    (!ranges.is_empty()).then_some(BlockMap {
        size,
        block,
        kind,
        ranges,
    })
}

/// The value of an attribute of a tag that begins here.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let tag = tag.split_once('>').map_or(tag, |(tag, _)| tag);
    let value = tag.split_once(&format!("{name}="))?.1;
    let quote = value.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    value[1..].split_once(quote).map(|(value, _)| value)
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
                sum: Some("ab".repeat(32)),
            },
            BlockRange {
                first: 256,
                last: 300,
                sum: Some("cd".repeat(32)),
            },
        ];
        let text = text(1 << 20, 46, &ranges);
        let map = parse(&text).unwrap();
        assert_eq!(
            (map.size, map.block, map.kind),
            (1 << 20, BLOCK, MapSum::Sha256)
        );
        assert_eq!(map.ranges, ranges);
        assert_eq!(map.spans(), [(0, BLOCK), (BLOCK << 8, 1 << 20)]);
        assert_eq!(parse(&text.replace("256-300", "256-301")), None);
        assert_eq!(parse("<bmap>"), None);
    }

    #[test]
    fn maps_of_older_formats_are_read() {
        let text = "<?xml version=\"1.0\" ?>\n<bmap version=\"1.3\">\n<ImageSize> 12288 </ImageSize>\n\
                    <BlockSize> 4096 </BlockSize>\n<BmapFileSHA1> SUM </BmapFileSHA1>\n<BlockMap>\n\
                    <Range sha1=\"1CEAF73DF40E531DF3BFB26B4FB7CD95FB7BFF1D\"> 0 </Range>\n</BlockMap>\n</bmap>\n";
        let blank = text.replace("SUM", &"0".repeat(40));
        let own = hex(&Sha1::digest(blank.as_bytes()));
        let map = parse(&text.replace("SUM", &own)).unwrap();
        assert_eq!((map.kind, map.spans()), (MapSum::Sha1, vec![(0, 4096)]));
        // The SHA-1 of a block of zeros.
        assert_eq!(
            map.ranges[0].sum.as_deref(),
            Some("1ceaf73df40e531df3bfb26b4fb7cd95fb7bff1d")
        );
        assert_eq!(
            parse(&text.replace("SUM", &own).replace("12288", "12289")),
            None
        );
        let plain = "<bmap version=\"1.2\"><ImageSize>12288</ImageSize><BlockSize>4096</BlockSize>\
                     <BlockMap><Range> 0-1 </Range><Range>2</Range></BlockMap></bmap>";
        let map = parse(plain).unwrap();
        assert_eq!(map.spans(), [(0, 8192), (8192, 12288)]);
        assert!(map.ranges.iter().all(|range| range.sum.is_none()));
        assert_eq!(parse(&plain.replace("1.2", "3.0")), None);
    }
}
