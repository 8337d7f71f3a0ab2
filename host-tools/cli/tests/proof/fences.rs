//! The fences that stand in the built kernels: no emulator minds their operands.

use std::fs;

use object::{Object as _, ObjectSection as _};

use crate::board::built;

/// `sfence.vma rs1, rs2` in 32 bits: Privileged Architecture, §sfence.vma. The address goes
/// into rs1, the ASID into rs2; the other way round a fence covers nothing that was meant.
#[test]
fn every_fence_of_the_kernel_has_its_address_first() {
    for target in ["riscv64gc-unknown-none-elf", "riscv32imac-unknown-none-elf"] {
        let path = built(&format!("board-side/{target}/board/kernel"));
        let file = fs::read(&path).expect("the kernel");
        let kernel = object::File::parse(&*file).expect("an ELF file");
        let text = kernel.section_by_name(".text").expect("its text");
        let text = text.data().expect("its bytes");
        let (mut pages, mut all) = (0, 0);
        let mut at = 0;
        while at + 4 <= text.len() {
            let word = u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
            // Instructions of 16 bits end in anything but 11.
            at += if word & 3 == 3 { 4 } else { 2 };
            if word & 0xfe00_7fff != 0x1200_0073 {
                continue;
            }
            let (address, asid) = (word >> 15 & 31, word >> 20 & 31);
            assert_eq!(
                asid, 0,
                "{target}: {word:#010x} names an ASID, and none is used"
            );
            if address == 0 {
                all += 1;
            } else {
                pages += 1;
            }
        }
        assert!(
            pages >= 3 && all >= 3,
            "{target}: {pages} of a page, {all} of all"
        );
    }
}
