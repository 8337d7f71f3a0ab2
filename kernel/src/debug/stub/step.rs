//! Where a program can be after its next instruction: a hart without a debug mode has no other
//! way to go by one step than to wait there.

use super::riscv::Integers;

/// Addresses to wait at; the last word on an atomic sequence takes the most.
pub const MOST: usize = 4;
/// Instructions between `lr` and `sc`, at most (Unprivileged spec, §zalrsc: 16 of them).
const SEQUENCE: usize = 16;

/// Addresses, at most `MOST` and each once, one of which the program reaches next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextPcs {
    list: [usize; MOST],
    used: usize,
}

impl NextPcs {
    fn push(&mut self, at: usize) {
        if !self.as_slice().contains(&at)
            && let Some(place) = self.list.get_mut(self.used)
        {
            *place = at;
            self.used += 1;
        }
    }

    /// The addresses, in no order that matters.
    pub fn as_slice(&self) -> &[usize] {
        &self.list[..self.used]
    }
}

/// One instruction as far as it decides where the program goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// On to the next one.
    On,
    /// A jump by that many bytes from pc (`jal`, `c.j`).
    Jump(isize),
    /// To a register plus a distance.
    Indirect(usize, isize),
    /// On, or to that distance if the condition holds.
    Branch(isize, bool),
    /// `lr`: a sequence begins that a trap inside would break.
    Reserve,
    /// `sc`: the sequence that `lr` began ends after it.
    Store,
}

/// The addresses to wait at for the program to have gone on by one instruction; an atomic
/// sequence is one. `fetch` reads a half-word of the program; `None` if it cannot be read.
pub fn next(registers: &Integers, mut fetch: impl FnMut(usize) -> Option<u16>) -> NextPcs {
    let mut targets = NextPcs::default();
    let pc = registers.pc;
    let Some((flow, bytes)) = decode(registers, pc, &mut fetch) else {
        // It cannot even be fetched: the fault that this raises is the next thing to happen.
        return targets;
    };
    match flow {
        Flow::On | Flow::Store => targets.push(pc.wrapping_add(bytes)),
        Flow::Jump(distance) => targets.push(pc.wrapping_add_signed(distance)),
        Flow::Indirect(register, distance) => {
            let base = registers.x[register & 31];
            targets.push(base.wrapping_add_signed(distance) & !1);
        }
        Flow::Branch(distance, taken) => targets.push(if taken {
            pc.wrapping_add_signed(distance)
        } else {
            pc.wrapping_add(bytes)
        }),
        Flow::Reserve => return past_sequence(registers, pc, fetch),
    }
    targets
}

/// Behind the `sc`, and wherever a branch leads out of the sequence. Without an `sc` in
/// reach the `lr` stands alone.
fn past_sequence(
    registers: &Integers,
    from: usize,
    mut fetch: impl FnMut(usize) -> Option<u16>,
) -> NextPcs {
    let mut exits = NextPcs::default();
    let mut branches = [0; SEQUENCE];
    let mut used = 0;
    let mut pc = from;
    for _ in 0..=SEQUENCE {
        let Some((flow, bytes)) = decode(registers, pc, &mut fetch) else {
            break;
        };
        match flow {
            Flow::Branch(distance, _) if used < SEQUENCE => {
                branches[used] = pc.wrapping_add_signed(distance);
                used += 1;
            }
            Flow::Store => {
                let end = pc.wrapping_add(bytes);
                exits.push(end);
                let out = branches[..used]
                    .iter()
                    .filter(|to| !(from..end).contains(*to));
                out.for_each(|to| exits.push(*to));
                return exits;
            }
            Flow::Jump(_) | Flow::Indirect(..) => break,
            _ => {}
        }
        pc = pc.wrapping_add(bytes);
    }
    if let Some((_, bytes)) = decode(registers, from, &mut fetch) {
        exits.push(from.wrapping_add(bytes));
    }
    exits
}

