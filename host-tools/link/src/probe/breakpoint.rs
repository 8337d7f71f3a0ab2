//! An instruction to stop at: a trigger of the hart.
//!
//! Debug spec 0.13, §5.2: `mcontrol`, type 2; 1.0's `mcontrol6` is the same in the bits used.

use std::time::Duration;

use pagetable::Xlen;

use super::ProbeError;
use super::module::Module;

const TSELECT: u16 = 0x7a0;
const TDATA1: u16 = 0x7a1;
const TDATA2: u16 = 0x7a2;

/// Enter Debug Mode; match in M, S and U; on execution.
const CONTROL: u64 = 1 << 12 | 1 << 6 | 1 << 4 | 1 << 3 | 1 << 2;
/// Triggers that are looked at.
const MOST: u64 = 16;

/// Lets the hart run until it comes to `address`.
pub fn halt_at(module: &mut Module, address: u64, patience: Duration) -> Result<bool, ProbeError> {
    let xlen = module.xlen()?;
    let (trigger, kind) = free(module, xlen)?;
    let top = xlen.bits() - 4;
    let dmode = 1 << (top - 1);
    module.write_csr(TSELECT, trigger)?;
    module.write_csr(TDATA2, address)?;
    module.write_csr(TDATA1, kind << top | dmode | CONTROL)?;
    module.resume()?;
    let came = module.wait_for_halt(patience)?;
    // The trigger goes, whether it was met or not.
    module.halt()?;
    module.write_csr(TSELECT, trigger)?;
    module.write_csr(TDATA1, kind << top)?;
    module.write_csr(TDATA2, 0)?;
    module.put_back()?;
    match came {
        true => module.keep_halted(),
        false => module.resume()?,
    }
    Ok(came)
}

/// A trigger that nobody uses, and its type.
fn free(module: &mut Module, xlen: Xlen) -> Result<(u64, u64), ProbeError> {
    for trigger in 0..MOST {
        module.write_csr(TSELECT, trigger)?;
        if module.csr(TSELECT)? != trigger {
            break;
        }
        let control = module.csr(TDATA1)?;
        let kind = control >> (xlen.bits() - 4);
        // load, store, execute
        if matches!(kind, 2 | 6) && control & 7 == 0 {
            return Ok((trigger, kind));
        }
    }
    Err(ProbeError::NoRegister("free trigger, tselect", TSELECT))
}
