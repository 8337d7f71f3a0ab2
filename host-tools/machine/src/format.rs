//! The two formats of floats, with what RISC-V says where IEEE 754 leaves a choice.
//!
//! Rounding is `rustc_apfloat`'s. Here is what it has not got: square roots, the canonical NaN, NaN boxes,
//! tininess after rounding, and the integers that a NaN becomes. Source: Unprivileged ISA, "F" and "D".

use rustc_apfloat::ieee::{Double, Quad, Single};
use rustc_apfloat::{Category, Float, FloatConvert, Round, Status, StatusAnd};

pub mod flag {
    pub const INEXACT: u32 = 1;
    pub const UNDERFLOW: u32 = 2;
    pub const OVERFLOW: u32 = 4;
    pub const DIVIDE_BY_ZERO: u32 = 8;
    pub const INVALID: u32 = 16;
}

/// A format of float registers.
pub trait FloatFormat: Float + FloatConvert<Quad> + Copy
where
    Quad: FloatConvert<Self>,
{
    const CANONICAL: u64;

    /// What a register holds; what is not boxed is the canonical NaN.
    fn unbox(register: u64) -> u64;

    /// The same, the other way.
    fn boxed(bits: u64) -> u64;

    fn of(bits: u64) -> Self {
        Self::from_bits(bits.into())
    }

    /// A number as bits; every NaN is the canonical one.
    fn bits(self) -> u64 {
        if self.is_nan() {
            Self::CANONICAL
        } else {
            self.to_bits() as u64
        }
    }
}

impl FloatFormat for Single {
    const CANONICAL: u64 = 0x7fc0_0000;

    fn unbox(register: u64) -> u64 {
        match register >> 32 {
            0xffff_ffff => register & 0xffff_ffff,
            _ => Self::CANONICAL,
        }
    }

    fn boxed(bits: u64) -> u64 {
        bits | !0 << 32
    }
}

impl FloatFormat for Double {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;

    fn unbox(register: u64) -> u64 {
        register
    }

    fn boxed(bits: u64) -> u64 {
        bits
    }
}

/// What an operation gave, and its flags.
pub type Flagged = (u64, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The product's sign, and the addend's, may be turned.
    Fused,
}

fn flags(status: Status) -> u32 {
    let bit = |what, bit| if status.contains(what) { bit } else { 0 };
    bit(Status::INVALID_OP, flag::INVALID)
        | bit(Status::DIV_BY_ZERO, flag::DIVIDE_BY_ZERO)
        | bit(Status::OVERFLOW, flag::OVERFLOW)
        | bit(Status::UNDERFLOW, flag::UNDERFLOW)
        | bit(Status::INEXACT, flag::INEXACT)
}

fn operate<F: Float>(what: Arithmetic, a: F, b: F, c: F, round: Round) -> StatusAnd<F> {
    match what {
        Arithmetic::Add => a.add_r(b, round),
        Arithmetic::Subtract => a.sub_r(b, round),
        Arithmetic::Multiply => a.mul_r(b, round),
        Arithmetic::Divide => a.div_r(b, round),
        Arithmetic::Fused => a.mul_add_r(b, c, round),
    }
}

/// `a` and `b`, and of a fused one `c`: rounded once.
pub fn arithmetic<F: FloatFormat>(what: Arithmetic, a: F, b: F, c: F, round: Round) -> Flagged
where
    Quad: FloatConvert<F>,
{
    let operands = [a, b, c];
    let used = if what == Arithmetic::Fused { 3 } else { 2 };
    let signaling = operands[..used].iter().any(|it| it.is_signaling());
    let result = operate(what, a, b, c, round);
    let mut raised = flags(result.status);
    if operands[..used].iter().any(|it| it.is_nan()) {
        // An infinity times zero is invalid also where the addend is a NaN.
        let product = what == Arithmetic::Fused
            && (a.is_infinite() && b.is_zero() || a.is_zero() && b.is_infinite());
        raised = if signaling || product {
            flag::INVALID
        } else {
            0
        };
    }
    let exact = || {
        let wide = operands.map(|it| it.convert_r(Round::TowardZero, &mut false).value);
        operate(what, wide[0], wide[1], wide[2], Round::TowardZero)
    };
    raised |= at_the_ends(result.value, raised, exact, round);
    (result.value.bits(), raised)
}

