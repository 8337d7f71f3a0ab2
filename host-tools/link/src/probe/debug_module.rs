//! The debug module and one of its harts: halt, resume, reset.
//!
//! Debug spec 0.13, §3. A hart halted by this program runs again when the module is dropped.

use std::time::{Duration, Instant};

use pagetable::Xlen;

use super::ProbeError;
use super::dtm::{Dtm, Op};

/// Register addresses on the debug module interface.
pub(super) mod at {
    pub const DATA: u64 = 0x04;
    pub const DMCONTROL: u64 = 0x10;
    pub const DMSTATUS: u64 = 0x11;
    pub const ABSTRACTCS: u64 = 0x16;
    pub const COMMAND: u64 = 0x17;
    pub const ABSTRACTAUTO: u64 = 0x18;
    pub const PROGRAM: u64 = 0x20;
    pub const SBCS: u64 = 0x38;
    pub const SBADDRESS0: u64 = 0x39;
    pub const SBADDRESS1: u64 = 0x3a;
    pub const SBDATA0: u64 = 0x3c;
    pub const SBDATA1: u64 = 0x3d;
}

/// Bits of dmcontrol.
const HALTREQ: u32 = 1 << 31;
const RESUMEREQ: u32 = 1 << 30;
const ACKHAVERESET: u32 = 1 << 28;
const NDMRESET: u32 = 1 << 1;
const DMACTIVE: u32 = 1;
/// Bits of dmstatus.
const ALLHAVERESET: u32 = 1 << 19;
const ALLRESUMEACK: u32 = 1 << 17;
const ALLRUNNING: u32 = 1 << 11;
const ANYNONEXISTENT: u32 = 1 << 14;
const ALLHALTED: u32 = 1 << 9;
/// Clears abstractcs.cmderr.
pub(super) const CMDERR: u32 = 7 << 8;

/// Time limit for halting, resuming and running a command.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Attempts for an operation that was disturbed.
pub(super) const TRIES: usize = 4;

/// Features of a debug module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Version field: 2 is 0.13, 3 is 1.0.
    pub version: u32,
    /// Size of the program buffer in words.
    pub program_words: usize,
    /// Whether an implicit `ebreak` follows the program buffer.
    pub has_implicit_ebreak: bool,
    /// Number of data registers.
    pub data_words: usize,
    /// Whether reading a data register can repeat a command (`abstractauto`).
    pub repeats: bool,
    /// Access widths of the system bus, bit 0 for 8 bits; 0 without a system bus.
    pub bus_widths: u32,
    /// Address width of the system bus in bits.
    pub bus_bits: u32,
    /// Number of harts.
    pub harts: u32,
}

/// A debug module with one hart selected.
pub struct DebugModule {
    pub(super) dtm: Dtm,
    /// Features of the module.
    pub offers: Offers,
    hart: u32,
    /// The hart was running and was halted by this program.
    was_running: bool,
    is_halted: bool,
    pub(super) xlen: Option<Xlen>,
    /// Changed registers, with their original values.
    pub(super) changed: Vec<(u32, u64)>,
    /// Current content of the program buffer.
    pub(super) program: Vec<u32>,
    /// CSRs require the program buffer.
    pub(super) needs_program: bool,
    /// Loads in Debug Mode are known to use physical addresses.
    pub(super) is_physical: bool,
    /// The module has no abstract command for memory.
    pub(super) lacks_abstract: bool,
}

impl DebugModule {
    /// Opens the module with hart `hart` selected, without changing the hart.
    pub fn open(mut dtm: Dtm, hart: u32) -> Result<DebugModule, ProbeError> {
        wake(&mut dtm)?;
        let status = dtm.run(&[Op::Read(at::DMSTATUS)])?[0];
        let version = status & 0xf;
        if !(2..=3).contains(&version) {
            return Err(ProbeError::Version(version));
        }
        if status >> 7 & 1 == 0 {
            return Err(ProbeError::Locked);
        }
        let harts = harts(&mut dtm)?;
        if hart >= harts {
            return Err(ProbeError::NoHart { hart, harts });
        }
        let mut module = DebugModule {
            dtm,
            offers: Offers {
                version,
                program_words: 0,
                has_implicit_ebreak: status >> 22 & 1 == 1,
                data_words: 0,
                repeats: false,
                bus_widths: 0,
                bus_bits: 0,
                harts,
            },
            hart,
            was_running: false,
            is_halted: false,
            xlen: None,
            changed: Vec::new(),
            program: Vec::new(),
            needs_program: false,
            is_physical: false,
            lacks_abstract: false,
        };
        module.control(0)?;
        module.look()?;
        module.is_halted = module.status()? & ALLHALTED != 0;
        Ok(module)
    }

    fn look(&mut self) -> Result<(), ProbeError> {
        // A previous debugger may have left an error, or automatic repetition.
        let said = self.dtm.run(&[
            Op::Write(at::ABSTRACTAUTO, 1),
            Op::Read(at::ABSTRACTAUTO),
            Op::Write(at::ABSTRACTAUTO, 0),
            Op::Write(at::ABSTRACTCS, CMDERR),
            Op::Read(at::ABSTRACTCS),
            Op::Read(at::SBCS),
        ])?;
        let (abstractcs, sbcs) = (said[4], said[5]);
        self.offers.repeats = said[1] & 1 == 1;
        self.offers.program_words = (abstractcs >> 24 & 0x1f).min(16) as usize;
        self.offers.data_words = (abstractcs & 0xf).min(12) as usize;
        // Version 1 of dtmcs is the interface of 0.13 and 1.0.
        if sbcs >> 29 == 1 {
            self.offers.bus_widths = sbcs & 0x1f;
            self.offers.bus_bits = sbcs >> 5 & 0x7f;
        }
        Ok(())
    }

