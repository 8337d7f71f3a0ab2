//! Histories played from a seed.

use sim::Quirks;

use super::{AUDITS, World};
use crate::mm::tests::machine::TestMachine;

/// Says which seed it was when a step panics.
struct Said(&'static str, u64, Quirks);

impl Drop for Said {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Said(mode, seed, quirks) = self;
            eprintln!("this history was {mode} with SEED={seed:#x}, {quirks:?}");
        }
    }
}

pub fn history<M: TestMachine>(mode: &'static str, quirks: Quirks, seed: u64, steps: u64) {
    let _said = Said(mode, seed, quirks);
    let mut world = World::<M>::new(quirks, seed);
    for step in 0..steps {
        world.step();
        if step % AUDITS == 0 {
            world.audit();
        }
    }
    world.audit();
    world.exit_all();
    assert_eq!(world.bench.used(), 0, "every frame came back");
    let slots = world.bench.frames.backing.slots().used();
    assert_eq!(slots, 0, "every slot came back");
}

pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
