//! A line that carries text and frames at once, taken apart.
//!
//! `cargo run --example split`

use wire::frame::encoded_bytes;
use wire::{Event, LARGEST, Split, Splitter, Welcome};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let welcome = Welcome {
        version: wire::VERSION,
        ticks_per_second: 10_000_000,
        xlen: 64,
        board: "qemu-virt",
        session: 1,
    };
    let mut frame = [0; encoded_bytes(64)];
    let length = welcome.encode(0, &mut frame)?;
    let line = [b"booting\n", &frame[..length], b"pw> "].concat();

    let mut splitter = Splitter::<LARGEST>::new();
    for byte in line {
        match splitter.feed(byte) {
            Some(Split::Text(text)) => print!("{}", String::from_utf8_lossy(text)),
            Some(Split::Frame(frame)) => println!("frame: {:?}", Event::decode(&frame)?),
            Some(Split::Bad(bytes)) => println!("{bytes} bytes with a wrong checksum"),
            None => {}
        }
    }
    println!();
    Ok(())
}