fn decode(
    registers: &Integers,
    pc: usize,
    fetch: &mut impl FnMut(usize) -> Option<u16>,
) -> Option<(Flow, usize)> {
    let low = fetch(pc)?;
    if low & 3 != 3 {
        return Some((short(registers, low), 2));
    }
    let high = fetch(pc.wrapping_add(2))?;
    Some((long(registers, u32::from(high) << 16 | u32::from(low)), 4))
}

/// The bits of `word` from `from` on, `count` of them, moved to `to`.
fn bits(word: u32, from: u32, count: u32, to: u32) -> u32 {
    (word >> from & ((1 << count) - 1)) << to
}

/// `value` with bit `sign` as its sign.
fn signed(value: u32, sign: u32) -> isize {
    let shift = 31 - sign;
    ((value << shift).cast_signed() >> shift) as isize
}

fn long(registers: &Integers, word: u32) -> Flow {
    const JAL: u32 = 0x6f;
    const JALR: u32 = 0x67;
    const BRANCH: u32 = 0x63;
    const ATOMIC: u32 = 0x2f;
    let x = |register| registers.x[register as usize];
    match word & 0x7f {
        JAL => {
            let distance = bits(word, 31, 1, 20)
                | bits(word, 12, 8, 12)
                | bits(word, 20, 1, 11)
                | bits(word, 21, 10, 1);
            Flow::Jump(signed(distance, 20))
        }
        JALR => Flow::Indirect(bits(word, 15, 5, 0) as usize, signed(word >> 20, 11)),
        BRANCH => {
            let distance = bits(word, 31, 1, 12)
                | bits(word, 7, 1, 11)
                | bits(word, 25, 6, 5)
                | bits(word, 8, 4, 1);
            let (a, b) = (x(bits(word, 15, 5, 0)), x(bits(word, 20, 5, 0)));
            let holds = match bits(word, 12, 3, 0) & 6 {
                0 => a == b,
                4 => a.cast_signed() < b.cast_signed(),
                _ => a < b,
            };
            Flow::Branch(signed(distance, 12), holds != (word >> 12 & 1 == 1))
        }
        ATOMIC => match word >> 27 {
            2 => Flow::Reserve,
            3 => Flow::Store,
            _ => Flow::On,
        },
        _ => Flow::On,
    }
}