/// Flags that `rustc_apfloat` leaves out where the result is the smallest normal number, or the largest.
fn at_the_ends<F: FloatFormat>(
    value: F,
    raised: u32,
    exact: impl Fn() -> StatusAnd<Quad>,
    round: Round,
) -> u32
where
    Quad: FloatConvert<F>,
{
    if raised & flag::INEXACT == 0 {
        return 0;
    }
    let value = value.abs();
    if value.bitwise_eq(F::smallest_normalized()) && is_tiny::<F>(exact(), round) {
        return flag::UNDERFLOW;
    }
    // Rounded towards zero, an overflow ends at the largest number; so does what lies just above it.
    let beyond = Quad::from_u128(1).value.scalbn(F::MAX_EXP + 1);
    if value.bitwise_eq(F::largest()) && exact().value.abs() >= beyond {
        return flag::OVERFLOW;
    }
    0
}

/// Would the value, rounded with an exponent that has no end, lie below the smallest normal number? A
/// subnormal rounding that reaches that number hides it.
fn is_tiny<F: FloatFormat>(exact: StatusAnd<Quad>, round: Round) -> bool
where
    Quad: FloatConvert<F>,
{
    const UP: i32 = 200;
    let sticky = u128::from(exact.status.contains(Status::INEXACT));
    let exact = Quad::from_bits(exact.value.to_bits() | sticky);
    let scaled: StatusAnd<F> = if F::BITS == 64 {
        exact.scalbn(UP).convert_r(round, &mut false)
    } else {
        exact.scalbn(UP / 2).convert_r(round, &mut false)
    };
    let smallest = F::smallest_normalized().scalbn(if F::BITS == 64 { UP } else { UP / 2 });
    scaled.value.abs() < smallest
}

/// One format in the other.
pub fn convert<From: FloatFormat + FloatConvert<To>, To: FloatFormat>(
    a: From,
    round: Round,
) -> Flagged
where
    Quad: FloatConvert<From> + FloatConvert<To>,
{
    if a.is_nan() {
        let raised = if a.is_signaling() { flag::INVALID } else { 0 };
        return (To::CANONICAL, raised);
    }
    let result: StatusAnd<To> = a.convert_r(round, &mut false);
    let mut raised = flags(result.status);
    let exact = || a.convert_r(Round::TowardZero, &mut false);
    raised |= at_the_ends(result.value, raised, exact, round);
    (result.value.bits(), raised)
}

/// The square root: from that of an integer, with a sticky bit for what is left.
pub fn square_root<F: FloatFormat>(a: F, round: Round) -> Flagged
where
    Quad: FloatConvert<F>,
{
    if a.is_nan() {
        let raised = if a.is_signaling() { flag::INVALID } else { 0 };
        return (F::CANONICAL, raised);
    }
    if a.is_zero() || a.is_infinite() && !a.is_negative() {
        return (a.bits(), 0);
    }
    if a.is_negative() {
        return (F::CANONICAL, flag::INVALID);
    }
    let mut exponent = a.ilogb();
    // 2^e * m with e even and m of 1 to 4, as an integer of 110 bits.
    if exponent % 2 != 0 {
        exponent -= 1;
    }
    let fixed = a.scalbn(54 - exponent).to_u128(64).value << 54;
    let root = fixed.isqrt();
    let sticky = u128::from(root * root != fixed);
    let result = F::from_u128_r(root << 1 | sticky, round);
    let value = result.value.scalbn(exponent / 2 - 55);
    (value.bits(), flags(result.status))
}

/// The smaller, or the larger one; a NaN only where both are.
pub fn extreme<F: FloatFormat>(a: F, b: F, larger: bool) -> Flagged
where
    Quad: FloatConvert<F>,
{
    let raised = if a.is_signaling() || b.is_signaling() {
        flag::INVALID
    } else {
        0
    };
    let value = match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        // Minus zero is the smaller zero.
        _ if a.is_zero() && b.is_zero() => {
            if a.is_negative() != larger {
                a
            } else {
                b
            }
        }
        _ if (a < b) != larger => a,
        _ => b,
    };
    (value.bits(), raised)
}

