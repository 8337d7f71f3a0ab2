//! Faults in text: one file per log, ours and other kernels'.
//!
//! A serial log is rarely clean: boot messages without a line end stand before
//! a fault, a shell's prompt in the middle of a line, two faults on one. So each
//! parser looks for its marks anywhere in a line and reads from there.

use abi::Sighting;

mod nuttx;
mod pagewalk;
pub mod report;

/// Tells every fault that stands in one line of text.
pub fn faults(line: &str, emit: &mut dyn FnMut(Sighting)) {
    pagewalk::faults(line, emit);
    nuttx::faults(line, emit);
}

/// The time that stands right before a message: `[    0.010000] `, in
/// microseconds.
fn time_us(before: &str) -> Option<u64> {
    let (_, inside) = before.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let (seconds, fraction) = inside.trim().split_once('.')?;
    let digits = u32::try_from(fraction.len())
        .ok()
        .filter(|digits| *digits <= 9)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(seconds) || !is_number(fraction) {
        return None;
    }
    let fraction: u64 = fraction.parse().ok()?;
    let micros = fraction * 1_000_000 / 10u64.pow(digits);
    seconds
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(micros)
}

/// The field of that name in `NAME: value, NAME: value …`, its value up to the
/// first byte that cannot belong to a hexadecimal number.
fn hex<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let at = fields.find(name)? + name.len();
    let value = fields[at..].strip_prefix(": ")?;
    let end = value
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(value.len());
    Some(&value[..end]).filter(|digits| !digits.is_empty())
}

/// The three numbers that every such line has: cause, EPC, address. Addresses
/// that are not printed at one width were cut, and are not believed.
fn registers(fields: &str, names: [&str; 3]) -> Option<(u8, u64, u64)> {
    let [cause, epc, address] = names.map(|name| hex(fields, name));
    let (cause, epc, address) = (cause?, epc?, address?);
    if epc.len() != address.len() {
        return None;
    }
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
    Some((
        u8::try_from(number(cause)?).ok()?,
        number(epc)?,
        number(address)?,
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_stands_right_before_its_message() {
        assert_eq!(time_us("ABC[    0.010000] "), Some(10_000));
        assert_eq!(time_us("[12.5] "), Some(12_500_000));
        assert_eq!(time_us("[    0.010000] nsh> "), None);
        assert_eq!(time_us("[1.] "), None);
        assert_eq!(time_us("[1.-5] "), None);
        assert_eq!(time_us("[99999999999999999999.0] "), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC*") {
            faults(&line, &mut |_| ());
        }

        #[test]
        fn no_line_that_looks_like_one_panics(
            pieces in prop::collection::vec(prop_oneof![
                Just(abi::text::MARK), Just("riscv_fillpage: EXCEPTION: "), Just("MCAUSE: "),
                Just(", EPC: "), Just("MTVAL: "), Just(". "), Just("SCAUSE: "), Just("STVAL: "),
                Just("task: "), Just("seq: "), Just("user write"), Just("0f"), Just("é"),
                Just("[ 1.0] "), Just(", "), Just("ffffffffffffffffff"),
            ], 0..20)
        ) {
            faults(&pieces.concat(), &mut |_| ());
        }
    }
}