fn short(registers: &Integers, half: u16) -> Flow {
    let word = u32::from(half);
    let quadrant = word & 3;
    let function = word >> 13;
    let jump = || {
        let distance = bits(word, 12, 1, 11)
            | bits(word, 8, 1, 10)
            | bits(word, 9, 2, 8)
            | bits(word, 6, 1, 7)
            | bits(word, 7, 1, 6)
            | bits(word, 2, 1, 5)
            | bits(word, 11, 1, 4)
            | bits(word, 3, 3, 1);
        Flow::Jump(signed(distance, 11))
    };
    match (quadrant, function) {
        (1, 5) => jump(),
        // c.jal is RV32's; RV64 has c.addiw there.
        (1, 1) if usize::BITS == 32 => jump(),
        (1, 6 | 7) => {
            let distance = bits(word, 12, 1, 8)
                | bits(word, 5, 2, 6)
                | bits(word, 2, 1, 5)
                | bits(word, 10, 2, 3)
                | bits(word, 3, 2, 1);
            let zero = registers.x[8 + bits(word, 7, 3, 0) as usize] == 0;
            Flow::Branch(signed(distance, 8), zero == (function == 6))
        }
        // c.jr and c.jalr: no second register, and a first one (c.ebreak has none).
        (2, 4) if bits(word, 2, 5, 0) == 0 && bits(word, 7, 5, 0) != 0 => {
            Flow::Indirect(bits(word, 7, 5, 0) as usize, 0)
        }
        _ => Flow::On,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PC: usize = 0x1_0000;

    /// Where it goes from `code` with these registers set; encodings are an assembler's.
    fn go(code: &[u8], set: &[(usize, usize)]) -> Vec<usize> {
        let mut registers = Integers {
            pc: PC,
            ..Integers::default()
        };
        set.iter().for_each(|(n, value)| registers.x[*n] = *value);
        let targets = next(&registers, |at| {
            let bytes = code.get(at.checked_sub(PC)?..)?.first_chunk::<2>()?;
            Some(u16::from_le_bytes(*bytes))
        });
        targets.as_slice().to_vec()
    }

    fn word(word: u32) -> [u8; 4] {
        word.to_le_bytes()
    }

    fn half(half: u16) -> [u8; 2] {
        half.to_le_bytes()
    }

    #[test]
    fn straight_on() {
        assert_eq!(go(&word(0x0000_0013), &[]), [PC + 4], "nop");
        assert_eq!(go(&half(0x0001), &[]), [PC + 2], "c.nop");
        assert_eq!(go(&word(0x0000_0073), &[]), [PC + 4], "ecall");
        assert_eq!(go(&half(0x9002), &[]), [PC + 2], "c.ebreak");
        assert_eq!(go(&[], &[]), [] as [usize; 0], "not there");
    }

    #[test]
    fn jumps() {
        assert_eq!(go(&word(0x0080_006f), &[]), [PC + 8], "j +8");
        assert_eq!(go(&word(0xff5f_f0ef), &[]), [PC - 12], "jal ra, -12");
        assert_eq!(
            go(&word(0xffc5_8067), &[(11, 0x2001)]),
            [0x1ffc],
            "jr -4(a1)"
        );
        assert_eq!(go(&half(0xa021), &[]), [PC + 8], "c.j +8");
        assert_eq!(go(&half(0xbfd5), &[]), [PC - 12], "c.j -12");
        assert_eq!(go(&half(0x8082), &[(1, 0x4444)]), [0x4444], "ret");
        assert_eq!(go(&half(0x9582), &[(11, 0x6666)]), [0x6666], "c.jalr a1");
    }

    #[test]
    fn branches() {
        let taken = |code: &[u8], set: &[(usize, usize)]| go(code, set)[0] != PC + code.len();
        for (code, a, b, holds) in [
            (0x00b5_0863, 5, 5, true),           // beq a0, a1, +16
            (0x00b5_0863, 5, 6, false),          //
            (0x00b5_1863, 5, 6, true),           // bne
            (0x00b5_4863, usize::MAX, 0, true),  // blt: -1 < 0
            (0x00b5_5863, usize::MAX, 0, false), // bge
            (0x00b5_6863, usize::MAX, 0, false), // bltu
            (0x00b5_7863, usize::MAX, 0, true),  // bgeu
        ] {
            assert_eq!(taken(&word(code), &[(10, a), (11, b)]), holds, "{code:x}");
        }
        assert_eq!(go(&word(0x00b5_0863), &[]), [PC + 16]);
        assert_eq!(go(&word(0xfeb5_0ee3), &[]), [PC - 4], "beq a0, a1, -4");
        assert_eq!(go(&half(0xc501), &[(10, 0)]), [PC + 8], "c.beqz a0, +8");
        assert_eq!(go(&half(0xc501), &[(10, 1)]), [PC + 2]);
        assert_eq!(go(&half(0xfd75), &[(10, 1)]), [PC - 4], "c.bnez a0, -4");
    }

    #[test]
    fn an_atomic_sequence_is_one_step() {
        let sequence = [
            word(0x1005_252f), // lr.w a0, (a0)
            word(0x00b5_1663), // bne a0, a1, +12: out of it
            word(0x18c5_26af), // sc.w a3, a2, (a0)
            word(0xfe06_9ae3), // bnez a3, -12
        ]
        .concat();
        assert_eq!(go(&sequence, &[]), [PC + 12, PC + 16]);
        let alone = [word(0x1005_252f), word(0x0080_006f)].concat();
        assert_eq!(go(&alone, &[]), [PC + 4]);
    }
}
