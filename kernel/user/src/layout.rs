//! Where a program's parts lie, for the programs that are linked for a preset of their own.

use crate::{call, println};

static CONSTANT: [u32; 4] = [1, 2, 3, 4];
static VARIABLE: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(5);

/// Prints the addresses of text, constants, data, heap, a mapping and the stack, and uses each.
pub fn show(name: &str) -> u8 {
    use core::sync::atomic::Ordering;
    let local = 6;
    VARIABLE.fetch_add(1, Ordering::Relaxed);
    let heap = call::grow(4096).map(|heap| {
        heap[0] = 7;
        heap.as_ptr() as usize
    });
    let mapped = call::map(4096).map(|page| {
        page[0] = 8;
        page.as_ptr() as usize
    });
    println!("{name}: text {:#x}", show as fn(&str) -> u8 as usize);
    println!("{name}: constants {:#x}", CONSTANT.as_ptr() as usize);
    println!("{name}: data {:#x}", &raw const VARIABLE as usize);
    println!("{name}: heap {:#x}", heap.unwrap_or(0));
    println!("{name}: mapped {:#x}", mapped.unwrap_or(0));
    println!("{name}: stack {:#x}", &raw const local as usize);
    u8::from(heap.is_err() || mapped.is_err() || VARIABLE.load(Ordering::Relaxed) != 6)
}
