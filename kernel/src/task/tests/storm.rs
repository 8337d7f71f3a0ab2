//! Interrupts that never go away.

use sim::Quirks;

use super::kernel::Kernel;
use crate::mm::tests::both;
use crate::mm::tests::machine::TestMachine;

both! {
    an_interrupt_that_never_goes_away_is_masked_and_said
    a_console_that_never_goes_quiet_is_masked_and_polled
    external_interrupts_without_a_source_are_masked_and_the_console_is_polled
}

/// Each entry ends, though there is always another claim; the line says what was done.
fn endless<M: TestMachine>(quirks: Quirks, irq: u32) -> String {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    kernel.storm(irq, 1000);
    let mut said = String::new();
    for entries in 1.. {
        let left = kernel.claims_left();
        kernel.take_interrupts();
        assert!(left - kernel.claims_left() <= 64, "programs get no turn");
        said += &kernel.said();
        if said.contains("masked") {
            break;
        }
        assert!(entries < 10, "it is never masked: {said}");
        kernel.system.local.platform.pending.external = true;
    }
    kernel.must_be_sound("a storm of interrupts");
    said
}

fn an_interrupt_that_never_goes_away_is_masked_and_said<M: TestMachine>(quirks: Quirks) {
    let said = endless::<M>(quirks, 33);
    assert!(said.contains("interrupt 33 does not go away"), "{said}");
    assert!(!said.contains("polled"), "{said}");
}

fn a_console_that_never_goes_quiet_is_masked_and_polled<M: TestMachine>(quirks: Quirks) {
    let said = endless::<M>(quirks, 10);
    assert!(said.contains("interrupt 10 does not go away"), "{said}");
    assert!(said.contains("the console is polled"), "{said}");
}

/// As in Spike, where firmware can leave `SEIP` set: each return to a program is interrupted before its first instruction.
fn external_interrupts_without_a_source_are_masked_and_the_console_is_polled<M: TestMachine>(
    quirks: Quirks,
) {
    let mut kernel = Kernel::<M>::new(quirks, 256);
    let mut said = String::new();
    for entries in 1.. {
        kernel.system.local.platform.pending.external = true;
        kernel.take_interrupts();
        said += &kernel.said();
        if kernel.system.local.platform.masks_external {
            break;
        }
        assert!(said.is_empty(), "{said}");
        assert!(entries < 1000, "they are never masked");
    }
    said += &kernel.said();
    assert!(said.contains("interrupts come without a source"), "{said}");
    kernel.press(b'x');
    kernel.system.local.platform.now += 1_000_000;
    kernel.take_timer();
    assert!(kernel.has_input(), "the key is found by polling");
    kernel.must_be_sound("without interrupts");
}
