//! A fault record as the difference from the previous one.
//!
//! A mask lists the fields that follow; each is one number, in the order of the mask's bits. Bits unknown to
//! a reader come after those it knows, one number each, so that it can skip them.

use abi::Fault;

use crate::number::{Malformed, at_distance, distance, put, take};

/// Encoding of a field.
#[derive(Clone, Copy)]
enum Says {
    /// The distance from the previous value.
    Distance,
    /// The value itself.
    Value,
}

const NOTHING: Fault = Fault {
    task: 0,
    level: 0,
    ..Fault::EMPTY
};

/// The predecessor of the first record of a frame: every field zero.
pub(crate) const ZERO: &Fault = &NOTHING;

const FIELDS: u32 = 18;

/// Longest record: a mask of 3 bytes and eight long fields.
pub(crate) const LONGEST: usize = 3 + 5 * 10 + 2 * 5 + 11 * 3;

/// Fields in the order of their bits: the ones that change most often come first.
const SAYS: [Says; FIELDS as usize] = {
    use Says::{Distance, Value};
    [
        Distance, Distance, Distance, Distance, Distance, Value, Value, Value, Value, Value, Value,
        Value, Distance, Distance, Value, Value, Value, Value,
    ]
};

fn fields(fault: &Fault) -> [u64; FIELDS as usize] {
    [
        fault.time,
        fault.va,
        fault.frame.into(),
        fault.cost.into(),
        fault.epc,
        fault.task.into(),
        fault.outcome.into(),
        fault.cause.into(),
        fault.access.into(),
        fault.level.into(),
        fault.class.into(),
        fault.source.into(),
        fault.entry,
        fault.satp,
        fault.hart.into(),
        fault.reserved[0].into(),
        fault.reserved[1].into(),
        fault.reserved[2].into(),
    ]
}

fn from_fields(f: &[u64; FIELDS as usize]) -> Result<Fault, Malformed> {
    fn small<T: TryFrom<u64>>(value: u64) -> Result<T, Malformed> {
        T::try_from(value).map_err(|_| Malformed)
    }
    Ok(Fault {
        time: f[0],
        va: f[1],
        frame: small(f[2])?,
        cost: small(f[3])?,
        epc: f[4],
        task: small(f[5])?,
        outcome: small(f[6])?,
        cause: small(f[7])?,
        access: small(f[8])?,
        level: small(f[9])?,
        class: small(f[10])?,
        source: small(f[11])?,
        entry: f[12],
        satp: f[13],
        hart: small(f[14])?,
        reserved: [small(f[15])?, small(f[16])?, small(f[17])?],
    })
}

/// Encodes the difference from `before` to `now` at `*at`; `None` without any change if it does not fit.
pub(crate) fn put_record(
    out: &mut [u8],
    at: &mut usize,
    before: &Fault,
    now: &Fault,
) -> Option<()> {
    let (old, new) = (fields(before), fields(now));
    let mut mask = 0u64;
    for (bit, (old, new)) in old.iter().zip(&new).enumerate() {
        mask |= u64::from(old != new) << bit;
    }
    let mut end = *at;
    put(out, &mut end, mask)?;
    for (bit, says) in SAYS.iter().enumerate() {
        if mask >> bit & 1 == 1 {
            let number = match says {
                Says::Distance => distance(old[bit], new[bit]),
                Says::Value => new[bit],
            };
            put(out, &mut end, number)?;
        }
    }
    *at = end;
    Some(())
}

/// Decodes the record that follows `before`; returns it and the rest.
pub(crate) fn take_record<'a>(
    bytes: &'a [u8],
    before: &Fault,
) -> Result<(Fault, &'a [u8]), Malformed> {
    let (mask, mut rest) = take(bytes)?;
    let mut values = fields(before);
    for bit in 0..u64::BITS {
        if mask >> bit & 1 == 0 {
            continue;
        }
        let (number, after) = take(rest)?;
        rest = after;
        if let Some(value) = values.get_mut(bit as usize) {
            *value = match SAYS[bit as usize] {
                Says::Distance => at_distance(*value, number),
                Says::Value => number,
            };
        }
    }
    Ok((from_fields(&values)?, rest))
}
