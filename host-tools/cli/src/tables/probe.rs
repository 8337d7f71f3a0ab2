//! Tables in memory that a probe reads.

use anyhow::bail;
#[cfg(feature = "probe")]
use link::transport::Spec;

use super::{Open, Tables};
#[cfg(feature = "probe")]
use crate::exit::Misuse;

impl Tables {
    /// What is said of a probe's wires is for a probe.
    #[cfg(feature = "probe")]
    pub(super) fn check_wiring(&self) -> anyhow::Result<()> {
        match (&self.from.from, self.wiring.is_given()) {
            (Some(Spec::Probe(_)), _) | (_, false) => Ok(()),
            _ => {
                let misuse = "--board, --hart, --by, --speed and --chain go with --from probe";
                Err(Misuse(misuse.to_owned()).into())
            }
        }
    }

    #[cfg(not(feature = "probe"))]
    pub(super) fn check_wiring(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Memory of a hart through JTAG.
    #[cfg(feature = "probe")]
    pub(super) fn on_probe(&self, selector: &str) -> anyhow::Result<Open> {
        if self.begin.task.is_some() {
            bail!("a probe knows no tasks; give --satp");
        }
        let mut hart = crate::probe::Hart::open(selector, &self.wiring)?;
        let xlen = match self.writing.xlen()? {
            Some(xlen) => xlen,
            None => hart.xlen()?,
        };
        let satp = match (self.begin.root, self.begin.satp) {
            (Some(_), _) => self.satp(xlen)?,
            (None, Some(satp)) => super::decode_satp(satp, xlen, self.writing.mode)?,
            (None, None) => super::decode_satp(hart.target()?.satp()?, xlen, self.writing.mode)?,
        };
        hart.begins_at(satp.root)?;
        let dialect = hart.dialect()?;
        let open = self.at(Box::new(hart), satp)?;
        Ok(Open { dialect, ..open })
    }

    #[cfg(not(feature = "probe"))]
    pub(super) fn on_probe(&self, _: &str) -> anyhow::Result<Open> {
        bail!("this pagewalk was built without probes: cargo build -p cli --features probe");
    }
}
