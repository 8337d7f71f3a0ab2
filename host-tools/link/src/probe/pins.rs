//! The pins of a JTAG probe: what every driver does, and nothing that knows who clocks them.

use probe_rs::probe::blackmagic::BlackMagicProbe;
use probe_rs::probe::ch347usbjtag::Ch347UsbJtag;
use probe_rs::probe::cmsisdap::CmsisDap;
use probe_rs::probe::ftdi::FtdiProbe;
use probe_rs::probe::jlink::JLink;
use probe_rs::probe::{DebugProbeError, RawJtagIo};

/// A probe's pins.
pub(super) trait Pins {
    /// Clocks with these levels; `capture` says whether TDO is kept.
    fn clock(
        &mut self,
        tms: &[bool],
        tdi: &[bool],
        capture: &[bool],
    ) -> Result<(), DebugProbeError>;

    /// What was kept, in order.
    fn captured(&mut self) -> Result<Vec<bool>, DebugProbeError>;
}

/// Each is a type of its own, and what they share takes any iterator.
macro_rules! pins_of {
    ($($driver:ty),*) => {
        $(impl Pins for $driver {
            fn clock(
                &mut self,
                tms: &[bool],
                tdi: &[bool],
                capture: &[bool],
            ) -> Result<(), DebugProbeError> {
                let bits = |levels: &[bool]| levels.to_vec();
                self.shift_bits(bits(tms), bits(tdi), bits(capture))
            }

            fn captured(&mut self) -> Result<Vec<bool>, DebugProbeError> {
                Ok(self.read_captured_bits()?.iter().map(|bit| *bit).collect())
            }
        })*
    };
}

pins_of!(FtdiProbe, JLink, CmsisDap, Ch347UsbJtag, BlackMagicProbe);
