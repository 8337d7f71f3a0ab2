//! A machine in QEMU through a simulated JTAG port: the probe agrees with QEMU's stub.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use link::gdb::Stub;
use link::memory::{MemorySource, ReadError};
use link::probe::sim::{Profile, machine, serve};
use pagetable::PhysAddr;

use crate::board::{Monitor, SocketBoard, with_stub};
use crate::host::pagewalk;

/// Memory of a machine that stands still as long as this is there. A port reads word by word, and
/// a stub has no patience for that: it is asked for pages, each once.
struct Machine {
    stub: Stub,
    pages: HashMap<u64, Vec<u8>>,
}

#[derive(Clone)]
struct Live(Arc<Mutex<Machine>>);

impl MemorySource for Live {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let mut machine = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Machine { stub, pages } = &mut *machine;
        let page = match pages.entry(at.frame()) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(place) => {
                let mut page = vec![0; 4096];
                stub.read(PhysAddr::from_frame(at.frame()), &mut page)?;
                place.insert(page)
            }
        };
        let from = at.offset(4096) as usize;
        into.copy_from_slice(&page[from..from + into.len()]);
        Ok(())
    }
}

/// A stopped machine, and QEMU's stub for it.
struct Standing {
    board: SocketBoard,
    by_stub: String,
    satp: u64,
    live: Live,
}

fn standing() -> Standing {
    static GO_ON: AtomicBool = AtomicBool::new(false);
    let folder = tempfile::tempdir().expect("a folder");
    let (arguments, monitor) = with_stub(folder.path());
    let arguments: Vec<&str> = arguments.iter().map(|it| &**it).collect();
    let board = SocketBoard::boot(&arguments);
    let address = Monitor::connect(&monitor).stub();
    let by_stub = pagewalk(&["map", "--from", &format!("gdb://{address}")]);
    let mut stub = Stub::connect(&address, &GO_ON).expect("QEMU's stub");
    assert!(stub.is_physical());
    let satp = stub.register("satp").expect("satp");
    let pages = HashMap::new();
    let live = Live(Arc::new(Mutex::new(Machine { stub, pages })));
    Standing {
        board,
        by_stub,
        satp,
        live,
    }
}

#[test]
fn a_live_machines_map_is_the_same_through_jtag() {
    let Standing {
        board,
        by_stub,
        satp,
        live,
    } = standing();
    for profile in [Profile::FULL, Profile::PROGRAM, Profile::ABSTRACT] {
        let tap = machine(profile, satp, live.clone());
        let port = serve(tap).expect("a socket");
        let from = format!("probe:bitbang://{port}");
        let by_probe = pagewalk(&["map", "--from", &from]);
        assert_eq!(by_probe, by_stub, "{}", profile.name);
    }
    drop(board);
}

/// gdb at OpenOCD, which is at the port: the plugin's map is that of QEMU's own stub.
#[test]
fn the_plugin_reads_tables_through_openocd() {
    let Standing {
        board,
        by_stub,
        satp,
        live,
    } = standing();
    let idcode = Profile::FULL.idcode;
    let port = serve(machine(Profile::FULL, satp, live))
        .expect("a socket")
        .port();
    let openocd = format!(
        "| exec openocd -c 'gdb_port pipe; tcl_port disabled; telnet_port disabled; log_output /dev/null' \
         -c 'adapter driver remote_bitbang; remote_bitbang host 127.0.0.1; remote_bitbang port {port}' \
         -c 'jtag newtap t cpu -irlen 5 -expected-id {idcode:#x}' \
         -c 'target create t.cpu riscv -chain-position t.cpu' -c 'init; halt'"
    );
    let said = crate::plugin::gdb(
        &openocd,
        &[
            "echo <map>\\n",
            "pw map --ram 0x80000000+128M",
            "echo </map>\\n",
            "kill",
        ],
    );
    assert_eq!(crate::plugin::between(&said, "map"), by_stub, "{said}");
    drop(board);
}
