//! One instruction.

use pagetable::AccessType;

use crate::hart::{PrivilegeLevel, status};
use crate::insn::{Insn, Operation};
use crate::machine::StrictMachine;
use crate::ram::LINE;
use crate::rule::SiliconRule;
use crate::trace::TraceKind;
use crate::trap::{SyncException, cause};

impl StrictMachine {
    #[inline(always)]
    fn x(&self, register: u8) -> u64 {
        self.hart.x[register as usize & 63]
    }

    #[inline(always)]
    fn set(&mut self, insn: Insn, value: u64) {
        self.hart.x[insn.rd as usize & 63] = value;
    }

    /// Executes it; answers where the program goes on.
    #[inline(always)]
    #[rustfmt::skip]
    pub(crate) fn execute(&mut self, insn: Insn, pc: u64) -> Result<u64, SyncException> {
        let (a, b) = (self.x(insn.rs1), self.x(insn.rs2));
        let imm = i64::from(insn.imm) as u64;
        let next = pc.wrapping_add(insn.bytes.into());
        let target = pc.wrapping_add(imm);
        macro_rules! go_if {
            ($condition:expr) => { return Ok(if $condition { target } else { next }) };
        }
        let address = a.wrapping_add(imm);
        let word = |value: u32| i64::from(value as i32) as u64;
        let value = match insn.op {
            Operation::Lui => imm,
            Operation::Auipc => target,
            Operation::Jal => { self.set(insn, next); return Ok(target); }
            Operation::Jalr => { self.set(insn, next); return Ok(address & !1); }
            Operation::Beq => go_if!(a == b),
            Operation::Bne => go_if!(a != b),
            Operation::Blt => go_if!((a as i64) < b as i64),
            Operation::Bge => go_if!(a as i64 >= b as i64),
            Operation::Bltu => go_if!(a < b),
            Operation::Bgeu => go_if!(a >= b),
            Operation::Lb => i64::from(i8::from_le_bytes(self.load(address)?)) as u64,
            Operation::Lh => i64::from(i16::from_le_bytes(self.load(address)?)) as u64,
            Operation::Lw => i64::from(i32::from_le_bytes(self.load(address)?)) as u64,
            Operation::Ld => u64::from_le_bytes(self.load(address)?),
            Operation::Lbu => u8::from_le_bytes(self.load(address)?).into(),
            Operation::Lhu => u16::from_le_bytes(self.load(address)?).into(),
            Operation::Lwu => u32::from_le_bytes(self.load(address)?).into(),
            Operation::Sb => { self.store(address, (b as u8).to_le_bytes())?; return Ok(next); }
            Operation::Sh => { self.store(address, (b as u16).to_le_bytes())?; return Ok(next); }
            Operation::Sw => { self.store(address, (b as u32).to_le_bytes())?; return Ok(next); }
            Operation::Sd => { self.store(address, b.to_le_bytes())?; return Ok(next); }
            Operation::Addi => address,
            Operation::Slti => ((a as i64) < imm as i64).into(),
            Operation::Sltiu => (a < imm).into(),
            Operation::Xori => a ^ imm,
            Operation::Ori => a | imm,
            Operation::Andi => a & imm,
            Operation::Slli => a << (imm & 63),
            Operation::Srli => a >> (imm & 63),
            Operation::Srai => (a as i64 >> (imm & 63)) as u64,
            Operation::Add => a.wrapping_add(b),
            Operation::Sub => a.wrapping_sub(b),
            Operation::Sll => a << (b & 63),
            Operation::Slt => ((a as i64) < b as i64).into(),
            Operation::Sltu => (a < b).into(),
            Operation::Xor => a ^ b,
            Operation::Srl => a >> (b & 63),
            Operation::Sra => (a as i64 >> (b & 63)) as u64,
            Operation::Or => a | b,
            Operation::And => a & b,
            Operation::Addiw => word(address as u32),
            Operation::Slliw => word((a as u32) << (imm & 31)),
            Operation::Srliw => word(a as u32 >> (imm & 31)),
            Operation::Sraiw => word((a as i32 >> (imm & 31)) as u32),
            Operation::Addw => word((a as u32).wrapping_add(b as u32)),
            Operation::Subw => word((a as u32).wrapping_sub(b as u32)),
            Operation::Sllw => word((a as u32) << (b & 31)),
            Operation::Srlw => word(a as u32 >> (b & 31)),
            Operation::Sraw => word((a as i32 >> (b & 31)) as u32),
            Operation::Mul => a.wrapping_mul(b),
            Operation::Mulh => ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64,
            Operation::Mulhsu => ((i128::from(a as i64) * i128::from(b)) >> 64) as u64,
            Operation::Mulhu => ((u128::from(a) * u128::from(b)) >> 64) as u64,
            Operation::Div => if b == 0 { u64::MAX } else { (a as i64).wrapping_div(b as i64) as u64 },
            Operation::Divu => a.checked_div(b).unwrap_or(u64::MAX),
            Operation::Rem => if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 },
            Operation::Remu => a.checked_rem(b).unwrap_or(a),
            Operation::Mulw => word((a as u32).wrapping_mul(b as u32)),
            Operation::Divw => match b as i32 {
                0 => u64::MAX,
                b => word((a as i32).wrapping_div(b) as u32),
            },
            Operation::Divuw => word((a as u32).checked_div(b as u32).unwrap_or(u32::MAX)),
            Operation::Remw => match b as i32 {
                0 => word(a as u32),
                b => word((a as i32).wrapping_rem(b) as u32),
            },
            Operation::Remuw => word((a as u32).checked_rem(b as u32).unwrap_or(a as u32)),
            Operation::Fence => return Ok(next),
            _ => return self.execute_rarely(insn, pc, next),
        };
        self.set(insn, value);
        Ok(next)
    }

    /// What is not worth a place in the loop.
    #[inline(never)]
    fn execute_rarely(&mut self, insn: Insn, pc: u64, next: u64) -> Result<u64, SyncException> {
        let a = self.x(insn.rs1);
        let address = a.wrapping_add(i64::from(insn.imm) as u64);
        match insn.op {
            Operation::FenceI => {
                self.code.fence();
                self.look_at = 0;
            }
            Operation::Ecall => {
                return Err(match self.hart.level {
                    PrivilegeLevel::User => SyncException::new(cause::ECALL_USER, 0),
                    PrivilegeLevel::Supervisor => SyncException::new(cause::ECALL_SUPERVISOR, 0),
                });
            }
            Operation::Ebreak => return Err(SyncException::new(cause::BREAKPOINT, pc)),
            Operation::Sret | Operation::Wfi | Operation::SfenceVma
                if self.hart.level == PrivilegeLevel::User =>
            {
                return Err(self.illegal(pc));
            }
            Operation::Sret => return Ok(self.leave_supervisor()),
            Operation::Wfi => {
                self.sleeping = true;
                self.look_at = 0;
            }
            Operation::SfenceVma => self.sfence(insn),
            Operation::Csrrw
            | Operation::Csrrs
            | Operation::Csrrc
            | Operation::Csrrwi
            | Operation::Csrrsi
            | Operation::Csrrci => {
                self.csr_access(insn, pc)?;
            }
            Operation::LrW
            | Operation::LrD
            | Operation::ScW
            | Operation::ScD
            | Operation::AmoW
            | Operation::AmoD => self.atomic(insn)?,
            Operation::Flw
            | Operation::Fld
            | Operation::Fsw
            | Operation::Fsd
            | Operation::Float => {
                if self.hart.sstatus & status::FS == 0 {
                    return Err(self.illegal(pc));
                }
                self.float(insn, pc, address)?;
            }
            Operation::Cache => self.cache(insn.imm as u32, a, pc)?,
            _ => return Err(SyncException::illegal(insn.imm as u32)),
        }
        Ok(next)
    }

    fn float(&mut self, insn: Insn, pc: u64, address: u64) -> Result<(), SyncException> {
        let (rd, rs2) = (insn.rd as usize & 31, insn.rs2 as usize & 31);
        match insn.op {
            Operation::Flw => {
                let bits = u32::from_le_bytes(self.load(address)?);
                self.hart.f[rd] = u64::from(bits) | !0 << 32;
                self.hart.sstatus |= status::FS;
            }
            Operation::Fld => {
                self.hart.f[rd] = u64::from_le_bytes(self.load(address)?);
                self.hart.sstatus |= status::FS;
            }
            Operation::Fsw => self.store(address, (self.hart.f[rs2] as u32).to_le_bytes())?,
            Operation::Fsd => self.store(address, self.hart.f[rs2].to_le_bytes())?,
            _ => {
                if self.hart.float(insn.imm as u32).is_none() {
                    return Err(self.illegal(pc));
                }
                self.hart.sstatus |= status::FS;
            }
        }
        Ok(())
    }

    /// An illegal instruction that decoding alone does not show: its bits are read again.
    #[cold]
    fn illegal(&mut self, pc: u64) -> SyncException {
        let bits = self.bits_at(pc).unwrap_or(0);
        SyncException::illegal(if bits & 3 == 3 { bits } else { bits & 0xffff })
    }

    fn csr_access(&mut self, insn: Insn, pc: u64) -> Result<(), SyncException> {
        let csr = insn.imm as u32 & 0xfff;
        let is_immediate = matches!(
            insn.op,
            Operation::Csrrwi | Operation::Csrrsi | Operation::Csrrci
        );
        let operand = if is_immediate {
            insn.rs1.into()
        } else {
            self.x(insn.rs1)
        };
        // Zicsr: x0 as a source changes nothing, and reads.
        let writes = matches!(insn.op, Operation::Csrrw | Operation::Csrrwi) || insn.rs1 != 0;
        let old = self.csr_read(csr).map_err(|_| self.illegal(pc))?;
        if writes {
            let new = match insn.op {
                Operation::Csrrw | Operation::Csrrwi => operand,
                Operation::Csrrs | Operation::Csrrsi => old | operand,
                _ => old & !operand,
            };
            self.csr_write(csr, new).map_err(|_| self.illegal(pc))?;
        }
        self.set(insn, old);
        Ok(())
    }

    fn sfence(&mut self, insn: Insn) {
        let page = (insn.rs1 != 0).then(|| self.x(insn.rs1) >> 12);
        let asid = (insn.rs2 != 0).then(|| self.x(insn.rs2) as u16);
        let all = page.map_or(u64::MAX, |page| page << 12);
        self.note(TraceKind::Fence, all, asid.map_or(u64::MAX, u64::from));
        self.mmu.tlb.fence(page, asid);
        self.mmu.forget_fast();
        self.look_at = 0;
    }

    fn atomic(&mut self, insn: Insn) -> Result<(), SyncException> {
        let (address, operand) = (self.x(insn.rs1), self.x(insn.rs2));
        let is_wide = matches!(insn.op, Operation::LrD | Operation::ScD | Operation::AmoD);
        let bytes = if is_wide { 8 } else { 4 };
        let access = match insn.op {
            Operation::LrW | Operation::LrD => AccessType::Read,
            _ => AccessType::Write,
        };
        let at = self.atomic_place(address, bytes, access)?;
        match insn.op {
            Operation::LrW | Operation::LrD => {
                let value = self.load_word(address, is_wide)?;
                self.hart.reservation = Some(at as u64);
                self.hart.lost_reservation = None;
                self.set(insn, value);
            }
            Operation::ScW | Operation::ScD => {
                let holds = self.hart.reservation.take() == Some(at as u64);
                if holds {
                    self.store_word(address, operand, is_wide)?;
                } else if self.hart.lost_reservation.take() == Some(at as u64) {
                    self.find(SiliconRule::ReservationLost, address);
                }
                self.set(insn, (!holds).into());
            }
            _ => {
                let old = match self.load_word(address, is_wide) {
                    Ok(old) => old,
                    // An AMO is a store, whatever it is refused for.
                    Err(trap) => return Err(SyncException::new(trap.cause | 2, trap.value)),
                };
                let new = combined(insn.imm as u32, old, operand, is_wide);
                self.store_word(address, new, is_wide)?;
                self.set(insn, old);
            }
        }
        Ok(())
    }

    fn load_word(&mut self, va: u64, is_wide: bool) -> Result<u64, SyncException> {
        Ok(if is_wide {
            u64::from_le_bytes(self.load(va)?)
        } else {
            i64::from(i32::from_le_bytes(self.load(va)?)) as u64
        })
    }

    fn store_word(&mut self, va: u64, value: u64, is_wide: bool) -> Result<(), SyncException> {
        if is_wide {
            self.store(va, value.to_le_bytes())
        } else {
            self.store(va, (value as u32).to_le_bytes())
        }
    }

    /// XTheadCmo; what orders alone (XTheadSync) needs nothing here.
    fn cache(&mut self, bits: u32, address: u64, pc: u64) -> Result<(), SyncException> {
        let (funct7, what) = (bits >> 25, bits >> 20 & 31);
        // The ways that name a set and a way, or a physical address, are S-mode's; so is all of the cache.
        if self.hart.level == PrivilegeLevel::User && !(funct7 == 1 && matches!(what, 5..=7 | 0x10))
        {
            return Err(self.illegal(pc));
        }
        match (funct7, what) {
            (0, 0x01) => self.ram.clean_all(false),
            (0, 0x02) => {
                let lost = self.ram.invalidate_all();
                if lost > 0 {
                    self.find(SiliconRule::DirtyLinesLost, address);
                }
            }
            (0, 0x03) => self.ram.clean_all(true),
            (0, 0x10 | 0x11) | (1, 0x10 | 0x18) => self.code.fence(),
            (0, 0x1a | 0x1b) => self.code.fence(),
            (0, _) => {}
            (_, 5..=7) => {
                let place = self.translate(address, AccessType::Read)?;
                self.cache_line(what, place.pa);
            }
            (_, 9..=11) => self.cache_line(what - 4, address),
            // By set and way: where a line lies is the cache's own affair.
            _ => self.ram.clean_all(true),
        }
        self.mmu.forget_fast();
        self.look_at = 0;
        Ok(())
    }

    fn cache_line(&mut self, what: u32, pa: u64) {
        let Some(at) = self.ram.offset(pa, 1) else {
            return;
        };
        let at = at / LINE * LINE;
        match what {
            5 => self.ram.clean_line(at, false),
            6 => {
                if self.ram.invalidate_line(at) {
                    self.find(SiliconRule::DirtyLinesLost, pa);
                }
            }
            _ => self.ram.clean_line(at, true),
        }
    }
}

/// What an AMO of that funct5 stores.
fn combined(funct5: u32, old: u64, operand: u64, is_wide: bool) -> u64 {
    // A word is compared as one: its upper half is sign.
    let operand = if is_wide {
        operand
    } else {
        i64::from(operand as i32) as u64
    };
    match funct5 {
        0x00 => old.wrapping_add(operand),
        0x01 => operand,
        0x04 => old ^ operand,
        0x08 => old | operand,
        0x0c => old & operand,
        0x10 => (old as i64).min(operand as i64) as u64,
        0x14 => (old as i64).max(operand as i64) as u64,
        0x18 => old.min(operand),
        _ => old.max(operand),
    }
}
