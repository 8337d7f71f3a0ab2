//! The simulated TAP as a probe of probe-rs, without a connection between them.

use bitvec::vec::BitVec;
use probe_rs::probe::{
    AutoImplementJtagAccess, DebugProbe, DebugProbeError, JtagDriverState, Probe, RawJtagIo,
};

use super::super::pins::{Pins, clock_bits, jtag_only};
use super::server::{SharedTap, lock};

/// A probe on a simulated TAP.
pub struct Driver {
    tap: SharedTap,
    state: JtagDriverState,
    captured: Vec<bool>,
}

impl Driver {
    /// A probe-rs handle for the TAP.
    pub fn probe(tap: &SharedTap) -> Probe {
        Probe::from_specific_probe(Box::new(Driver {
            tap: tap.clone(),
            state: JtagDriverState::default(),
            captured: Vec::new(),
        }))
    }
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Driver")
    }
}

impl DebugProbe for Driver {
    fn get_name(&self) -> &str {
        "simulated module"
    }

    fn speed_khz(&self) -> u32 {
        1000
    }

    fn set_speed(&mut self, speed_khz: u32) -> Result<u32, DebugProbeError> {
        Ok(speed_khz)
    }

    fn attach(&mut self) -> Result<(), DebugProbeError> {
        Ok(())
    }

    fn detach(&mut self) -> Result<(), probe_rs::Error> {
        Ok(())
    }

    fn target_reset(&mut self) -> Result<(), DebugProbeError> {
        Ok(())
    }

    fn target_reset_assert(&mut self) -> Result<(), DebugProbeError> {
        Ok(())
    }

    fn target_reset_deassert(&mut self) -> Result<(), DebugProbeError> {
        Ok(())
    }

    jtag_only!();
}

impl RawJtagIo for Driver {
    fn state_mut(&mut self) -> &mut JtagDriverState {
        &mut self.state
    }

    fn state(&self) -> &JtagDriverState {
        &self.state
    }

    fn shift_bit(&mut self, tms: bool, tdi: bool, capture: bool) -> Result<(), DebugProbeError> {
        let mut tap = lock(&self.tap);
        if capture {
            self.captured.push(tap.tdo());
        }
        tap.clock(tms, tdi);
        self.state.state.update(tms);
        match tap.is_unplugged() {
            true => Err(DebugProbeError::Other("unplugged".to_owned())),
            false => Ok(()),
        }
    }

    fn read_captured_bits(&mut self) -> Result<BitVec, DebugProbeError> {
        Ok(std::mem::take(&mut self.captured).into_iter().collect())
    }
}

impl Pins for Driver {
    fn clock(
        &mut self,
        tms: &[bool],
        tdi: &[bool],
        capture: &[bool],
    ) -> Result<(), DebugProbeError> {
        clock_bits(self, tms, tdi, capture)
    }

    fn captured(&mut self) -> Result<Vec<bool>, DebugProbeError> {
        Ok(std::mem::take(&mut self.captured))
    }
}

impl AutoImplementJtagAccess for Driver {}
