//! Numbers on the wire: postcard's varints, seven bits per byte, low bits first.

/// A payload that does not have the form of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("payload does not hold what its kind promises")
    }
}

impl core::error::Error for Malformed {}

/// Decodes a number at the front; returns it and the rest.
pub(crate) fn take(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    postcard::take_from_bytes(bytes).map_err(|_| Malformed)
}

/// Encodes a number at `*at` and advances it; `None` if it does not fit.
pub(crate) fn put(out: &mut [u8], at: &mut usize, number: u64) -> Option<()> {
    let room = out.get_mut(*at..)?;
    *at += postcard::to_slice(&number, room).ok()?.len();
    Some(())
}

/// The difference from `from` to `to` in zigzag encoding: modulo 2^64, with the sign in the lowest bit, so
/// that small steps in either direction are short.
pub(crate) fn distance(from: u64, to: u64) -> u64 {
    let apart = to.wrapping_sub(from).cast_signed();
    ((apart << 1) ^ (apart >> 63)).cast_unsigned()
}

/// The number at a [`distance`] from `from`.
pub(crate) fn at_distance(from: u64, distance: u64) -> u64 {
    from.wrapping_add((distance >> 1) ^ (distance & 1).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_numbers_are_small_on_either_side() {
        assert_eq!(distance(100, 100), 0);
        assert_eq!(distance(100, 99), 1);
        assert_eq!(distance(100, 101), 2);
        assert_eq!(distance(0, u64::MAX), 1);
        assert_eq!(distance(u64::MAX, 0), 2);
    }

    #[test]
    fn every_distance_leads_back() {
        let ends = [0, 1, 2, 4096, 1 << 62, 1 << 63, u64::MAX - 1, u64::MAX];
        for from in ends {
            for to in ends {
                assert_eq!(at_distance(from, distance(from, to)), to);
            }
        }
    }
}
