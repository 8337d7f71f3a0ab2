//! An emulated board with its serial line on pipes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};

use super::child::{self, Keeper};

/// Size of the header of an Image (Linux, Documentation/arch/riscv/boot-image-header).
const HEADER_BYTES: u64 = 64;
/// `text_offset` in that header, at byte 8, of a 32-bit kernel: its large page size. A 64-bit kernel is
/// loaded 2 MiB into RAM.
const OFFSET_OF_32_BITS: u64 = 4 << 20;

/// The emulator for an Image or ELF file, from its first bytes.
fn program_for(head: &[u8]) -> &'static str {
    let is_image_of_32_bits = head.get(0x38..0x3c) == Some(b"RSC\x05")
        && head.get(8..16) == Some(&OFFSET_OF_32_BITS.to_le_bytes());
    // ELFCLASS32.
    if is_image_of_32_bits || head.starts_with(b"\x7fELF\x01") {
        "qemu-system-riscv32"
    } else {
        "qemu-system-riscv64"
    }
}

/// Starts QEMU's `virt` machine with an Image, as `just run` does; the emulator has the width of the Image.
/// It ends with the keeper.
pub fn start(image: &Path) -> io::Result<(ChildStdout, ChildStdin, Keeper)> {
    if !image.is_file() {
        let missing = format!("{} is not there: run `just build` first", image.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, missing));
    }
    let mut head = Vec::new();
    File::open(image)?
        .take(HEADER_BYTES)
        .read_to_end(&mut head)?;
    let program = program_for(&head);
    let words = "-M virt -m 128M -smp 1 -nodefaults -display none -serial stdio -kernel";
    let mut arguments: Vec<OsString> = words.split(' ').map(OsString::from).collect();
    arguments.push(image.into());
    child::start(program, &arguments).map_err(|error| {
        let hint = format!("{program}: {error}; `./setup` installs it");
        io::Error::new(error.kind(), hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text_offset: u64) -> [u8; HEADER_BYTES as usize] {
        let mut head = [0; HEADER_BYTES as usize];
        head[8..16].copy_from_slice(&text_offset.to_le_bytes());
        head[0x38..0x3c].copy_from_slice(b"RSC\x05");
        head
    }

    #[test]
    fn an_image_of_32_bits_gets_a_machine_of_32_bits() {
        assert_eq!(program_for(&image(0x40_0000)), "qemu-system-riscv32");
        assert_eq!(program_for(b"\x7fELF\x01\x01"), "qemu-system-riscv32");
        let others = [
            &image(0x20_0000)[..],
            &image(0),
            b"\x7fELF\x02\x01",
            b"",
            b"MZ",
        ];
        for head in others {
            assert_eq!(program_for(head), "qemu-system-riscv64", "{head:02x?}");
        }
        // Another kind of file does not have this field.
        let mut other = image(0x40_0000);
        other[0x38] = b'r';
        assert_eq!(program_for(&other), "qemu-system-riscv64");
    }
}
