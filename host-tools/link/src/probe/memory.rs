//! Physical memory through a debug module.
//!
//! Debug spec 0.13, §3.10 and Appendix B.2. Reads are done in runs of register-sized words; the first and
//! last word may contain bytes outside of the request, and nothing else is read.

use super::ProbeError;
use super::access::{AccessMethod, AccessRefusal};
use super::debug_module::{DebugModule, at};
use super::dtm::Op;
use super::registers::{S0, S1};

/// Bits of sbcs.
const SBBUSYERROR: u32 = 1 << 22;
const SBREADONADDR: u32 = 1 << 20;
const SBAUTOINCREMENT: u32 = 1 << 16;
const SBREADONDATA: u32 = 1 << 15;
const SBERROR: u32 = 7 << 12;

/// Attempts for a run that was disturbed.
const TRIES: usize = 8;

/// mstatus, and its bits that change the translation of M-mode loads.
const MSTATUS: u16 = 0x300;
const MPRV: u64 = 1 << 17;
const MPP: u64 = 3 << 11;
const MPP_S: u64 = 1 << 11;
const SUM: u64 = 1 << 18;
const MXR: u64 = 1 << 19;
/// dcsr, and its bit that enables MPRV in Debug Mode.
const DCSR: u16 = 0x7b0;
const MPRVEN: u64 = 1 << 4;
const PAGE: u64 = pagetable::PAGE_BYTES;

/// A run that this method, or any, cannot read.
pub(super) enum Miss {
    Refused(AccessRefusal),
    Broken(ProbeError),
}

impl From<ProbeError> for Miss {
    fn from(error: ProbeError) -> Miss {
        match error {
            ProbeError::NotHalted => Miss::Refused(AccessRefusal::NotHalted),
            ProbeError::Command(1) => Miss::Refused(AccessRefusal::Busy),
            ProbeError::Command(2) => Miss::Refused(AccessRefusal::NotThere),
            ProbeError::Command(3 | 5) => Miss::Refused(AccessRefusal::NoMemory),
            error => Miss::Broken(error),
        }
    }
}

impl DebugModule {
    /// Methods that the module's features suggest.
    pub fn methods(&self) -> Vec<AccessMethod> {
        let offers = &self.offers;
        let is_there = |method: &AccessMethod| match method {
            AccessMethod::Bus => offers.bus_widths & 0b0_1100 != 0,
            AccessMethod::Program => self.has_room_for(1),
            // Its address is the second argument.
            AccessMethod::Abstract => !self.lacks_abstract && offers.data_words >= 2 * self.words(),
        };
        AccessMethod::ALL.into_iter().filter(is_there).collect()
    }

    /// Reads physical memory with the first of these methods that works.
    pub fn read(
        &mut self,
        start: u64,
        into: &mut [u8],
        methods: &[AccessMethod],
    ) -> Result<AccessMethod, ProbeError> {
        let mut tried = Vec::new();
        for method in methods {
            match self.read_by(*method, start, into) {
                Ok(()) => return Ok(*method),
                Err(Miss::Refused(refusal)) => {
                    // Only an attempt shows whether it works.
                    let is_abstract = *method == AccessMethod::Abstract;
                    self.lacks_abstract |= is_abstract && refusal == AccessRefusal::NotThere;
                    tried.push((*method, refusal));
                }
                Err(Miss::Broken(error)) => return Err(error),
            }
        }
        Err(ProbeError::Unreachable { at: start, tried })
    }

    fn read_by(&mut self, method: AccessMethod, start: u64, into: &mut [u8]) -> Result<(), Miss> {
        if method != AccessMethod::Bus {
            self.xlen()?;
            self.unprivilege()?;
        }
        self.read_words(method, start, into)
    }

    fn read_words(
        &mut self,
        method: AccessMethod,
        start: u64,
        into: &mut [u8],
    ) -> Result<(), Miss> {
        if into.is_empty() {
            return Ok(());
        }
        let bytes = match method {
            // The widest access that fits, so that page-table entries are read whole.
            AccessMethod::Bus if self.offers.bus_widths & 0b0_1000 != 0 => 8,
            AccessMethod::Bus => 4,
            _ => 4 * self.words(),
        };
        let unit = bytes as u64;
        let first = start & !(unit - 1);
        let end = start.checked_add(into.len() as u64);
        let end = end.ok_or(Miss::Refused(AccessRefusal::NoMemory))?;
        let count = (end - first).div_ceil(unit) as usize;
        let words = self.repeat(|module| match method {
            AccessMethod::Bus => module.bus(first, count, bytes / 4),
            AccessMethod::Program => module.loads(first, count),
            AccessMethod::Abstract => module.commands(first, count),
        })?;
        let read = words.iter().flat_map(|word| word.to_le_bytes());
        let skipped = (start - first) as usize;
        for (to, byte) in into.iter_mut().zip(read.skip(skipped)) {
            *to = byte;
        }
        Ok(())
    }