/// What `feq` (2), `flt` (1) and `fle` (0) say.
pub fn compare<F: FloatFormat>(a: F, b: F, funct3: u32) -> Option<Flagged>
where
    Quad: FloatConvert<F>,
{
    let is_quiet = funct3 == 2;
    let any_nan = a.is_nan() || b.is_nan();
    let invalid = a.is_signaling() || b.is_signaling() || any_nan && !is_quiet;
    let result = match funct3 {
        0 => a <= b,
        1 => a < b,
        2 => a == b,
        _ => return None,
    };
    Some((result.into(), if invalid { flag::INVALID } else { 0 }))
}

pub fn class<F: FloatFormat>(a: F) -> u64
where
    Quad: FloatConvert<F>,
{
    let bit = match (a.category(), a.is_negative()) {
        (Category::NaN, _) if a.is_signaling() => 8,
        (Category::NaN, _) => 9,
        (Category::Infinity, true) => 0,
        (Category::Infinity, false) => 7,
        (Category::Zero, true) => 3,
        (Category::Zero, false) => 4,
        (_, true) if a.is_denormal() => 2,
        (_, true) => 1,
        (_, false) if a.is_denormal() => 5,
        (_, false) => 6,
    };
    1 << bit
}

/// An integer type, as `rs2` of `fcvt` names it: W, WU, L, LU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    pub is_signed: bool,
    pub bits: usize,
}

impl Integer {
    /// By the lower two bits of the field.
    #[must_use]
    pub fn new(rs2: u32) -> Integer {
        Integer {
            is_signed: rs2 & 1 == 0,
            bits: if rs2 & 2 == 0 { 32 } else { 64 },
        }
    }
}

/// A float as an integer: what does not fit is the nearest that does, a NaN the largest.
pub fn to_integer<F: FloatFormat>(a: F, to: Integer, round: Round) -> Flagged
where
    Quad: FloatConvert<F>,
{
    let largest = u128::MAX >> (128 - to.bits + usize::from(to.is_signed));
    let (value, status) = if a.is_nan() {
        (largest as u64, Status::INVALID_OP)
    } else if to.is_signed {
        let result = a.to_i128_r(to.bits, round, &mut false);
        (result.value as u64, result.status)
    } else {
        let result = a.to_u128_r(to.bits, round, &mut false);
        (result.value as u64, result.status)
    };
    let raised = match flags(status) {
        some if some & flag::INVALID != 0 => flag::INVALID,
        some => some,
    };
    let extended = if to.bits == 32 {
        i64::from(value as i32) as u64
    } else {
        value
    };
    (extended, raised)
}

/// An integer as a float.
pub fn from_integer<F: FloatFormat>(value: u64, from: Integer, round: Round) -> Flagged
where
    Quad: FloatConvert<F>,
{
    let result = match (from.is_signed, from.bits) {
        (true, 32) => F::from_i128_r((value as i32).into(), round),
        (true, _) => F::from_i128_r((value as i64).into(), round),
        (false, 32) => F::from_u128_r((value as u32).into(), round),
        (false, _) => F::from_u128_r(value.into(), round),
    };
    (result.value.bits(), flags(result.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host's own square root is right to the last bit, to the nearest.
    #[test]
    fn square_roots_are_those_of_the_host() {
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (wide, narrow) = (state & !(1 << 63), (state >> 33) as u32);
            let root = square_root(Double::of(wide), Round::NearestTiesToEven).0;
            let host = f64::from_bits(wide).sqrt();
            assert!(host.is_nan() || root == host.to_bits(), "{wide:#x}");
            let root = square_root(Single::of(narrow.into()), Round::NearestTiesToEven).0;
            let host = f32::from_bits(narrow).sqrt();
            assert!(
                host.is_nan() || root == u64::from(host.to_bits()),
                "{narrow:#x}"
            );
        }
    }

    #[test]
    fn what_rounds_up_to_the_smallest_normal_number_is_tiny_all_the_same() {
        // Just below the smallest normal double, times one and a bit.
        let below = f64::from_bits(0x000f_ffff_ffff_ffff);
        let factor = 1.0 + f64::EPSILON;
        let product = |a: f64, b: f64| {
            let (a, b) = (Double::of(a.to_bits()), Double::of(b.to_bits()));
            arithmetic(Arithmetic::Multiply, a, b, a, Round::NearestTiesToEven)
        };
        let (bits, raised) = product(below, factor);
        assert_eq!(bits, f64::MIN_POSITIVE.to_bits());
        assert_eq!(raised & flag::INEXACT, flag::INEXACT);
    }
}
