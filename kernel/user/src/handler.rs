//! The exception handler of this program: a function that is called when one of its threads faults.
//!
//! ```text
//!   extern "C" fn skip(_cause: usize, pc: usize, _at: usize, _thread: usize) -> isize {
//!       handler::instruction_bytes(pc)
//!   }
//!   handler::set(skip, call::map(4096)?)?;
//! ```
//!
//! It runs in a thread of its own. `call::thread_exit` in it ends the thread that faulted.

use abi::Error;

use crate::{call, read_at};

/// A handler: it gets the number of the cause, the program counter, the address (of an illegal instruction its bits) and
/// the thread, and returns by how many bytes the thread's program counter moves; 0 tries the instruction again.
pub type ExceptionEntry = extern "C" fn(cause: usize, pc: usize, at: usize, thread: usize) -> isize;

/// From now on `entry` is called for each fault that would end this program, on that stack.
pub fn set(entry: ExceptionEntry, stack: &'static mut [u8]) -> Result<(), Error> {
    let end = (stack.as_ptr() as usize + stack.len()) & !15;
    call::set_exception_handler(entry as usize, end).map(drop)
}

/// Faults end this program again.
pub fn clear() -> Result<(), Error> {
    call::set_exception_handler(0, 0).map(drop)
}

/// Bytes of the instruction at an address that this program may read, 2 or 4: unprivileged spec, §Expanded
/// Instruction-Length Encoding.
pub fn instruction_bytes(pc: usize) -> isize {
    let bits = read_at(pc & !3) >> (8 * (pc & 2));
    if bits & 3 == 3 { 4 } else { 2 }
}
