//! A machine that stands still, with page tables of a kernel in its memory; and a line to its stub
//! that counts what is asked, and can be as slow as a far one.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use tempfile::TempDir;

use super::{Monitor, with_stub};

const RAM: u64 = 0x8000_0000;
/// More than the tables need: QEMU puts its device tree at the end.
const RAM_BYTES: u64 = 512 << 20;

/// QEMU, stopped before its first instruction.
pub struct Frozen {
    machine: Child,
    _folder: TempDir,
    /// `HOST:PORT` of its stub.
    pub stub: String,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing left to stop.
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

impl Frozen {
    /// With the memory of an ELF core of 64 bits.
    #[track_caller]
    pub fn with_core(core: &Path) -> Frozen {
        let folder = tempfile::tempdir().expect("a folder");
        let ram = folder.path().join("ram");
        pour(core, &File::create(&ram).expect("a file of memory"));
        let (arguments, monitor) = with_stub(folder.path());
        let backend = format!(
            "memory-backend-file,id=ram,size={RAM_BYTES},mem-path={},share=off",
            ram.display()
        );
        let machine = Command::new("qemu-system-riscv64")
            .args(["-M", "virt,memory-backend=ram", "-m", "512M", "-nodefaults"])
            .args([
                "-display", "none", "-bios", "none", "-S", "-object", &backend,
            ])
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .expect("QEMU; run `./setup --tests`");
        let stub = Monitor::connect(&monitor).stub();
        Frozen {
            machine,
            _folder: folder,
            stub,
        }
    }
}

/// Writes each piece of the core's memory to its place; the rest of the file is a hole.
#[track_caller]
fn pour(core: &Path, ram: &File) {
    ram.set_len(RAM_BYTES).expect("room for a hole");
    let bytes = std::fs::read(core).expect("a core");
    let header = FileHeader64::<object::Endianness>::parse(&*bytes).expect("a core");
    let endian = header.endian().expect("an order of bytes");
    for piece in header.program_headers(endian, &*bytes).expect("pieces") {
        let at = piece.p_paddr(endian);
        let data = piece.data(endian, &*bytes).expect("its bytes");
        if piece.p_type(endian) == PT_LOAD && !data.is_empty() {
            let into = at.checked_sub(RAM).expect("above the start of RAM");
            ram.write_all_at(data, into).expect("room in RAM");
        }
    }
}

/// A line to a stub.
pub struct StubLine {
    /// `HOST:PORT` of its near end.
    pub address: String,
    /// Every question that went over it, in order.
    asked: Arc<Mutex<Vec<String>>>,
}

impl StubLine {
    /// To the stub at `HOST:PORT`; each byte takes `delay` on its way, each way.
    #[track_caller]
    pub fn to(stub: &str, delay: Duration) -> StubLine {
        let near = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = near.local_addr().expect("a port").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (stub, heard) = (stub.to_owned(), Arc::clone(&asked));
        thread::spawn(move || {
            for client in near.incoming() {
                let client = client.expect("a client");
                let far = TcpStream::connect(&stub).expect("the stub");
                for stream in [&client, &far] {
                    stream.set_nodelay(true).expect("a socket");
                }
                let copy = |stream: &TcpStream| stream.try_clone().expect("a socket");
                let mut packets = Packets::default();
                let heard = Arc::clone(&heard);
                carry(copy(&client), copy(&far), delay, move |bytes| {
                    let mut heard = heard.lock().expect("no thread panicked");
                    packets.take(bytes, &mut heard);
                });
                carry(far, client, delay, |_| {});
            }
        });
        StubLine { address, asked }
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no thread panicked"))
    }
}

/// Carries bytes one way, `delay` late, on threads of their own.
fn carry(
    mut from: TcpStream,
    mut to: TcpStream,
    delay: Duration,
    mut hears: impl FnMut(&[u8]) + Send + 'static,
) {
    let (sender, receiver) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => {
                    hears(&piece[..count]);
                    let due = Instant::now() + delay;
                    if sender.send((due, piece[..count].to_vec())).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            // The delay is what is measured: nothing else is waited for.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

/// Packets out of bytes.
#[derive(Default)]
struct Packets(Option<String>);

impl Packets {
    fn take(&mut self, bytes: &[u8], into: &mut Vec<String>) {
        for byte in bytes {
            match (byte, &mut self.0) {
                (b'$', _) => self.0 = Some(String::new()),
                (b'#', packet) => into.extend(packet.take()),
                (byte, Some(packet)) => packet.push(char::from(*byte)),
                _ => {}
            }
        }
    }
}
