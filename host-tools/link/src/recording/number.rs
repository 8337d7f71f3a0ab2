//! Numbers in a recording: seven bits a byte, low bits first.
//!
//! Differences have their sign in the lowest bit, so that small steps in either direction are one byte.

/// Appends a number, in one to ten bytes.
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front; `None` if the bytes end in it, or it has more than 64 bits.
pub fn take(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Takes a count of things that each occupy at least one of the remaining bytes.
pub fn take_count(from: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(take(from)?).ok()?;
    (count <= from.len()).then_some(count)
}

/// Takes so many bytes off the front; `None` if there are fewer.
pub fn take_bytes<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (bytes, rest) = from.split_at_checked(count)?;
    *from = rest;
    Some(bytes)
}

/// The difference from one number to another, modulo 2^64.
pub fn distance(from: u64, to: u64) -> u64 {
    let apart = to.wrapping_sub(from).cast_signed();
    ((apart << 1) ^ (apart >> 63)).cast_unsigned()
}

/// The number at a [`distance`] from another.
pub fn at_distance(from: u64, distance: u64) -> u64 {
    from.wrapping_add((distance >> 1) ^ (distance & 1).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_and_every_difference_comes_back(one: u64, other: u64) {
            let mut bytes = Vec::new();
            put(&mut bytes, one);
            put(&mut bytes, distance(one, other));
            let mut rest = &bytes[..];
            prop_assert_eq!(take(&mut rest), Some(one));
            prop_assert_eq!(take(&mut rest).map(|far| at_distance(one, far)), Some(other));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_number_that_is_cut_or_too_large_is_none() {
        assert_eq!(take(&mut &[0x80, 0x80][..]), None);
        assert_eq!(take(&mut &[0xff; 11][..]), None);
        assert_eq!(take_count(&mut &[3, 0, 0][..]), None);
    }
}
