//! Text logs, for the traps in them.

#![no_main]

use fuzz::inputs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    inputs::traps(bytes);
});
