//! Lists of what is memory, of gdb, stubs and QEMU.

#![no_main]

use fuzz::inputs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    inputs::memory_lists(bytes);
});
