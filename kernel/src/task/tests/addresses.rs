//! Every system call that takes an address, with every kind of address: each is obeyed or
//! refused with the error that its contract names, and the kernel touches nothing it may not.

use std::fmt::Write as _;

use abi::{Advice, Call, Error, Topic, map, prot};
use pagetable::{Mode, PAGE_BYTES};
use sim::Quirks;

use super::kernel::{DATA, Kernel, Returned, STACK, STACK_PAGES, TEXT};
use crate::mm::tests::both;
use crate::mm::tests::machine::TestMachine;

both! {
    no_address_that_a_program_names_can_hurt_the_kernel
}

/// An address, and whether the kernel may copy eight bytes from it, and to it.
struct Address {
    name: &'static str,
    at: u64,
    reads: bool,
    writes: bool,
}

/// Every kind of place a program can name, in the space of the task that runs.
fn places<M: TestMachine>(kernel: &mut Kernel<M>) -> Vec<Address> {
    const RW: u64 = (prot::READ | prot::WRITE) as u64;
    let mut make = |call, arguments| kernel.call(call, arguments).result.unwrap() as u64;
    // The clock of QEMU's `virt`.
    let device = make(Call::MapDevice, [0x101, PAGE_BYTES, 0, 0, 0]);
    let flash = make(Call::MapDevice, [0x2_0000, 4 << 20, 0, 0, 0]);
    let reserved = make(Call::Mmap, [2 * PAGE_BYTES, 0, map::RESERVE as u64, 0, 0]);
    let none = make(Call::Mmap, [PAGE_BYTES, RW, map::POPULATE as u64, 0, 0]);
    make(Call::Protect, [none, PAGE_BYTES, 0, 0, 0]);
    let constant = make(Call::Mmap, [PAGE_BYTES, prot::READ as u64, 0, 0, 0]);
    let fresh = make(Call::Mmap, [2 * PAGE_BYTES, 0, 0, 0, 0]);
    let half = make(Call::Mmap, [2 * PAGE_BYTES, 0, 0, 0, 0]);
    make(Call::Munmap, [half + PAGE_BYTES, PAGE_BYTES, 0, 0, 0]);
    let wired = make(Call::Mmap, [PAGE_BYTES, 0, map::WIRED as u64, 0, 0]);
    let id = make(Call::ShareCreate, [PAGE_BYTES, 0, 0, 0, 0]);
    let shared = make(Call::ShareAttach, [id, 0, 0, 0, 0]);
    let shown = make(Call::ShareAttach, [id, prot::READ as u64, 0, 0, 0]);
    let heap = make(Call::Sbrk, [PAGE_BYTES, 0, 0, 0, 0]);
    let (kernel_half, end) = match M::MODE {
        Mode::Sv32 => ([0x8000_0000, 0xbe00_0000, 0x8040_0000], 0xffff_f000),
        _ => (
            [0x40_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffc0_8020_0000],
            0x40_0000_0000,
        ),
    };
    let place = |name, at, reads, writes| Address {
        name,
        at,
        reads,
        writes,
    };
    let mut places = vec![
        place("device", device, false, false),
        place("device, its end", device + PAGE_BYTES - 8, false, false),
        place(
            "device, over its end",
            device + PAGE_BYTES - 4,
            false,
            false,
        ),
        place("before a device", device - 4, false, false),
        place("device in large leaves", flash + (3 << 20), false, false),
        place("reserved", reserved, false, false),
        place("guard of a mapping", fresh - 8, false, false),
        place("guard of the stack", STACK - 8, false, false),
        place("into the guard of the stack", STACK - 4, false, false),
        place("no rights", none, false, false),
        place("read only", constant, true, false),
        place("text", TEXT + 8, true, false),
        place("over the end of text", TEXT + PAGE_BYTES - 4, false, false),
        place("variables", DATA + 8, true, true),
        place("heap", heap, true, true),
        place("stack", STACK, true, true),
        place(
            "over the end of the stack",
            STACK + u64::from(STACK_PAGES) * PAGE_BYTES - 4,
            false,
            false,
        ),
        place(
            "not there yet, over two pages",
            fresh + PAGE_BYTES - 4,
            true,
            true,
        ),
        place(
            "the last of what is mapped",
            half + PAGE_BYTES - 8,
            true,
            true,
        ),
        place("half mapped", half + PAGE_BYTES - 4, false, false),
        place("frames in a row", wired, true, true),
        place("shared", shared, true, true),
        place("shared, to read", shown, true, false),
        place("null", 0, false, false),
        place("beside null", 4, false, false),
        place("the first page of all", PAGE_BYTES - 8, false, false),
        place("the end of the programs' part", end - 8, false, false),
        place("over the end of the programs' part", end - 4, false, false),
        place("before the end of all", u64::MAX - 7, false, false),
        place("over the end of all", u64::MAX - 3, false, false),
        place("the last byte of all", u64::MAX, false, false),
    ];
    for at in kernel_half {
        places.push(place("kernel half", at, false, false));
        places.push(place("into the kernel half", at - 4, false, false));
    }
    if M::MODE != Mode::Sv32 {
        places.push(place("not canonical", 1 << 45, false, false));
        places.push(place(
            "not canonical, high",
            0x8000_0000_0000_0000,
            false,
            false,
        ));
    }
    places
}