    fn control(&mut self, bits: u32) -> Result<(), ProbeError> {
        let (low, high) = (self.hart & 0x3ff, self.hart >> 10 & 0x3ff);
        let value = DMACTIVE | low << 16 | high << 6 | bits;
        self.dtm.run(&[Op::Write(at::DMCONTROL, value)])?;
        Ok(())
    }

    fn status(&mut self) -> Result<u32, ProbeError> {
        let status = self.dtm.run(&[Op::Read(at::DMSTATUS)])?[0];
        // A dead line reads as all zeros or all ones.
        match status & 0xf == self.offers.version {
            true => Ok(status),
            false => Err(ProbeError::Noise),
        }
    }

    fn wait_for(&mut self, bit: u32, or: ProbeError) -> Result<(), ProbeError> {
        let deadline = Instant::now() + PATIENCE;
        while self.status()? & bit == 0 {
            if Instant::now() > deadline {
                return Err(or);
            }
        }
        Ok(())
    }

    /// Whether the hart was halted on connection.
    pub fn was_halted(&self) -> bool {
        !self.was_running && self.is_halted
    }

    /// Halts the hart while the module is open.
    pub fn halt(&mut self) -> Result<(), ProbeError> {
        if self.is_halted {
            return Ok(());
        }
        self.control(HALTREQ)?;
        let halted = self.wait_for(ALLHALTED, ProbeError::NotHalted);
        // If it is unknown whether the hart halted, it is resumed at the end.
        let may_be_halted = !matches!(halted, Err(ProbeError::NotHalted));
        (self.is_halted, self.was_running) = (may_be_halted, may_be_halted);
        let taken_back = self.control(0);
        halted.and(taken_back)
    }

    /// Leaves the hart halted at the end, in any case.
    pub fn keep_halted(&mut self) {
        self.was_running = false;
    }

    /// Resumes the hart, in any case.
    pub fn resume(&mut self) -> Result<(), ProbeError> {
        self.put_back()?;
        self.was_running = false;
        if !self.is_halted {
            return Ok(());
        }
        let resumed = self.go_on();
        let taken_back = self.control(0);
        resumed.and(taken_back)?;
        self.is_halted = false;
        Ok(())
    }

    fn go_on(&mut self) -> Result<(), ProbeError> {
        self.control(RESUMEREQ)?;
        self.wait_for(ALLRESUMEACK | ALLRUNNING, ProbeError::NotResumed)
    }

    /// Resets the board except for the module. Afterwards the hart runs, or is halted at its first
    /// instruction.
    pub fn reset(&mut self, halts: bool) -> Result<(), ProbeError> {
        let halt = if halts { HALTREQ } else { 0 };
        self.control(NDMRESET | halt)?;
        self.control(halt)?;
        self.wait_for(ALLHAVERESET, ProbeError::NotReset)?;
        if halts {
            self.wait_for(ALLHALTED, ProbeError::NotHalted)?;
        }
        self.control(ACKHAVERESET)?;
        self.changed.clear();
        self.program.clear();
        (self.is_halted, self.was_running) = (halts, false);
        Ok(())
    }

    /// Waits until the hart halts by itself, or `is_over`.
    pub fn wait_for_halt(&mut self, mut is_over: impl FnMut() -> bool) -> Result<bool, ProbeError> {
        while self.status()? & ALLHALTED == 0 {
            if is_over() {
                return Ok(false);
            }
            // There is no notification: the status has to be polled.
            std::thread::sleep(Duration::from_millis(1));
        }
        (self.is_halted, self.was_running) = (true, false);
        Ok(true)
    }

    /// Whether the hart is halted now.
    pub fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// Restores the hart and its registers.
    pub fn close(&mut self) -> Result<(), ProbeError> {
        self.put_back()?;
        if !self.was_running {
            return Ok(());
        }
        let mut resumed = self.resume();
        for _ in 1..TRIES {
            if resumed.is_ok() {
                break;
            }
            resumed = self.resume();
        }
        resumed
    }
}

impl Drop for DebugModule {
    fn drop(&mut self) {
        // A caller that needs the result has called `close`.
        let _ = self.close();
    }
}

/// Activates the module, and waits until it reports that.
fn wake(dtm: &mut Dtm) -> Result<(), ProbeError> {
    let deadline = Instant::now() + PATIENCE;
    let ops = [Op::Write(at::DMCONTROL, DMACTIVE), Op::Read(at::DMCONTROL)];
    while dtm.run(&ops)?[1] & DMACTIVE == 0 {
        if Instant::now() > deadline {
            return Err(ProbeError::Busy);
        }
    }
    Ok(())
}

/// Number of harts; indices have no gaps.
fn harts(dtm: &mut Dtm) -> Result<u32, ProbeError> {
    for hart in 1..1024 {
        let said = dtm.run(&[
            Op::Write(at::DMCONTROL, DMACTIVE | hart << 16),
            Op::Read(at::DMCONTROL),
            Op::Read(at::DMSTATUS),
        ])?;
        // A module with one hart may have no bits to select another.
        if said[1] >> 16 & 0x3ff != hart || said[2] & ANYNONEXISTENT != 0 {
            return Ok(hart);
        }
    }
    Ok(1024)
}
