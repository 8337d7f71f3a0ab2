//! Dumps of physical memory in any format, compressed or not.

#![no_main]

use fuzz::inputs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    inputs::physical(bytes);
});
