//! An instruction to stop at: a trigger of the hart.
//!
//! Debug spec 0.13, §5.2: `mcontrol`, type 2; 1.0's `mcontrol6` is the same in the bits used.

use pagetable::Xlen;

use super::ProbeError;
use super::debug_module::DebugModule;

const TSELECT: u16 = 0x7a0;
const TDATA1: u16 = 0x7a1;
const TDATA2: u16 = 0x7a2;

/// Enter Debug Mode; match in M, S and U; on execution.
const CONTROL: u64 = 1 << 12 | 1 << 6 | 1 << 4 | 1 << 3 | 1 << 2;
/// Triggers that are looked at.
const MOST: u64 = 16;

/// Lets the hart run until it comes to `address`, or `is_over`.
pub fn halt_at(
    module: &mut DebugModule,
    address: u64,
    is_over: impl FnMut() -> bool,
) -> Result<bool, ProbeError> {
    let xlen = module.xlen()?;
    let Trigger { number, control } = free(module, xlen)?;
    let top = xlen.bits() - 4;
    let (kind, dmode) = (control >> top, 1 << (top - 1));
    module.write_csr(TDATA2, address)?;
    module.write_csr(TDATA1, kind << top | dmode | CONTROL)?;
    let came = module.resume().and_then(|()| module.wait_for_halt(is_over));
    // The trigger goes, whatever became of it: a hart must not stop at it when nobody looks.
    module.halt()?;
    module.borrow(TSELECT.into())?;
    module.write_csr(TSELECT, number)?;
    module.write_csr(TDATA1, control)?;
    module.write_csr(TDATA2, 0)?;
    module.put_back()?;
    let came = came?;
    match came {
        true => module.keep_halted(),
        false => module.resume()?,
    }
    Ok(came)
}

/// A trigger, and its `tdata1`.
struct Trigger {
    number: u64,
    control: u64,
}

/// A trigger that nobody uses, selected.
fn free(module: &mut DebugModule, xlen: Xlen) -> Result<Trigger, ProbeError> {
    module.borrow(TSELECT.into())?;
    for number in 0..MOST {
        module.write_csr(TSELECT, number)?;
        if module.csr(TSELECT)? != number {
            break;
        }
        let control = module.csr(TDATA1)?;
        let kind = control >> (xlen.bits() - 4);
        // load, store, execute
        if matches!(kind, 2 | 6) && control & 7 == 0 {
            return Ok(Trigger { number, control });
        }
    }
    Err(ProbeError::NoRegister("free trigger, tselect", TSELECT))
}
