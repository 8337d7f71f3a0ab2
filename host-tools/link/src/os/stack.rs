//! The calls that a task is in, by the frame pointers on its stack.
//!
//! ```text
//! s0 ──┐
//!      v
//! … │ s0 of the caller │ return address │ … the caller's frame
//!     s0 − 2 words       s0 − 1 word
//! ```
//!
//! Source: RISC-V calling conventions (psABI), §Frame Pointer Convention. A kernel that was built without frame pointers
//! shows its first call alone: where the chain does not lead upwards, it ends.

use super::{KernelReader, OsError, OsSystem, OsTask, Virtual};

/// Most calls of one stack.
const MOST_CALLS: usize = 64;
/// Most bytes of a kernel's stack: Linux has 16 KiB, 32 KiB with KASAN.
const MOST_BYTES: u64 = 64 << 10;

/// Where each call goes on, the innermost first; empty for a task that runs or has ended.
pub fn calls(
    system: &dyn OsSystem,
    memory: &mut dyn KernelReader,
    task: &OsTask,
    word_bytes: u64,
) -> Result<Vec<u64>, OsError> {
    let Some(saved) = system.saved(memory, task)? else {
        return Ok(Vec::new());
    };
    let mut virt = Virtual::new(memory, system.kernel());
    let end = saved.sp.saturating_add(MOST_BYTES);
    let (mut calls, mut frame, mut low) = (vec![saved.pc], saved.fp, saved.sp);
    while calls.len() < MOST_CALLS {
        let is_above =
            frame >= low.saturating_add(2 * word_bytes) && frame <= end && frame % word_bytes == 0;
        if !is_above {
            break;
        }
        let mut word = |words| virt.pointer("a stack", frame - words * word_bytes, word_bytes);
        // A stack whose pages are not in a dump ends there.
        let (Ok(back), Ok(next)) = (word(1), word(2)) else {
            break;
        };
        if back == 0 {
            break;
        }
        calls.push(back);
        (low, frame) = (frame, next);
    }
    Ok(calls)
}
