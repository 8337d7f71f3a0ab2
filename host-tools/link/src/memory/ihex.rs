//! Intel hex: addresses and bytes as text, as gdb's `dump ihex` and objcopy write them.
//!
//! ```text
//! :02 0000 04 8000 7A                                     count, address, type, bytes, checksum
//! :10 0000 00 0104002000000000E700003000000000 A4
//! ```
//! Type 4 sets the upper 16 bits of the addresses that follow, type 2 sixteen times its value, 1 is the end,
//! 3 and 5 say where a program begins. The sum of all bytes of a record is 0.

use super::Sparse;
use super::srec::pairs;

/// Whether a text begins with a record.
pub(super) fn is_ihex(first: &[u8]) -> bool {
    let first = first.trim_ascii_start();
    let digits = first.get(1..11).unwrap_or_default();
    first.first() == Some(&b':') && digits.len() == 10 && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Takes a line that is not empty, with the upper part of its address; the error says what is wrong with it.
pub(super) fn line(
    line: &[u8],
    base: u64,
    upper: &mut u64,
    memory: &mut Sparse,
) -> Result<(), String> {
    let digits = line.strip_prefix(b":").ok_or("no Intel hex record")?;
    let bytes = pairs(digits).ok_or("a record with other characters than hexadecimal digits")?;
    let [count, high, low, kind, data @ .., _] = &bytes[..] else {
        return Err("a record that is cut off".to_owned());
    };
    if data.len() != usize::from(*count) {
        return Err(format!(
            "a record of {count} bytes has {}: it is cut off",
            data.len()
        ));
    }
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if sum != 0 {
        return Err(format!(
            "a wrong checksum: the sum of the record is {sum:02X}, not 00"
        ));
    }
    let value = data
        .iter()
        .take(2)
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    match kind {
        0 => {
            let at = *upper + (u64::from(*high) << 8 | u64::from(*low));
            memory.put(base.wrapping_add(at), data);
        }
        2 => *upper = value << 4,
        4 => *upper = value << 16,
        1 | 3 | 5 => {}
        other => return Err(format!("there is no record of type {other:02X}")),
    }
    Ok(())
}
