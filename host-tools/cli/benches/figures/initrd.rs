//! A Linux guest's first file system, and the program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "riscv64gc-unknown-none-elf";

/// A program of `kernel/user/examples`, built for the board's processor.
pub fn program(house: &Path, name: &str) -> Vec<u8> {
    let ran = Command::new(house.join("kernel/cargo"))
        .args([
            "build",
            "-q",
            "--locked",
            "--profile",
            "board",
            "-p",
            "user",
        ])
        .args(["--example", name, "--target", TARGET])
        .current_dir(house)
        .status()
        .expect("kernel/cargo starts");
    assert!(ran.success(), "kernel/cargo build --example {name}: {ran}");
    let built: PathBuf = house
        .join("target/board-side")
        .join(TARGET)
        .join("board/examples")
        .join(name);
    fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}", built.display()))
}

/// A cpio archive in the "newc" form that Linux unpacks as its first file system.
pub fn archive(files: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let end = ("TRAILER!!!", 0, Vec::new());
    for (inode, (name, mode, data)) in (1u32..).zip(files.iter().chain([&end])) {
        let name_bytes = name.len() as u32 + 1;
        // Magic, then: inode, mode, owner, group, links, time, size, four device numbers, length of the name, sum.
        let size = data.len() as u32;
        let words = [inode, *mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_bytes, 0];
        out.extend(b"070701");
        out.extend(
            words
                .iter()
                .flat_map(|word| format!("{word:08x}").into_bytes()),
        );
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(data);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}
