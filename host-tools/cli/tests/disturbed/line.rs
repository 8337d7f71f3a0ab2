//! A line between a board and the program that does to bytes what bad lines do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// What a line does.
#[derive(Clone, Copy, Debug)]
pub enum Disturbance {
    /// Passes every byte on.
    Clean,
    /// Corrupts, drops or doubles one byte in so many, another way each time for another seed.
    Noisy { one_in: u64, seed: u64 },
    /// Turns each of these bytes into those.
    Turns(u8, &'static [u8]),
    /// Loses the highest bit.
    SevenBits,
    /// Passes so many bytes on in a second.
    Slow(u32),
    /// Passes on what the program says, and never ends to speak itself.
    Endless(u8),
    /// Takes what is said, and says nothing.
    Silent,
}

/// Numbers that look like dice, the same ones each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

impl Disturbance {
    /// What comes out for what goes in.
    fn pass(self, dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match self {
                Disturbance::Noisy { one_in, .. } if dice.below(one_in) == 0 => match dice.below(3)
                {
                    0 => out.push(dice.below(256) as u8),
                    1 => {}
                    _ => out.extend([byte, byte]),
                },
                Disturbance::Turns(from, to) if byte == from => out.extend(to),
                Disturbance::SevenBits => out.push(byte & 0x7f),
                Disturbance::Silent => {}
                _ => out.push(byte),
            }
        }
        out
    }

    fn carry(self, mut from: TcpStream, mut to: TcpStream, salt: u64) {
        let seed = match self {
            Disturbance::Noisy { seed, .. } => seed,
            _ => 1,
        };
        let mut dice = Dice(seed * 2 + salt + 0x2545_f491_4f6c_dd1d);
        let mut piece = [0; 512];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            for bytes in piece[..count].chunks(if let Disturbance::Slow(_) = self {
                1
            } else {
                512
            }) {
                if let Disturbance::Slow(rate) = self {
                    thread::sleep(Duration::from_secs(1) / rate);
                }
                if to.write_all(&self.pass(&mut dice, bytes)).is_err() {
                    return;
                }
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// A board at the other end of a line; what `tcp://` and `gdb://` take.
pub fn to(line: Disturbance, serve: fn(TcpStream)) -> String {
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let (near, far) = (listen(), listen());
    let address = near.local_addr().expect("a port").to_string();
    let board = far.local_addr().expect("a port");
    thread::spawn(move || {
        while let Ok((program, _)) = near.accept() {
            let to_board = TcpStream::connect(board).expect("the board");
            let (at_board, _) = far.accept().expect("the line");
            thread::spawn(move || serve(at_board));
            for stream in [&program, &to_board] {
                stream.set_nodelay(true).expect("a socket");
            }
            let copy = |stream: &TcpStream| stream.try_clone().expect("a socket");
            let (from, to) = (copy(&program), copy(&to_board));
            thread::spawn(move || line.carry(from, to, 0));
            match line {
                Disturbance::Endless(byte) => thread::spawn(move || {
                    let mut program = program;
                    while program.write_all(&[byte; 4096]).is_ok() {}
                }),
                _ => thread::spawn(move || line.carry(to_board, program, 1)),
            };
        }
    });
    address
}
