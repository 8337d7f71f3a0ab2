//! The rows of pixels inside a block: addresses to scale, one colour per class.

/// A run of addresses of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPart {
    /// First address.
    pub first: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Index of the class in the legend.
    pub class: usize,
    /// Index of the source item, for the text beside the block.
    pub place: usize,
}

/// Share of a row for each class; the sum is at most 1.
type Parts = Vec<f64>;

/// Adjacent pixel rows of equal content.
pub struct PixelRows {
    /// First row, from the top of the block.
    pub first: i32,
    /// Number of rows.
    pub count: i32,
    /// Pixels of the width for each class.
    pub shares: Vec<i32>,
}

/// The pixel rows of a block of `height` by `width` pixels that shows `bytes` from the first part.
pub fn rows(
    parts: &[BlockPart],
    bytes: u64,
    classes: usize,
    height: i32,
    width: i32,
) -> Vec<PixelRows> {
    let mut filled: Vec<Parts> = vec![vec![0.0; classes]; height as usize];
    let scale = f64::from(height) / bytes as f64;
    let begin = parts.first().map_or(0, |part| part.first);
    for part in parts {
        fill(&mut filled, part, part.first.wrapping_sub(begin), scale);
    }
    let mut rows: Vec<PixelRows> = Vec::new();
    for (first, parts) in (0..).zip(&filled) {
        let shares = shares(parts, width);
        match rows.last_mut() {
            Some(last) if last.shares == shares => last.count += 1,
            _ => rows.push(PixelRows {
                first,
                count: 1,
                shares,
            }),
        }
    }
    rows
}

/// Adds a part to the rows it covers; a row has height 1.
fn fill(rows: &mut [Parts], part: &BlockPart, into: u64, scale: f64) {
    let from = into as f64 * scale;
    let to = (into as f64 + part.bytes as f64) * scale;
    let last = (to.ceil() as usize).min(rows.len());
    for (row, parts) in rows.iter_mut().enumerate().take(last).skip(from as usize) {
        let overlap = to.min(row as f64 + 1.0) - from.max(row as f64);
        parts[part.class] += overlap.max(0.0);
    }
}

/// Pixels for the shares: at least three for every non-zero share, and none for a zero share.
fn shares(parts: &[f64], width: i32) -> Vec<i32> {
    let share = |part: &f64| match *part {
        0.0 => 0,
        part => ((part * f64::from(width)) as i32).max(3),
    };
    let mut shares: Vec<i32> = parts.iter().map(share).collect();
    let spare = width - shares.iter().sum::<i32>();
    let is_full = parts.iter().sum::<f64>() > 0.999;
    if (is_full || spare < 0)
        && let Some(widest) = shares.iter_mut().max()
    {
        *widest += spare;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_full_where_everything_is_mapped() {
        let mut parts = [0.0; 10];
        parts[1] = 0.999_99;
        parts[2] = 0.000_01;
        assert_eq!(shares(&parts, 200).iter().sum::<i32>(), 200);
        parts[1] = 0.5;
        assert_eq!(shares(&parts, 200)[1..3], [100, 3]);
    }
}