    /// Repeats a run with more time if the module was not ready.
    fn repeat(
        &mut self,
        mut run: impl FnMut(&mut DebugModule) -> Result<Vec<u32>, Miss>,
    ) -> Result<Vec<u32>, Miss> {
        for _ in 1..TRIES {
            match run(self) {
                Err(Miss::Refused(AccessRefusal::Busy)) => self.dtm.slow_down(),
                ended => return ended,
            }
        }
        run(self)
    }

    /// Makes loads in Debug Mode physical, in case the hart was halted with `mstatus.MPRV` set.
    fn unprivilege(&mut self) -> Result<(), ProbeError> {
        if self.is_physical {
            return Ok(());
        }
        let status = self.csr(MSTATUS)?;
        if status & MPRV != 0 {
            self.borrow(u32::from(MSTATUS))?;
            self.write_csr(MSTATUS, status & !MPRV)?;
        }
        self.is_physical = true;
        Ok(())
    }

    /// Reads memory with the translation of S-mode, including user pages.
    pub fn read_virtual(&mut self, start: u64, into: &mut [u8]) -> Result<(), ProbeError> {
        self.xlen()?;
        self.put_back()?;
        self.borrow(u32::from(DCSR))?;
        self.borrow(u32::from(MSTATUS))?;
        let (status, debug) = (self.csr(MSTATUS)?, self.csr(DCSR)?);
        self.write_csr(MSTATUS, status & !(MPP | MXR) | MPP_S | MPRV | SUM)?;
        self.write_csr(DCSR, debug | MPRVEN)?;
        // Adjacent virtual pages need not be adjacent in memory, and a run ends at the first unmapped page.
        let mut at = start;
        let mut rest = into;
        let mut read = Ok(());
        while !rest.is_empty() && read.is_ok() {
            let bytes = (PAGE - at % PAGE).min(rest.len() as u64) as usize;
            let (here, behind) = rest.split_at_mut(bytes);
            read = self.read_words(AccessMethod::Program, at, here);
            (at, rest) = (at.wrapping_add(bytes as u64), behind);
        }
        self.put_back()?;
        read.map_err(|miss| match miss {
            Miss::Refused(refusal) => ProbeError::Unreachable {
                at: start,
                tried: vec![(AccessMethod::Program, refusal)],
            },
            Miss::Broken(error) => error,
        })
    }

    /// Reads through the system bus, in accesses of `words` 32-bit words.
    fn bus(&mut self, first: u64, count: usize, words: usize) -> Result<Vec<u32>, Miss> {
        let access = if words == 2 { 3 } else { 2 };
        let high = (first >> 32) as u32;
        if high != 0 && self.offers.bus_bits <= 32 {
            return Err(Miss::Refused(AccessRefusal::NoMemory));
        }
        let settings = access << 17 | SBREADONADDR | SBAUTOINCREMENT;
        let clear = SBBUSYERROR | SBERROR;
        // A previous error would block every later access.
        let mut ops = vec![Op::Write(at::SBCS, settings | clear | SBREADONDATA)];
        if self.offers.bus_bits > 32 {
            ops.push(Op::Write(at::SBADDRESS1, high));
        }
        ops.push(Op::Write(at::SBADDRESS0, first as u32));
        let mut places = Vec::with_capacity(count * words);
        for word in 1..=count {
            // Reading the last word must not trigger another access.
            if word == count {
                ops.push(Op::Write(at::SBCS, settings));
            }
            // The lowest word last: reading it triggers the next access.
            if words == 2 {
                ops.push(Op::Read(at::SBDATA1));
            }
            ops.push(Op::Read(at::SBDATA0));
            let low = ops.len() - 1;
            places.push(low);
            if words == 2 {
                places.push(low - 1);
            }
        }
        ops.push(Op::Read(at::SBCS));
        let said = self.dtm.run(&ops)?;
        let sbcs = said.last().copied().unwrap_or_default();
        if sbcs >> 29 != 1 || sbcs & 0x1f != self.offers.bus_widths {
            return Err(Miss::Broken(ProbeError::Noise));
        }
        if sbcs & SBBUSYERROR != 0 {
            return Err(Miss::Refused(AccessRefusal::Busy));
        }
        match sbcs >> 12 & 7 {
            0 => Ok(places.into_iter().map(|place| said[place]).collect()),
            2 => Err(Miss::Refused(AccessRefusal::NoMemory)),
            other => Err(Miss::Refused(AccessRefusal::Bus(other))),
        }
    }

