//! The debug module interface, through the transport module: Debug spec 0.13, §6.1.
//!
//! A scan starts an operation and returns the result of the previous one: n operations take n + 1 scans. If
//! an operation is not finished in time, the module ignores later ones until the error is cleared; its own
//! result is kept.

use std::time::{Duration, Instant};

use super::ProbeError;
use super::scan::Scanner;

/// JTAG instructions.
pub const DTMCS: u32 = 0x10;
const DMI: u32 = 0x11;

/// Time limit for an operation to finish.
const PATIENCE: Duration = Duration::from_secs(2);
/// Limit of idle clocks between scans; the number doubles each time it was too small.
const MOST_IDLE: usize = 4096;
/// A module that is not ready after so many attempts is broken.
const MOST_TRIES: usize = 24;
/// Clears the sticky error.
const DMIRESET: u128 = 1 << 16;
/// Address of the register dmstatus.
const DMSTATUS: u64 = 0x11;

/// An operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads a register.
    Read(u64),
    /// Writes a register.
    Write(u64, u32),
}

impl Op {
    fn address(self) -> u64 {
        match self {
            Op::Read(address) | Op::Write(address, _) => address,
        }
    }

    fn bits(self) -> u128 {
        match self {
            Op::Read(address) => u128::from(address) << 34 | 1,
            Op::Write(address, value) => u128::from(address) << 34 | u128::from(value) << 2 | 2,
        }
    }
}

/// A scan without an operation.
const NOTHING: u128 = 0;

/// The debug module interface.
pub struct Dtm {
    scanner: Scanner,
    /// Address width in bits.
    pub abits: usize,
    /// Idle clocks that the module requires.
    pub asked_idle: usize,
    idle: usize,
    /// Whether a result includes the requested address, so that lost or surplus bits are detected. The spec
    /// does not require it; it is tested.
    has_echo: bool,
}

/// Result of a scan.
struct ScanResponse {
    op: u8,
    data: u32,
    address: u64,
}

impl Dtm {
    /// Opens the interface of the selected TAP.
    pub fn open(mut wires: Scanner) -> Result<Dtm, ProbeError> {
        wires.load(DTMCS)?;
        // This also clears an error left by a previous debugger.
        let dtmcs = wires.exchange(&[DMIRESET, NOTHING], 32, 1)?;
        let dtmcs = dtmcs.get(1).copied().unwrap_or_default();
        let abits = (dtmcs >> 4 & 0x3f) as usize;
        if dtmcs & 0xf != 1 || !(6..=32).contains(&abits) {
            return Err(ProbeError::Noise);
        }
        let idle = (dtmcs >> 12 & 7) as usize;
        wires.load(DMI)?;
        let mut dtm = Dtm {
            scanner: wires,
            abits,
            asked_idle: idle,
            idle: idle.max(1),
            has_echo: false,
        };
        dtm.run(&[Op::Read(DMSTATUS)])?;
        let said = dtm.scan(&[NOTHING])?;
        dtm.has_echo = said.first().is_some_and(|it| it.address == DMSTATUS);
        Ok(dtm)
    }

    /// The scanner below it.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Doubles the idle clocks.
    pub fn slow_down(&mut self) {
        self.idle = (self.idle * 2 + 1).min(MOST_IDLE);
    }

    fn scan(&mut self, values: &[u128]) -> Result<Vec<ScanResponse>, ProbeError> {
        let said = self.scanner.exchange(values, self.abits + 34, self.idle)?;
        let answer = |bits: u128| ScanResponse {
            op: bits as u8 & 3,
            data: (bits >> 2) as u32,
            address: (bits >> 34) as u64,
        };
        Ok(said.into_iter().map(answer).collect())
    }

    /// Runs operations in order; one result for each.
    pub fn run(&mut self, ops: &[Op]) -> Result<Vec<u32>, ProbeError> {
        let mut answers = Vec::with_capacity(ops.len());
        let deadline = Instant::now() + PATIENCE;
        let mut tries = 0;
        while answers.len() < ops.len() {
            let before = answers.len();
            self.go_on(ops, &mut answers)?;
            if answers.len() == ops.len() {
                break;
            }
            tries = if answers.len() == before {
                tries + 1
            } else {
                0
            };
            if tries > MOST_TRIES || Instant::now() > deadline && answers.len() == before {
                return Err(ProbeError::Busy);
            }
        }
        Ok(answers)
    }

    /// Runs the operations that have no result yet, up to the first that is not finished in time.
    fn go_on(&mut self, ops: &[Op], answers: &mut Vec<u32>) -> Result<(), ProbeError> {
        let waiting = &ops[answers.len()..];
        let scans: Vec<u128> = waiting
            .iter()
            .map(|op| op.bits())
            .chain([NOTHING])
            .collect();
        let said = self.scan(&scans)?;
        for (place, answer) in said.iter().enumerate() {
            // The first scan returns the result of an earlier operation.
            let of = place.checked_sub(1).map(|place| waiting[place]);
            match (answer.op, of) {
                (0, None) => {}
                (0, Some(op)) => answers.push(self.checked(op, answer)?),
                (3, of) => {
                    self.clear()?;
                    return match of {
                        // It was started; those after it were ignored.
                        Some(op) => self.wait(op).map(|answer| answers.push(answer)),
                        None => Ok(()),
                    };
                }
                (2, _) => {
                    self.clear()?;
                    let address = of.unwrap_or(waiting[0]).address();
                    return Err(ProbeError::Failed { address });
                }
                _ => return Err(ProbeError::Noise),
            }
        }
        Ok(())
    }

    fn checked(&self, op: Op, answer: &ScanResponse) -> Result<u32, ProbeError> {
        match self.has_echo && answer.address != op.address() {
            true => Err(ProbeError::Noise),
            false => Ok(answer.data),
        }
    }

    /// Clears the sticky error and doubles the idle clocks.
    fn clear(&mut self) -> Result<(), ProbeError> {
        self.slow_down();
        self.scanner.load(DTMCS)?;
        let dtmcs = self.scanner.exchange(&[DMIRESET], 32, self.idle)?;
        if dtmcs.first().is_none_or(|dtmcs| dtmcs & 0xf != 1) {
            return Err(ProbeError::Noise);
        }
        self.scanner.load(DMI)
    }

    /// Waits for the result of the unfinished operation.
    fn wait(&mut self, op: Op) -> Result<u32, ProbeError> {
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..MOST_TRIES {
            let said = self.scan(&[NOTHING])?;
            match said.first() {
                Some(answer) if answer.op == 0 => return self.checked(op, answer),
                Some(answer) if answer.op == 3 && Instant::now() < deadline => self.clear()?,
                Some(answer) if answer.op == 3 => break,
                Some(answer) if answer.op == 2 => {
                    self.clear()?;
                    let address = op.address();
                    return Err(ProbeError::Failed { address });
                }
                _ => return Err(ProbeError::Noise),
            }
        }
        Err(ProbeError::Busy)
    }
}
