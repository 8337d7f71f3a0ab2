//! Mappings as others print them.

#![no_main]

use fuzz::inputs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    inputs::printed(bytes);
});
