//! The pins of a JTAG probe, with the code that all drivers share.

use probe_rs::probe::blackmagic::BlackMagicProbe;
use probe_rs::probe::ch347usbjtag::Ch347UsbJtag;
use probe_rs::probe::cmsisdap::CmsisDap;
use probe_rs::probe::ftdi::FtdiProbe;
use probe_rs::probe::jlink::JLink;
use probe_rs::probe::{DebugProbeError, RawJtagIo};

/// Direct access to a probe's pins.
pub(super) trait Pins {
    /// Queues a clock with these levels; `capture` requests the value of TDO.
    fn clock(
        &mut self,
        tms: &[bool],
        tdi: &[bool],
        capture: &[bool],
    ) -> Result<(), DebugProbeError>;

    /// The captured TDO values, in order.
    fn captured(&mut self) -> Result<Vec<bool>, DebugProbeError>;
}

/// Implements `Pins` for each driver type, whose methods accept any iterator.
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

/// The methods of `impl DebugProbe` for a JTAG-only probe.
macro_rules! jtag_only {
    () => {
        fn select_protocol(
            &mut self,
            protocol: probe_rs::probe::WireProtocol,
        ) -> Result<(), probe_rs::probe::DebugProbeError> {
            match protocol {
                probe_rs::probe::WireProtocol::Jtag => Ok(()),
                other => Err(probe_rs::probe::DebugProbeError::UnsupportedProtocol(other)),
            }
        }

        fn active_protocol(&self) -> Option<probe_rs::probe::WireProtocol> {
            Some(probe_rs::probe::WireProtocol::Jtag)
        }

        fn try_as_jtag_probe(&mut self) -> Option<&mut dyn probe_rs::probe::JtagAccess> {
            Some(self)
        }

        fn has_riscv_interface(&self) -> bool {
            true
        }

        fn try_get_riscv_interface_builder<'probe>(
            &'probe mut self,
        ) -> Result<
            Box<
                dyn probe_rs::architecture::riscv::communication_interface::RiscvInterfaceBuilder<
                        'probe,
                    > + 'probe,
            >,
            probe_rs::architecture::riscv::communication_interface::RiscvError,
        > {
            let builder = probe_rs::architecture::riscv::JtagDtmBuilder::new(self);
            Ok(Box::new(builder))
        }

        fn into_probe(self: Box<Self>) -> Box<dyn probe_rs::probe::DebugProbe> {
            self
        }
    };
}

pub(super) use jtag_only;

/// Clocks bit by bit, for drivers that control the pins themselves.
pub(super) fn clock_bits(
    port: &mut impl RawJtagIo,
    tms: &[bool],
    tdi: &[bool],
    capture: &[bool],
) -> Result<(), DebugProbeError> {
    for ((tms, tdi), capture) in tms.iter().zip(tdi).zip(capture) {
        port.shift_bit(*tms, *tdi, *capture)?;
    }
    Ok(())
}
