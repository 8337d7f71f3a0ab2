//! Lines of source for the kernel's instructions, gdb the witness.

use std::fmt::Write;

use object::{Object, ObjectSymbol, SymbolKind};
use serde_json::Value;

use crate::board::built;
use crate::host::pagewalk;
use crate::tools::{path, tool};

fn program(name: &str) -> std::path::PathBuf {
    built(&format!(
        "board-side/riscv64gc-unknown-none-elf/board/{name}"
    ))
}

/// `sepc` of a trap there, as `explain --json` shows it.
fn explained(elf: &std::path::Path, at: u64) -> Value {
    let at = format!("{at:#x}");
    let trap = ["explain", "--scause", "0xd", "--stval", "0", "--sepc", &at];
    let told = pagewalk(&[&trap[..], &["--json", "--elf", path(elf)]].concat());
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let registers = told["registers"].as_array().expect("a list");
    let sepc = registers.iter().find(|it| it["name"] == "sepc");
    sepc.expect("sepc").clone()
}

#[test]
fn an_instruction_of_the_kernel_has_the_line_that_gdb_gives_it() {
    let kernel = program("kernel");
    let bytes = std::fs::read(&kernel).expect("the kernel");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let mut functions: Vec<u64> = file
        .symbols()
        .filter(|it| it.kind() == SymbolKind::Text && it.size() >= 16)
        // Into the function a little: there inlined code stands.
        .map(|it| it.address() + it.size() / 4 * 2)
        .collect();
    functions.sort_unstable();
    functions.dedup();
    let some: Vec<u64> = functions
        .iter()
        .copied()
        .step_by(functions.len() / 40)
        .collect();
    let script = some.iter().fold(String::new(), |mut script, at| {
        writeln!(script, "echo {at:#x} \\n\ninfo line *{at:#x}").expect("room");
        script
    });
    let folder = tempfile::tempdir().expect("a folder");
    let commands = folder.path().join("commands");
    std::fs::write(&commands, script).expect("a file");
    let words = ["-nx", "-batch", "-x", path(&commands), path(&kernel)];
    let said = String::from_utf8(tool("gdb-multiarch", &words, b"")).expect("text");

    let (mut lines, mut inlined, mut named) = (0, 0, 0);
    for at in some {
        let (_, after) = said.split_once(&format!("{at:#x} \n")).expect("an answer");
        let gdb = after
            .strip_prefix("Line ")
            .and_then(|it| it.split_once(" of \""));
        let Some((line, rest)) = gdb else {
            continue;
        };
        let (file, rest) = rest.split_once('"').expect("a file");
        // Further on may be the compiler's own code, of no line: gdb counts it to the line before.
        let first = rest
            .strip_prefix(" starts at address 0x")
            .expect("an address");
        let first = first.split_once(' ').expect("a name").0;
        let at = u64::from_str_radix(first, 16).expect("an address");
        let ours = explained(&kernel, at);
        assert_eq!(ours["source"]["line"].to_string(), line, "{at:#x}: {ours}");
        let told = ours["source"]["file"].as_str().expect("a file");
        assert!(told.ends_with(file), "{at:#x}: {told}, gdb has {file}");
        lines += 1;
        inlined += usize::from(ours["source"]["inlined"].is_string());
        named += usize::from(ours["means"].as_str().is_some_and(|it| it.contains('+')));
    }
    assert!(
        lines >= 30 && inlined >= 3 && named == lines,
        "{lines} {inlined} {named}"
    );
}

#[test]
fn a_program_without_dwarf_is_named_and_has_no_line() {
    let elf = program("faulter");
    let bytes = std::fs::read(&elf).expect("a program");
    let entry = object::File::parse(&*bytes).expect("an ELF file").entry();
    let told = explained(&elf, entry);
    assert_eq!(told["source"], Value::Null);
    assert!(
        told["means"].as_str().is_some_and(|it| it.contains("+0x")),
        "{told}"
    );
}
