//! Physical memory protection, pasted.

#![no_main]

use fuzz::inputs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    inputs::pmp(bytes);
});
