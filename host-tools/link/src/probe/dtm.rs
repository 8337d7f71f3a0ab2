//! The debug bus, through the transport module: Debug spec 0.13, §6.1.
//!
//! A scan begins an operation and brings the answer of the one before: n operations are n + 1
//! scans. An operation that was not ready in time makes the module ignore the next ones until
//! that is cleared; its own answer is not lost.

use std::time::{Duration, Instant};

use super::ProbeError;
use super::scan::Scanner;

/// Instructions of the port.
pub const DTMCS: u32 = 0x10;
const DMI: u32 = 0x11;

/// How long an operation may not be ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// Clocks to wait for it: doubled each time it was not enough.
const MOST_IDLE: usize = 4096;
/// A module that is still not ready after so many clocks never will be.
const MOST_TRIES: usize = 24;
/// What clears the error that sticks.
const DMIRESET: u128 = 1 << 16;
/// dmstatus.
const DMSTATUS: u64 = 0x11;

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads a register.
    Read(u64),
    /// Writes one.
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

/// A scan that begins nothing.
const NOTHING: u128 = 0;

/// The debug bus.
pub struct Dtm {
    scanner: Scanner,
    /// Bits of an address.
    pub abits: usize,
    /// Clocks that the module asks for.
    pub asked_idle: usize,
    idle: usize,
    /// An answer carries the address that was asked for, so that one that lost or gained bits on
    /// its way is known. The manual does not promise it; the module is looked at.
    has_echo: bool,
}

/// What came out of a scan.
struct ScanResponse {
    op: u8,
    data: u32,
    address: u64,
}

impl Dtm {
    /// The bus behind the chosen port.
    pub fn open(mut wires: Scanner) -> Result<Dtm, ProbeError> {
        wires.load(DTMCS)?;
        // An error of somebody before us is cleared on the way.
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

    /// The wires under it.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// Gives operations more time from now on.
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

    /// Does these operations in order; an answer for each.
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

    /// Does those that have no answer yet, up to the first that is not ready in time.
    fn go_on(&mut self, ops: &[Op], answers: &mut Vec<u32>) -> Result<(), ProbeError> {
        let waiting = &ops[answers.len()..];
        let scans: Vec<u128> = waiting
            .iter()
            .map(|op| op.bits())
            .chain([NOTHING])
            .collect();
        let said = self.scan(&scans)?;
        for (place, answer) in said.iter().enumerate() {
            // The first scan's answer is an earlier operation's.
            let of = place.checked_sub(1).map(|place| waiting[place]);
            match (answer.op, of) {
                (0, None) => {}
                (0, Some(op)) => answers.push(self.checked(op, answer)?),
                (3, of) => {
                    self.clear()?;
                    return match of {
                        // It was begun; what came behind it was not.
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

    /// Clears the error that sticks, and gives operations more time from now on.
    fn clear(&mut self) -> Result<(), ProbeError> {
        self.slow_down();
        self.scanner.load(DTMCS)?;
        let dtmcs = self.scanner.exchange(&[DMIRESET], 32, self.idle)?;
        if dtmcs.first().is_none_or(|dtmcs| dtmcs & 0xf != 1) {
            return Err(ProbeError::Noise);
        }
        self.scanner.load(DMI)
    }

    /// The answer of the operation that was not ready.
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
