//! A simulated hart: registers, and the instructions that program buffers use.

use std::collections::BTreeMap;

use pagetable::{AccessType, Dialect, Privilege, Satp, VirtAddr, Xlen, translate};

use super::profile::Profile;
use super::ram::SimulatedRam;

/// CSR numbers; Privileged spec, table 3, and Debug spec §4.8, §5.2.
pub mod csr {
    /// Root of the page tables.
    pub const SATP: u16 = 0x180;
    /// M-mode status.
    pub const MSTATUS: u16 = 0x300;
    /// Register width and extensions.
    pub const MISA: u16 = 0x301;
    /// T-Head's extended status.
    pub const TH_SXSTATUS: u16 = 0x5c0;
    /// Selects a trigger.
    pub const TSELECT: u16 = 0x7a0;
    /// Type and configuration of the selected trigger.
    pub const TDATA1: u16 = 0x7a1;
    /// Address of the selected trigger.
    pub const TDATA2: u16 = 0x7a2;
    /// Types that the selected trigger supports.
    pub const TINFO: u16 = 0x7a4;
    /// Debug Mode control and status.
    pub const DCSR: u16 = 0x7b0;
    /// Program counter on resume.
    pub const DPC: u16 = 0x7b1;
    /// Scratch register for debuggers.
    pub const DSCRATCH0: u16 = 0x7b2;
    /// JEDEC id of the vendor.
    pub const MVENDORID: u16 = 0xf11;
    /// Index of the hart.
    pub const MHARTID: u16 = 0xf14;
}

/// Number of triggers.
const TRIGGERS: usize = 2;
/// Trigger types in `tdata1`.
const MCONTROL: u64 = 2;
const DISABLED: u64 = 15;
const MPRV: u64 = 1 << 17;
const MPRVEN: u64 = 1 << 4;

/// A program ended without `ebreak`.
pub struct Exception;

/// A hart with its registers and triggers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedHart {
    /// Register width of the hart.
    pub xlen: Xlen,
    /// General-purpose registers `x0` to `x31`.
    pub gpr: [u64; 32],
    /// Implemented CSRs with their values.
    pub csr: BTreeMap<u16, u64>,
    /// `tdata1` and `tdata2` of each trigger.
    pub triggers: [[u64; 2]; TRIGGERS],
    /// Trigger types as in `tinfo`.
    trigger_types: u64,
    /// Whether it is in Debug Mode.
    pub is_halted: bool,
    /// Whether it responds to halt requests.
    pub heeds: bool,
    /// While running it executes a loop of 16 instructions; otherwise a single one.
    pub wanders: bool,
    /// Another machine executes for it: it halts, after a step too, by [`SimulatedHart::halt`] alone.
    pub is_external: bool,
    /// A reset that was not acknowledged (`havereset`).
    pub was_reset: bool,
    /// Whether the last resume request was acknowledged.
    pub has_resumed: bool,
}

impl SimulatedHart {
    /// A hart that runs in S-mode with these page tables; all registers have different values.
    pub fn new(profile: &Profile, id: u64, satp: u64) -> SimulatedHart {
        let wide = profile.xlen == Xlen::Rv64;
        let pattern = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut gpr = std::array::from_fn(|n| pattern(n as u64 + 1 + id));
        gpr[0] = 0;
        let misa = match wide {
            true => 2 << 62 | 0x14_112d,
            false => 1 << 30 | 0x14_112d,
        };
        let mut known = BTreeMap::from([
            (csr::SATP, satp),
            (csr::MSTATUS, 0x8_0000_0800 | 1 << 18),
            (csr::MISA, misa),
            (csr::TSELECT, 0),
            (csr::DCSR, 4 << 28 | 3 << 6 | 1),
            (csr::DPC, 0x8020_0040),
            (csr::DSCRATCH0, 0),
            (0x7b3, 0),
            (csr::MVENDORID, profile.vendor),
            (0xf12, 0),
            (0xf13, 0),
            (csr::MHARTID, id),
        ]);
        // sstatus to stval, and their M-mode counterparts.
        for (n, number) in [0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144]
            .into_iter()
            .chain([
                0x302, 0x303, 0x304, 0x305, 0x306, 0x340, 0x341, 0x342, 0x343, 0x344,
            ])
            .enumerate()
        {
            known.insert(number, pattern(n as u64 + 77) >> 8);
        }
        if profile.vendor == 0x5b7 {
            known.insert(csr::TH_SXSTATUS, 1 << 21 | 1 << 22);
        }
        let mut hart = SimulatedHart {
            xlen: profile.xlen,
            gpr,
            csr: known,
            triggers: [[0; 2]; TRIGGERS],
            trigger_types: 0,
            is_halted: false,
            heeds: true,
            wanders: false,
            is_external: false,
            was_reset: false,
            has_resumed: false,
        };
        hart.trigger_types = profile.triggers.into();
        hart.triggers = [[hart.unused(), 0]; TRIGGERS];
        let (gpr, csr) = (hart.gpr, hart.csr.clone());
        hart.gpr = gpr.map(|value| hart.narrow(value));
        hart.csr = csr
            .into_iter()
            .map(|(n, value)| (n, hart.narrow(value)))
            .collect();
        hart
    }