fn no_address_that_a_program_names_can_hurt_the_kernel<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 400);
    let places = places(&mut kernel);
    let mut wrong = String::new();
    let mut expect = |place: &Address, what: &str, good: bool, answer: Returned| {
        if !good {
            let _ = writeln!(
                wrong,
                "{} at {:#x}: {what}: {answer:x?}",
                place.name, place.at
            );
        }
    };
    for place in &places {
        let bad = |answer: &Returned| answer.result == Err(Error::BadAddress);
        // What is read.
        let answer = kernel.call(Call::Write, [place.at, 8, 0, 0, 0]);
        expect(
            place,
            "Write",
            if place.reads {
                answer.result == Ok(8)
            } else {
                bad(&answer)
            },
            answer,
        );
        kernel.drain();
        let answer = kernel.call(Call::Spawn, [place.at, 8, 0, 0, 0]);
        let named = matches!(answer.result, Err(Error::NotFound | Error::BadArgument));
        expect(
            place,
            "Spawn",
            if place.reads { named } else { bad(&answer) },
            answer,
        );
        // What is written.
        kernel.type_keys(b"12345678\r");
        let answer = kernel.call(Call::Read, [place.at, 8, 0, 0, 0]);
        expect(
            place,
            "Read",
            if place.writes {
                answer.result == Ok(8)
            } else {
                bad(&answer)
            },
            answer,
        );
        assert!(kernel.has_input(), "a bad pointer takes no key");
        kernel.eat_keys();
        for json in [0, Topic::JSON] {
            let topic = (Topic::Boot.number() | json) as u64;
            let answer = kernel.call(Call::Inspect, [topic, 0, place.at, 512, 0]);
            // A line is longer than eight bytes: it may reach over an end that they do not.
            let refused = bad(&answer);
            let good = if place.writes {
                answer.result.is_ok() || refused
            } else {
                refused
            };
            expect(place, "Inspect", good, answer);
        }
    }
    // What names pages. None is taken away: the next call finds all as it was.
    let ranges = [
        1,
        PAGE_BYTES,
        3 * PAGE_BYTES,
        1 << 31,
        u64::MAX - 2 * PAGE_BYTES,
        u64::MAX,
    ];
    for place in &places {
        for bytes in ranges {
            for advice in Advice::ALL {
                let number = advice.number() as u64;
                kernel.call(Call::Advise, [place.at, bytes, number, 0, 0]);
            }
            kernel.call(Call::Translate, [place.at, 0, 0, 0, 0]);
            kernel.call(Call::Mmap, [bytes, 0, map::AT as u64, place.at, 0]);
            kernel.call(Call::ShareAttach, [bytes, 0, place.at, 0, 0]);
        }
        kernel.must_be_sound(place.name);
    }
    for place in &places {
        for bytes in ranges {
            for rights in [0, prot::READ as u64, 7] {
                kernel.call(Call::Protect, [place.at, bytes, rights, 0, 0]);
            }
            kernel.call(Call::ShareDetach, [place.at, 0, 0, 0, 0]);
            kernel.call(Call::Munmap, [place.at, bytes, 0, 0, 0]);
        }
        kernel.must_be_sound(place.name);
    }
    assert!(wrong.is_empty(), "{wrong}");
}
