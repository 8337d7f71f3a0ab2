//! A gdb stub that lies, by a script.

#![no_main]

use fuzz::inputs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    inputs::line::stub(bytes);
});