    /// The current privilege mode, or the one before the halt.
    pub fn privilege(&self) -> u64 {
        self.csr[&csr::DCSR] & 3
    }

    /// Sets the privilege mode: 0 user, 1 supervisor, 3 machine.
    pub fn set_privilege(&mut self, mode: u64) {
        let dcsr = self.csr.entry(csr::DCSR).or_default();
        *dcsr = *dcsr & !3 | mode;
    }

    /// Whether `dcsr.step` is set: it executes one instruction when it is resumed.
    pub fn steps(&self) -> bool {
        self.csr[&csr::DCSR] >> 2 & 1 == 1
    }

    /// The addresses before which a trigger stops it, in whatever mode.
    pub fn stops(&self) -> Vec<u64> {
        let kinds = self.type_bits();
        let is_set = |[control, _]: &&[u64; 2]| {
            control >> kinds != DISABLED && control >> 2 & 1 == 1 && control >> 3 & 0xb != 0
        };
        let set = self.triggers.iter().filter(is_set);
        set.map(|[_, address]| *address).collect()
    }

    fn narrow(&self, value: u64) -> u64 {
        match self.xlen {
            Xlen::Rv32 => value & 0xffff_ffff,
            Xlen::Rv64 => value,
        }
    }

    /// A disabled `tdata1`: type 15 if supported, otherwise type 2.
    fn unused(&self) -> u64 {
        match self.trigger_types >> DISABLED & 1 {
            1 => DISABLED << self.type_bits(),
            _ => MCONTROL << self.type_bits(),
        }
    }

    /// Bit position of the type in `tdata1`.
    fn type_bits(&self) -> u32 {
        self.xlen.bits() - 4
    }

    /// Halts with a value of `dcsr.cause`.
    pub fn halt(&mut self, cause: u64) {
        self.is_halted = true;
        let dcsr = self.csr.entry(csr::DCSR).or_default();
        *dcsr = *dcsr & !(7 << 6) | cause << 6;
    }

    /// Executes one instruction.
    pub(super) fn step(&mut self) {
        if self.wanders {
            let pc = self.csr.entry(csr::DPC).or_default();
            *pc = *pc & !0x3f | (*pc + 4) & 0x3f;
            let (pc, mode) = (*pc, self.privilege());
            // mcontrol: m, s and u are bits 6, 4 and 3; execute is bit 2.
            let mode_bit = [3, 4, 5, 6][mode as usize];
            let kinds = self.type_bits();
            let stops = |[control, address]: &[u64; 2]| {
                control >> kinds != DISABLED
                    && control >> 2 & 1 == 1
                    && control >> mode_bit & 1 == 1
                    && *address == pc
            };
            if self.triggers.iter().any(stops) {
                self.halt(2);
            }
        }
        if self.steps() && !self.is_external {
            self.halt(4);
        }
    }

    /// Reads a register by its number in abstract commands.
    pub(super) fn read_csr(&self, number: u16) -> Result<u64, Exception> {
        let place = self.csr[&csr::TSELECT] as usize;
        match number {
            csr::TDATA1 => Ok(self.triggers[place][0]),
            csr::TDATA2 => Ok(self.triggers[place][1]),
            csr::TINFO => Ok(self.trigger_types),
            _ => self.csr.get(&number).copied().ok_or(Exception),
        }
    }

