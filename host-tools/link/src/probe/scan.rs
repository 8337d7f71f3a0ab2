//! JTAG scans in batches, through the probes of probe-rs.
//!
//! probe-rs does not export its queue of scans: from outside, every scan would be a USB transfer. The pins of
//! its JTAG probes are public, so scans are composed here. Between scans the TAP is in Run-Test/Idle, for at
//! least one clock.

use probe_rs::probe::Probe;
use probe_rs::probe::blackmagic::BlackMagicProbe;
use probe_rs::probe::ch347usbjtag::Ch347UsbJtag;
use probe_rs::probe::cmsisdap::CmsisDap;
use probe_rs::probe::ftdi::FtdiProbe;
use probe_rs::probe::jlink::JLink;

use super::ProbeError;
use super::bitbang::Bitbang;
use super::pins::Pins;

/// Scans per transfer to the probe.
const BATCH: usize = 512;

/// The pins of a probe, if they are accessible: WCH's probes have a protocol of their own, for chips without
/// an MMU.
fn pins(probe: &mut Probe) -> Option<&mut dyn Pins> {
    macro_rules! one_of {
        ($($driver:ty),*) => {
            $(if probe.try_into::<$driver>().is_some() {
                return probe.try_into::<$driver>().map(|driver| driver as &mut dyn Pins);
            })*
        };
    }
    one_of!(Bitbang);
    #[cfg(feature = "sim")]
    one_of!(super::sim::Driver);
    one_of!(FtdiProbe, JLink, CmsisDap, Ch347UsbJtag, BlackMagicProbe);
    None
}

/// Position of a TAP in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainPosition {
    /// Length of its instruction register in bits.
    pub ir_bits: usize,
    /// Instruction register bits of other TAPs: before TDO, and after TDI.
    pub ir_around: (usize, usize),
    /// Number of other TAPs before TDO and after TDI; each adds a bypass bit.
    pub ports_around: (usize, usize),
}

/// A probe connected to a chain.
pub struct Scanner {
    probe: Probe,
    /// The TAP that scans address.
    pub position: ChainPosition,
    scans: u64,
}

impl Scanner {
    /// A scanner on an open probe.
    pub fn new(mut probe: Probe) -> Result<Scanner, ProbeError> {
        let name = probe.get_name();
        if pins(&mut probe).is_none() {
            return Err(ProbeError::NoPins(name));
        }
        Ok(Scanner {
            probe,
            position: ChainPosition::default(),
            scans: 0,
        })
    }

    /// Name of the probe.
    pub fn name(&self) -> String {
        self.probe.get_name()
    }

    /// Number of data register scans.
    pub fn scans(&self) -> u64 {
        self.scans
    }

    fn clock(&mut self, tms: &[bool], tdi: &[bool], capture: &[bool]) -> Result<(), ProbeError> {
        let name = self.probe.get_name();
        let pins = pins(&mut self.probe).ok_or(ProbeError::NoPins(name))?;
        Ok(pins.clock(tms, tdi, capture)?)
    }

    fn captured(&mut self, bits: usize) -> Result<Vec<bool>, ProbeError> {
        let name = self.probe.get_name();
        let pins = pins(&mut self.probe).ok_or(ProbeError::NoPins(name))?;
        let captured = pins.captured()?;
        match captured.len() == bits {
            true => Ok(captured),
            false => Err(ProbeError::Noise),
        }
    }

    /// Clocks a TMS sequence without data.
    fn go(&mut self, tms: &[bool]) -> Result<(), ProbeError> {
        let idle = vec![false; tms.len()];
        self.clock(tms, &idle, &idle)
    }

    /// Resets every TAP of the chain.
    pub fn reset(&mut self) -> Result<(), ProbeError> {
        self.go(&[true, true, true, true, true, false])
    }

    /// From Run-Test/Idle through a shift and back, with `idle` clocks there, at least one. Keeps the bits in
    /// range `kept`.
    fn shift(
        &mut self,
        is_instruction: bool,
        tdi: &[bool],
        kept: std::ops::Range<usize>,
        idle: usize,
    ) -> Result<(), ProbeError> {
        match is_instruction {
            true => self.go(&[true, true, false, false])?,
            false => self.go(&[true, false, false])?,
        }
        let tms: Vec<bool> = (1..=tdi.len()).map(|n| n == tdi.len()).collect();
        let capture: Vec<bool> = (0..tdi.len()).map(|n| kept.contains(&n)).collect();
        self.clock(&tms, tdi, &capture)?;
        let mut back = vec![false; 1 + idle.max(1)];
        back[0] = true;
        self.go(&back)
    }

    /// Loads an instruction; all other TAPs are in bypass.
    pub fn load(&mut self, instruction: u32) -> Result<(), ProbeError> {
        let ChainPosition {
            ir_bits, ir_around, ..
        } = self.position;
        let bits = (0..ir_bits).map(|n| instruction.checked_shr(n as u32).unwrap_or(0) & 1 == 1);
        let before = std::iter::repeat_n(true, ir_around.0);
        let behind = std::iter::repeat_n(true, ir_around.1);
        let tdi: Vec<bool> = before.chain(bits).chain(behind).collect();
        self.shift(true, &tdi, 0..0, 1)
    }

    /// Scans the data register with each of these values, `bits` wide, and returns the captured ones; `idle`
    /// clocks after each.
    pub fn exchange(
        &mut self,
        values: &[u128],
        bits: usize,
        idle: usize,
    ) -> Result<Vec<u128>, ProbeError> {
        let (before, behind) = self.position.ports_around;
        let mut said = Vec::with_capacity(values.len());
        let mut tdi = vec![false; before + bits + behind];
        for batch in values.chunks(BATCH) {
            for value in batch {
                for (n, bit) in tdi[before..before + bits].iter_mut().enumerate() {
                    *bit = value >> n & 1 == 1;
                }
                self.scans += 1;
                self.shift(false, &tdi, before..before + bits, idle)?;
            }
            let captured = self.captured(batch.len() * bits)?;
            said.extend(captured.chunks(bits).map(number));
        }
        Ok(said)
    }

    /// Shifts bits through the whole chain, and returns the output.
    pub fn through(&mut self, is_instruction: bool, tdi: &[bool]) -> Result<Vec<bool>, ProbeError> {
        self.shift(is_instruction, tdi, 0..tdi.len(), 1)?;
        self.captured(tdi.len())
    }
}

/// Converts bits to a number, lowest first.
pub fn number(bits: &[bool]) -> u128 {
    let places = bits.iter().enumerate();
    places.fold(0, |number, (n, bit)| number | u128::from(*bit) << n)
}
