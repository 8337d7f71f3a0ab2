//! The instructions of F and D, but for loads and stores.
//!
//! Source: Unprivileged ISA, "F" and "D" Standard Extensions; the operations themselves are in `format`.

use rustc_apfloat::FloatConvert;
use rustc_apfloat::Round;
use rustc_apfloat::ieee::{Double, Quad, Single};

use crate::format::{self, Arithmetic, Flagged, FloatFormat, Integer};
use crate::hart::C906;

/// Opcodes of fused operations: FMADD, FMSUB, FNMSUB, FNMADD.
const FUSED: [u32; 4] = [0x43, 0x47, 0x4b, 0x4f];

/// The fields of an instruction.
struct Operands {
    rd: usize,
    rs1: usize,
    rs2: usize,
    rs3: usize,
    funct3: u32,
    /// The format is in the lower two bits.
    funct7: u32,
    opcode: u32,
}

impl Operands {
    fn new(bits: u32) -> Operands {
        let field = |shift: u32| (bits >> shift & 31) as usize;
        Operands {
            rd: field(7),
            rs1: field(15),
            rs2: field(20),
            rs3: field(27),
            funct3: bits >> 12 & 7,
            funct7: bits >> 25,
            opcode: bits & 0x7f,
        }
    }
}

impl C906 {
    /// Executes one; `None` if its bits are none of these, or its rounding mode is reserved.
    pub(crate) fn float(&mut self, bits: u32) -> Option<()> {
        let fields = Operands::new(bits);
        match fields.funct7 & 3 {
            0 => self.float_of::<Single>(&fields),
            1 => self.float_of::<Double>(&fields),
            _ => None,
        }
    }

    fn float_of<F: FloatFormat>(&mut self, fields: &Operands) -> Option<()>
    where
        Quad: FloatConvert<F>,
    {
        if FUSED.contains(&fields.opcode) {
            return self.fused::<F>(fields);
        }
        let a = F::of(F::unbox(self.f[fields.rs1]));
        let b = F::of(F::unbox(self.f[fields.rs2]));
        let funct3 = fields.funct3;
        let arithmetic = |what, round| format::arithmetic(what, a, b, a, round);
        let result = match fields.funct7 >> 2 {
            0x00 => arithmetic(Arithmetic::Add, self.rounding(funct3)?),
            0x01 => arithmetic(Arithmetic::Subtract, self.rounding(funct3)?),
            0x02 => arithmetic(Arithmetic::Multiply, self.rounding(funct3)?),
            0x03 => arithmetic(Arithmetic::Divide, self.rounding(funct3)?),
            0x0b if fields.rs2 == 0 => format::square_root(a, self.rounding(funct3)?),
            0x04 => (self.sign::<F>(fields)?, 0),
            0x05 if funct3 < 2 => format::extreme(a, b, funct3 == 1),
            0x08 => self.other_format(fields)?,
            0x14 => return self.integer(fields, format::compare(a, b, funct3)?),
            0x18 if fields.rs2 < 4 => {
                let to = Integer::new(fields.rs2 as u32);
                let result = format::to_integer(a, to, self.rounding(funct3)?);
                return self.integer(fields, result);
            }
            0x1a if fields.rs2 < 4 => {
                let from = Integer::new(fields.rs2 as u32);
                format::from_integer::<F>(self.x[fields.rs1], from, self.rounding(funct3)?)
            }
            0x1c if fields.rs2 == 0 && funct3 == 1 => {
                return self.integer(fields, (format::class(a), 0));
            }
            0x1c if fields.rs2 == 0 && funct3 == 0 => {
                // The bits as they are, boxed or not.
                let bits = self.f[fields.rs1];
                let value = if F::BITS == 32 {
                    i64::from(bits as i32) as u64
                } else {
                    bits
                };
                return self.integer(fields, (value, 0));
            }
            0x1e if fields.rs2 == 0 && funct3 == 0 => {
                let mask = u64::MAX >> (64 - F::BITS);
                (self.x[fields.rs1] & mask, 0)
            }
            _ => return None,
        };
        self.give::<F>(fields.rd, result);
        Some(())
    }

    fn give<F: FloatFormat>(&mut self, rd: usize, (bits, raised): Flagged)
    where
        Quad: FloatConvert<F>,
    {
        self.f[rd] = F::boxed(bits);
        self.fcsr |= raised;
    }

    /// A result for an integer register.
    fn integer(&mut self, fields: &Operands, (value, raised): Flagged) -> Option<()> {
        if fields.rd != 0 {
            self.x[fields.rd] = value;
        }
        self.fcsr |= raised;
        Some(())
    }

    fn rounding(&self, funct3: u32) -> Option<Round> {
        let mode = if funct3 == 7 {
            self.fcsr >> 5 & 7
        } else {
            funct3
        };
        Some(match mode {
            0 => Round::NearestTiesToEven,
            1 => Round::TowardZero,
            2 => Round::TowardNegative,
            3 => Round::TowardPositive,
            4 => Round::NearestTiesToAway,
            _ => return None,
        })
    }

    fn fused<F: FloatFormat>(&mut self, fields: &Operands) -> Option<()>
    where
        Quad: FloatConvert<F>,
    {
        let [a, b, c] = [fields.rs1, fields.rs2, fields.rs3].map(|it| F::of(F::unbox(self.f[it])));
        let (turn_product, turn_addend) = match fields.opcode {
            0x43 => (false, false),
            0x47 => (false, true),
            0x4b => (true, false),
            _ => (true, true),
        };
        // A NaN keeps what it is: its sign says nothing here.
        let turned = |it: F, turn: bool| if turn { -it } else { it };
        let round = self.rounding(fields.funct3)?;
        let (a, c) = (turned(a, turn_product), turned(c, turn_addend));
        let result = format::arithmetic(Arithmetic::Fused, a, b, c, round);
        self.give::<F>(fields.rd, result);
        Some(())
    }

    fn sign<F: FloatFormat>(&self, fields: &Operands) -> Option<u64>
    where
        Quad: FloatConvert<F>,
    {
        let [a, b] = [fields.rs1, fields.rs2].map(|it| F::unbox(self.f[it]));
        let sign = 1 << (F::BITS - 1);
        let taken = match fields.funct3 {
            0 => b,
            1 => !b,
            2 => a ^ b,
            _ => return None,
        };
        Some(a & !sign | taken & sign)
    }

    fn other_format(&self, fields: &Operands) -> Option<Flagged> {
        let round = self.rounding(fields.funct3)?;
        let register = self.f[fields.rs1];
        match (fields.funct7 & 3, fields.rs2) {
            (0, 1) => Some(format::convert::<Double, Single>(
                Double::of(register),
                round,
            )),
            (1, 0) => {
                let single = Single::of(Single::unbox(register));
                Some(format::convert::<Single, Double>(single, round))
            }
            _ => None,
        }
    }
}
