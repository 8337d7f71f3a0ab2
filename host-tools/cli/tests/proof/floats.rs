//! The kernel keeps programs' float registers by not using any: `save_floats` and `load_floats` rest on it.

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use crate::board::built;

/// Functions whose work it is: they save and load the registers, and look whether there are any.
const ALLOWED: [&str; 2] = ["float_unit", "Entered"];

/// Does this instruction read or write a float register? Unprivileged spec, "RV32/64G Instruction Set Listings", and
/// "Compressed" for the quadrants 0 and 2, of which RV64 has c.fld, c.fsd, c.fldsp and c.fsdsp.
fn touches_a_float(instruction: u32) -> bool {
    if instruction & 3 != 3 {
        let (quadrant, function) = (instruction & 3, instruction >> 13 & 7);
        return quadrant != 1 && matches!(function, 1 | 5);
    }
    // LOAD-FP, STORE-FP, MADD, MSUB, NMSUB, NMADD, OP-FP.
    matches!(
        instruction & 0x7f,
        0x07 | 0x27 | 0x43 | 0x47 | 0x4b | 0x4f | 0x53
    )
}

/// The names of functions of the built kernel with such an instruction, and how many were read.
fn float_functions(target: &str) -> (Vec<String>, usize) {
    let bytes = std::fs::read(built(&format!("board-side/{target}/board/kernel")));
    let bytes = bytes.expect("what `just build` left");
    let kernel = object::File::parse(&*bytes).expect("an ELF file");
    let (mut found, mut read) = (Vec::new(), 0);
    let functions = kernel
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
    for function in functions {
        let Some(index) = function.section_index() else {
            continue;
        };
        let section = kernel.section_by_index(index).expect("a section");
        let code = section.data_range(function.address(), function.size());
        let Ok(Some(code)) = code else { continue };
        read += 1;
        let half = |at: usize| {
            Some(u32::from(u16::from_le_bytes(
                *code.get(at..)?.first_chunk()?,
            )))
        };
        let mut at = 0;
        while let Some(low) = half(at) {
            let is_long = low & 3 == 3;
            let instruction = low
                | if is_long {
                    half(at + 2).unwrap_or(0) << 16
                } else {
                    0
                };
            if touches_a_float(instruction) {
                found.push(function.name().unwrap_or("?").to_owned());
                break;
            }
            at += if is_long { 4 } else { 2 };
        }
    }
    (found, read)
}

#[test]
fn no_function_of_the_kernel_touches_a_float_register() {
    let (found, read) = float_functions("riscv64gc-unknown-none-elf");
    assert!(read > 200, "{read} functions have been read");
    let is_allowed = |name: &&String| ALLOWED.iter().any(|allowed| name.contains(allowed));
    let others: Vec<&String> = found.iter().filter(|name| !is_allowed(name)).collect();
    assert!(others.is_empty(), "{others:?}");
    // The reader sees what there is: the probe for float registers is one.
    assert!(!found.is_empty(), "not even the probe was seen");
}

#[test]
fn float_instructions_are_told_from_others() {
    // fld fa0, 0(a0); c.fsd; fmv.d.x; fcsr is a CSR, not a register file of floats; ld; c.sd; c.addi4spn.
    for float in [0x0005_3507, 0xa100, 0xf200_0053] {
        assert!(touches_a_float(float), "{float:#x}");
    }
    for other in [0x0030_2573, 0x0005_3503, 0xe100, 0x0020, 0x2501] {
        assert!(!touches_a_float(other), "{other:#x}");
    }
}
