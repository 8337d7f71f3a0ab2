//! Hardware breakpoints: triggers of the hart.
//!
//! Debug spec 0.13, §5.2: `mcontrol`, type 2; version 1.0's `mcontrol6`, type 6, has the same bits where
//! used. In 1.0 an unused trigger may have type 15, and changes its type when another is written.

use pagetable::Xlen;

use super::ProbeError;
use super::debug_module::DebugModule;

const TSELECT: u16 = 0x7a0;
const TDATA1: u16 = 0x7a1;
const TDATA2: u16 = 0x7a2;
const TINFO: u16 = 0x7a4;

/// Action "enter Debug Mode"; match in M, S and U; on execution.
const CONTROL: u64 = 1 << 12 | 1 << 6 | 1 << 4 | 1 << 3 | 1 << 2;
/// Bits that a trigger must accept; it may support M-mode only.
const KEPT: u64 = 1 << 12 | 1 << 2;

/// Trigger types in `tdata1`.
const MCONTROL: u64 = 2;
const MCONTROL6: u64 = 6;
const DISABLED: u64 = 15;
/// Number of triggers to examine.
const MOST: u64 = 16;

/// Resumes the hart until it reaches `address`, or until `is_over`.
pub fn halt_at(
    module: &mut DebugModule,
    address: u64,
    is_over: impl FnMut() -> bool,
) -> Result<bool, ProbeError> {
    let xlen = module.xlen()?;
    let Some(Trigger { number, control }) = arm(module, xlen, address)? else {
        module.put_back()?;
        return Err(ProbeError::NoRegister("free trigger, tselect", TSELECT));
    };
    let came = module.resume().and_then(|()| module.wait_for_halt(is_over));
    // The trigger is removed in any case: without a debugger the hart must not stop at it.
    module.halt()?;
    module.borrow(TSELECT.into())?;
    module.write_csr(TSELECT, number)?;
    disarm(module, control)?;
    module.put_back()?;
    let came = came?;
    match came {
        true => module.keep_halted(),
        false => module.resume()?,
    }
    Ok(came)
}

/// A trigger, and its previous `tdata1`.
struct Trigger {
    number: u64,
    control: u64,
}

/// Sets the first unused trigger that supports it; it stays selected.
fn arm(module: &mut DebugModule, xlen: Xlen, address: u64) -> Result<Option<Trigger>, ProbeError> {
    let top = xlen.bits() - 4;
    let dmode = 1 << (top - 1);
    module.borrow(TSELECT.into())?;
    for number in 0..MOST {
        module.write_csr(TSELECT, number)?;
        if module.csr(TSELECT)? != number {
            break;
        }
        let control = module.csr(TDATA1)?;
        for kind in kinds(module, control, top)? {
            module.write_csr(TDATA2, address)?;
            module.write_csr(TDATA1, kind << top | dmode | CONTROL)?;
            // A trigger may ignore unsupported bits. A hart that ran past the address would look as if it
            // never reached it.
            let (is, at) = (module.csr(TDATA1)?, module.csr(TDATA2)?);
            if is >> top == kind && is & KEPT == KEPT && at == address {
                return Ok(Some(Trigger { number, control }));
            }
            disarm(module, control)?;
        }
    }
    Ok(None)
}

/// Restores the selected trigger.
fn disarm(module: &mut DebugModule, control: u64) -> Result<(), ProbeError> {
    module.write_csr(TDATA1, control)?;
    module.write_csr(TDATA2, 0)
}

/// Types that the selected trigger supports; empty if it is in use or does not exist.
fn kinds(module: &mut DebugModule, control: u64, top: u32) -> Result<Vec<u64>, ProbeError> {
    let kind = control >> top;
    match kind {
        // load, store, execute
        MCONTROL | MCONTROL6 if control & 7 == 0 => Ok(vec![kind]),
        DISABLED => {
            let mut kinds = vec![MCONTROL6, MCONTROL];
            match module.csr(TINFO) {
                Ok(info) => kinds.retain(|kind| info >> kind & 1 == 1),
                // `tinfo` is optional: without it both types are tried.
                Err(ProbeError::NoRegister(..)) => {}
                Err(error) => return Err(error),
            }
            Ok(kinds)
        }
        _ => Ok(Vec::new()),
    }
}
