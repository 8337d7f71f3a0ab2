//! The debug module and one of its harts: halting, resuming, resetting.
//!
//! Debug spec 0.13, §3. A hart that was halted only for us runs again when this goes.

use std::time::{Duration, Instant};

use pagetable::Xlen;

use super::ProbeError;
use super::dtm::{Dtm, Op};

/// Registers of the debug bus.
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
/// What clears abstractcs.cmderr.
pub(super) const CMDERR: u32 = 7 << 8;

/// How long a hart may take to halt, to go on and to run a command.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How often something is begun that was disturbed.
pub(super) const TRIES: usize = 4;

/// What a module offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// 2 is 0.13, 3 is 1.0.
    pub version: u32,
    /// Words of the program buffer.
    pub program_words: usize,
    /// An `ebreak` stands behind the buffer.
    pub has_implicit_ebreak: bool,
    /// Words for arguments.
    pub data_words: usize,
    /// Commands can be repeated by reading an argument.
    pub repeats: bool,
    /// Widths of the system bus, bit 0 is 8 bits; 0 where there is none.
    pub bus_widths: u32,
    /// Bits of the system bus's addresses.
    pub bus_bits: u32,
    /// How many harts there are.
    pub harts: u32,
}

/// A module, with one hart chosen.
pub struct DebugModule {
    pub(super) dtm: Dtm,
    /// What it offers.
    pub offers: Offers,
    hart: u32,
    /// It ran when we came, and was halted by us.
    was_running: bool,
    is_halted: bool,
    pub(super) xlen: Option<Xlen>,
    /// Registers that do not hold their own values, and those.
    pub(super) changed: Vec<(u32, u64)>,
    /// What the program buffer holds.
    pub(super) program: Vec<u32>,
    /// CSRs are reached by a program only.
    pub(super) needs_program: bool,
    /// Loads of Debug Mode are known to be physical.
    pub(super) is_physical: bool,
    /// The module has no command for memory.
    pub(super) lacks_abstract: bool,
}

impl DebugModule {
    /// The module on a bus, with hart `hart` chosen. The hart is left as it is.
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
        // Whoever was here before may have left an error, or a command that repeats itself.
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
        // Version 1 is the bus of 0.13 and 1.0.
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
        // A line that died says nothing but zeros, or ones.
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

    /// Whether the hart was halted when we came.
    pub fn was_halted(&self) -> bool {
        !self.was_running && self.is_halted
    }

    /// Halts the hart, for as long as this is there.
    pub fn halt(&mut self) -> Result<(), ProbeError> {
        if self.is_halted {
            return Ok(());
        }
        self.control(HALTREQ)?;
        let halted = self.wait_for(ALLHALTED, ProbeError::NotHalted);
        // Where it is not known whether it halted, it is told to run in the end.
        let may_be_halted = !matches!(halted, Err(ProbeError::NotHalted));
        (self.is_halted, self.was_running) = (may_be_halted, may_be_halted);
        let taken_back = self.control(0);
        halted.and(taken_back)
    }

    /// Leaves the hart halted, whatever it was when we came.
    pub fn keep_halted(&mut self) {
        self.was_running = false;
    }

    /// Lets the hart run, whatever it was when we came.
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

    /// Resets the board, all but the module. The hart runs afterwards, or stands on its first
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
            // Nothing tells when it halts but a look at it.
            std::thread::sleep(Duration::from_millis(1));
        }
        (self.is_halted, self.was_running) = (true, false);
        Ok(true)
    }

    /// Whether the hart stands still now.
    pub fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// Leaves the hart as it was.
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
        // Whoever wanted to know has closed it.
        let _ = self.close();
    }
}

/// Makes the module work; it says when it does.
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

/// How many harts there are: they are counted from 0 without gaps.
fn harts(dtm: &mut Dtm) -> Result<u32, ProbeError> {
    for hart in 1..1024 {
        let said = dtm.run(&[
            Op::Write(at::DMCONTROL, DMACTIVE | hart << 16),
            Op::Read(at::DMCONTROL),
            Op::Read(at::DMSTATUS),
        ])?;
        // A module of one hart may have no bits to choose another.
        if said[1] >> 16 & 0x3ff != hart || said[2] & ANYNONEXISTENT != 0 {
            return Ok(hart);
        }
    }
    Ok(1024)
}
