//! The rows of pixels inside a block: addresses to scale, a colour for each class.

use model::space::{Band, Range};

use super::permission::{CLASSES, class_of};

/// The part of a row that each class takes, of 1.
type Parts = [f64; CLASSES.len()];

/// Rows of pixels, one below the other, that look alike.
pub struct Rows {
    /// The first.
    pub first: i32,
    /// How many.
    pub count: i32,
    /// Pixels of the width that each class takes.
    pub shares: [i32; CLASSES.len()],
}

/// What a block of `height` by `width` pixels shows of a band.
pub fn rows(band: &Band<'_>, height: i32, width: i32) -> Vec<Rows> {
    let mut filled = vec![[0.0; CLASSES.len()]; height as usize];
    let scale = f64::from(height) / band.bytes as f64;
    for range in band.ranges {
        fill(&mut filled, band, range, scale);
    }
    let mut rows: Vec<Rows> = Vec::new();
    for (first, parts) in (0..).zip(&filled) {
        let shares = shares(parts, width);
        match rows.last_mut() {
            Some(last) if last.shares == shares => last.count += 1,
            _ => rows.push(Rows {
                first,
                count: 1,
                shares,
            }),
        }
    }
    rows
}

/// Adds a range to the rows it lies in, each row being one high.
fn fill(rows: &mut [Parts], band: &Band<'_>, range: &Range, scale: f64) {
    let class = class_of(range.flags());
    let into = range.va.raw().wrapping_sub(band.va().raw());
    let from = into as f64 * scale;
    let to = (into as f64 + range.bytes as f64) * scale;
    let last = (to.ceil() as usize).min(rows.len());
    for (row, parts) in rows.iter_mut().enumerate().take(last).skip(from as usize) {
        let overlap = to.min(row as f64 + 1.0) - from.max(row as f64);
        parts[class] += overlap.max(0.0);
    }
}

/// Pixels for the parts: at least three for what is there at all, and no hole
/// where there is none.
fn shares(parts: &Parts, width: i32) -> [i32; CLASSES.len()] {
    let mut shares = parts.map(|part| match part {
        0.0 => 0,
        part => ((part * f64::from(width)) as i32).max(3),
    });
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
        let mut parts = [0.0; CLASSES.len()];
        parts[1] = 0.999_99;
        parts[2] = 0.000_01;
        assert_eq!(shares(&parts, 200).iter().sum::<i32>(), 200);
        parts[1] = 0.5;
        assert_eq!(shares(&parts, 200)[1..3], [100, 3]);
    }
}
