//! What one hart holds: registers, privilege, the CSRs that S-mode sees.

use crate::carrier::{Carrier, SnapshotError};
use crate::insn::SINK;

/// Who runs. M-mode is played by `sbi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivilegeLevel {
    User,
    Supervisor,
}

/// Bits of `sstatus`. Privileged ISA, "Supervisor Status Register".
pub mod status {
    pub const SIE: u64 = 1 << 1;
    pub const SPIE: u64 = 1 << 5;
    pub const SPP: u64 = 1 << 8;
    pub const FS: u64 = 3 << 13;
    pub const SUM: u64 = 1 << 18;
    pub const MXR: u64 = 1 << 19;
    /// 64 bits in U-mode; read-only.
    pub const UXL: u64 = 2 << 32;
    pub const SD: u64 = 1 << 63;
    pub const WRITABLE: u64 = SIE | SPIE | SPP | FS | SUM | MXR;
}

/// Bits of `sie` and `sip`.
pub mod interrupt {
    pub const SOFT: u64 = 1 << 1;
    pub const TIMER: u64 = 1 << 5;
    pub const EXTERNAL: u64 = 1 << 9;
    /// MIDELEG of OpenSBI 1.2 on an Ox64: 0x222.
    pub const ALL: u64 = SOFT | TIMER | EXTERNAL;
}

#[derive(Clone, Debug, PartialEq)]
pub struct C906 {
    /// `x0` to `x31`, and behind them the place that writes to `x0` go to; 64, so that no index needs
    /// a check.
    pub x: [u64; 64],
    pub f: [u64; 32],
    /// `frm` and `fflags`, as `fcsr`.
    pub fcsr: u32,
    pub pc: u64,
    pub level: PrivilegeLevel,
    /// Without SD, which follows from FS.
    pub sstatus: u64,
    pub sie: u64,
    /// SSIP alone: the others are lines.
    pub soft: bool,
    pub stvec: u64,
    pub scounteren: u64,
    pub sscratch: u64,
    pub sepc: u64,
    pub scause: u64,
    pub stval: u64,
    pub satp: u64,
    /// The physical address that `lr` reserved.
    pub reservation: Option<u64>,
    /// A trap took a reservation away: `sc` that fails for it is named.
    pub lost_reservation: Option<u64>,
}

impl C906 {
    /// As a boot loader starts a kernel: S-mode, no MMU, no interrupts; registers hold what firmware
    /// left in them.
    #[must_use]
    pub fn new(pc: u64, hart: u64, tree: u64) -> C906 {
        let mut x = [0; 64];
        for (number, register) in x.iter_mut().enumerate().take(SINK.into()).skip(1) {
            *register = 0xbad0_0000_0000_0000 | number as u64;
        }
        (x[10], x[11]) = (hart, tree);
        C906 {
            x,
            f: [0x7ff8_dead_beef_0000; 32],
            fcsr: 0,
            pc,
            level: PrivilegeLevel::Supervisor,
            sstatus: status::UXL,
            sie: 0,
            soft: false,
            // OpenSBI starts S-mode with the address it jumps to.
            stvec: pc,
            scounteren: 0,
            sscratch: 0,
            sepc: 0,
            scause: 0,
            stval: 0,
            satp: 0,
            reservation: None,
            lost_reservation: None,
        }
    }

    /// See `snapshot`.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        let C906 {
            x,
            f,
            fcsr,
            pc,
            level,
            sstatus,
            sie,
            soft,
            stvec,
            scounteren,
            sscratch,
            sepc,
            scause,
            stval,
            satp,
            reservation,
            lost_reservation,
        } = self;
        carrier.words(x)?;
        carrier.words(f)?;
        carrier.number(fcsr)?;
        for word in [
            pc, sstatus, sie, stvec, scounteren, sscratch, sepc, scause, stval, satp,
        ] {
            carrier.word(word)?;
        }
        let mut is_user = *level == PrivilegeLevel::User;
        carrier.flag(&mut is_user)?;
        *level = match is_user {
            true => PrivilegeLevel::User,
            false => PrivilegeLevel::Supervisor,
        };
        carrier.flag(soft)?;
        carrier.option(reservation)?;
        carrier.option(lost_reservation)?;
        // x0 reads as zero, whatever a snapshot says.
        x[0] = 0;
        Ok(())
    }
}