    pub(super) fn write_csr(&mut self, number: u16, value: u64) -> Result<(), Exception> {
        let value = self.narrow(value);
        let place = self.csr[&csr::TSELECT] as usize;
        match number {
            csr::TSELECT if value as usize >= TRIGGERS => {}
            csr::TDATA1 => {
                let kept = 0xf07f | 1 << (self.type_bits() - 1);
                let kind = value >> self.type_bits();
                let is_known = self.trigger_types >> kind & 1 == 1;
                self.triggers[place][0] = match kind {
                    // A trigger without a type stores nothing.
                    DISABLED => self.unused(),
                    _ if is_known => kind << self.type_bits() | value & kept,
                    _ => self.unused() | value & kept,
                };
            }
            csr::TDATA2 => self.triggers[place][1] = value,
            csr::MISA | csr::TINFO | 0xc00.. => {}
            csr::DCSR => {
                let kept = 0xf << 28 | 7 << 6;
                let dcsr = self.csr.entry(number).or_default();
                *dcsr = *dcsr & kept | value & !kept & 0xffff_ffff;
            }
            _ => *self.csr.get_mut(&number).ok_or(Exception)? = value,
        }
        Ok(())
    }

    /// The physical address of a program buffer load: Debug Mode acts as M-mode, unless MPRV applies.
    pub(super) fn physical(&self, ram: &mut SimulatedRam, at: u64) -> Result<u64, Exception> {
        let status = self.csr[&csr::MSTATUS];
        let counts = status & MPRV != 0 && self.csr[&csr::DCSR] & MPRVEN != 0;
        let mode = status >> 11 & 3;
        if !counts || mode == 3 {
            return Ok(at);
        }
        let satp = Satp::decode(self.csr[&csr::SATP], self.xlen).map_err(|_| Exception)?;
        let walk = translate(ram, satp.tree(Dialect::None), VirtAddr::new(at));
        let who = match mode {
            0 => Privilege::USER,
            _ => Privilege {
                sum: status >> 18 & 1 == 1,
                ..Privilege::SUPERVISOR
            },
        };
        match (walk.address(), walk.fault(AccessType::Read, who, false)) {
            (Some(there), None) => Ok(there.raw()),
            _ => Err(Exception),
        }
    }

    /// Runs a program up to `ebreak`.
    pub(super) fn run(&mut self, program: &[u32], ram: &mut SimulatedRam) -> Result<(), Exception> {
        for word in program {
            if *word == 0x0010_0073 {
                return Ok(());
            }
            self.execute(*word, ram)?;
            self.gpr[0] = 0;
        }
        Err(Exception)
    }

    fn execute(&mut self, word: u32, ram: &mut SimulatedRam) -> Result<(), Exception> {
        let field = |from: u32, bits: u32| word >> from & ((1 << bits) - 1);
        let (rd, rs1, rs2) = (
            field(7, 5) as usize,
            field(15, 5) as usize,
            field(20, 5) as usize,
        );
        let kind = field(12, 3);
        let immediate = i64::from(word as i32 >> 20);
        let base = self.gpr[rs1];
        match word & 0x7f {
            // Loads: funct3 0 to 3 sign-extend, 4 to 6 zero-extend.
            0x03 if kind != 7 && (self.xlen == Xlen::Rv64 || ![3, 6].contains(&kind)) => {
                let bytes = 1 << (kind & 3);
                let at = self.physical(ram, self.narrow(base.wrapping_add_signed(immediate)))?;
                let value = ram.read(at, bytes, true).ok_or(Exception)? as u64;
                let unused = 64 - 8 * bytes as u32;
                let value = match kind < 4 {
                    true => ((value << unused) as i64 >> unused) as u64,
                    false => value,
                };
                self.gpr[rd] = self.narrow(value);
            }
            0x23 if kind < 3 || kind == 3 && self.xlen == Xlen::Rv64 => {
                let offset = i64::from(word as i32 >> 25) << 5 | i64::from(field(7, 5));
                let at = self.physical(ram, self.narrow(base.wrapping_add_signed(offset)))?;
                let stored = u128::from(self.gpr[rs2]);
                ram.write(at, 1 << kind, stored).ok_or(Exception)?;
            }
            // fence, fence.i
            0x0f if kind < 2 => {}
            0x13 if kind == 0 => {
                self.gpr[rd] = self.narrow(base.wrapping_add_signed(immediate));
            }
            // csrrw, csrrs, csrrc
            0x73 if (1..=3).contains(&kind) => {
                let number = field(20, 12) as u16;
                let before = self.read_csr(number)?;
                match kind {
                    1 => self.write_csr(number, base)?,
                    _ if rs1 == 0 => {}
                    2 => self.write_csr(number, before | base)?,
                    _ => self.write_csr(number, before & !base)?,
                }
                self.gpr[rd] = before;
            }
            _ => return Err(Exception),
        }
        Ok(())
    }
}
