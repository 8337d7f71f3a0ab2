//! The same functions that the tests drive with proptest: `host-tools/cli/tests/noise.rs`.

#[path = "../../cli/tests/inputs/mod.rs"]
pub mod inputs;