    /// Reads with loads of the hart: `s0` holds the address, `s1` receives the word.
    fn loads(&mut self, first: u64, count: usize) -> Result<Vec<u32>, Miss> {
        self.borrow(S0)?;
        self.borrow(S1)?;
        let wide = self.words() == 2;
        let (width, step) = if wide { (3, 8) } else { (2, 4) };
        // l[dw] s1, 0(s0)
        let load = 8 << 15 | width << 12 | 9 << 7 | 0x03;
        let words = self.words();
        let begin = self.access(S0, true, true);
        let last = self.access(S1, false, false);
        if !self.has_room_for(2) {
            return self.single_loads(load, first, count);
        }
        // addi s0, s0, step
        self.load(&[load, step << 20 | 8 << 15 | 8 << 7 | 0x13])?;
        let from = [first as u32, (first >> 32) as u32];
        let next = self.access(S1, false, true);
        self.once(&from[..words], begin)?;
        let mut found = Vec::with_capacity(count * words);
        // Each command returns the previous word and loads the next.
        self.run_on(next, count - 1, &mut found)?;
        let word = self.command(&[], last, words)?;
        found.extend([word as u32, (word >> 32) as u32].into_iter().take(words));
        Ok(found)
    }

    /// Reads with a program buffer that fits the load only: each word needs its address and a second command.
    fn single_loads(&mut self, load: u32, first: u64, count: usize) -> Result<Vec<u32>, Miss> {
        self.load(&[load])?;
        let words = self.words();
        let begin = self.access(S0, true, true);
        let take = self.access(S1, false, false);
        let mut found = Vec::with_capacity(count * words);
        for at in (first..).step_by(4 * words).take(count) {
            let from = [at as u32, (at >> 32) as u32];
            self.once(&from[..words], begin)?;
            let word = self.command(&[], take, words)?;
            found.extend([word as u32, (word >> 32) as u32].into_iter().take(words));
        }
        Ok(found)
    }

    /// Reads with the abstract command for memory, which increments the address.
    fn commands(&mut self, first: u64, count: usize) -> Result<Vec<u32>, Miss> {
        let words = self.words();
        let size = if words == 2 { 3 } else { 2 };
        let command = 2 << 24 | size << 20 | 1 << 19;
        let from = [first as u32, (first >> 32) as u32];
        let ops = (at::DATA + words as u64..).zip(&from[..words]);
        let ops: Vec<Op> = ops.map(|(to, word)| Op::Write(to, *word)).collect();
        self.halt()?;
        self.dtm.run(&ops)?;
        let mut found = Vec::with_capacity(count * words);
        self.run_on(command, count, &mut found)?;
        Ok(found)
    }

    /// Starts a command once, without repetition: its side effects must not occur twice.
    fn once(&mut self, arguments: &[u32], command: u32) -> Result<(), Miss> {
        self.halt()?;
        let words = (at::DATA..).zip(arguments);
        let mut ops: Vec<Op> = words.map(|(to, word)| Op::Write(to, *word)).collect();
        ops.push(Op::Write(at::COMMAND, command));
        self.dtm.run(&ops)?;
        match self.wait_for_command()? {
            0 => Ok(()),
            cmderr => Err(ProbeError::Command(cmderr).into()),
        }
    }

    /// Runs the same command `count` times, and collects the results. With `abstractauto` the read of the
    /// result repeats the command, which saves a scan.
    fn run_on(&mut self, command: u32, count: usize, found: &mut Vec<u32>) -> Result<(), Miss> {
        if count == 0 {
            return Ok(());
        }
        let words = self.words();
        let mut places = Vec::with_capacity(count * words);
        let mut ops = vec![Op::Write(at::COMMAND, command)];
        if self.offers.repeats && count > 1 {
            ops.push(Op::Write(at::ABSTRACTAUTO, 1));
        }
        for word in 1..=count {
            if word > 1 && !self.offers.repeats {
                ops.push(Op::Write(at::COMMAND, command));
            }
            if word > 1 && word == count && self.offers.repeats {
                ops.push(Op::Write(at::ABSTRACTAUTO, 0));
            }
            // The lowest word last: reading it repeats the command.
            if words == 2 {
                ops.push(Op::Read(at::DATA + 1));
            }
            ops.push(Op::Read(at::DATA));
            let low = ops.len() - 1;
            places.push(low);
            if words == 2 {
                places.push(low - 1);
            }
        }
        let said = self.dtm.run(&ops);
        if said.is_err() && self.offers.repeats {
            // Otherwise the next read of a data register would repeat it.
            self.dtm.run(&[Op::Write(at::ABSTRACTAUTO, 0)])?;
        }
        let said = said?;
        // The error is sticky, and nothing after it ran.
        match self.wait_for_command()? {
            0 => {
                found.extend(places.into_iter().map(|place| said[place]));
                Ok(())
            }
            cmderr => {
                // A read that came too early did not stop the repetition either.
                self.dtm.run(&[Op::Write(at::ABSTRACTAUTO, 0)])?;
                Err(ProbeError::Command(cmderr).into())
            }
        }
    }
}
