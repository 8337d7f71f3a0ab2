//! Defects of probe-rs 0.32 on RV64, and the behaviour of this crate.
//!
//! Each trial runs against both, on the same simulated module: this crate must pass, and probe-rs must fail.
//! When a release of it passes, the test reports that, and the workaround can be removed.

use std::time::Duration;

use probe_rs::config::Registry;
use probe_rs::{MemoryInterface, Permissions};

use super::sim::{Driver, Profile, SharedTap, lock};
use super::{AccessMethod, Options, Target, proof};

const BASE: u64 = 0x8000_0000;
const NOWHERE: u64 = 0x1000;

/// A module that requires an idle clock between scans: without it the hart never runs under probe-rs.
const PROGRAM: Profile = Profile {
    idle: 1,
    ..Profile::PROGRAM
};

/// A reader of a hart.
trait UpstreamReader {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String>;
    fn halts_at(&mut self, address: u64) -> Result<bool, String>;
}

impl UpstreamReader for Target {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String> {
        self.read_physical(at, into)
            .map_err(|error| error.to_string())
    }

    fn halts_at(&mut self, address: u64) -> Result<bool, String> {
        let halted = self.halt_at(address, PATIENCE);
        halted.map_err(|error| error.to_string())
    }
}

impl UpstreamReader for probe_rs::Session {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), String> {
        let mut core = self.core(0).map_err(|error| format!("{error:?}"))?;
        // By words if the address is aligned, otherwise by bytes.
        let read = match (at % 4, into.len() % 4) {
            (0, 0) => {
                let mut words = vec![0u32; into.len() / 4];
                let read = core.read_32(at, &mut words);
                for (to, word) in into.chunks_mut(4).zip(words) {
                    to.copy_from_slice(&word.to_le_bytes());
                }
                read
            }
            _ => core.read_8(at, into),
        };
        read.map_err(|error| format!("{error:?}"))
    }

    fn halts_at(&mut self, address: u64) -> Result<bool, String> {
        let told = |error: probe_rs::Error| format!("{error:?}");
        let mut core = self.core(0).map_err(told)?;
        core.halt(PATIENCE).map_err(told)?;
        core.set_hw_breakpoint(address).map_err(told)?;
        core.run().map_err(told)?;
        Ok(core.wait_for_core_halted(PATIENCE).is_ok())
    }
}

/// Time limit for a hart to reach an address in its loop.
const PATIENCE: Duration = Duration::from_millis(300);

/// A probe-rs session for a 64-bit hart.
fn theirs(tap: &SharedTap) -> probe_rs::Session {
    const FAMILY: &str = "
name: simulated
variants:
- name: hart
  cores:
  - name: main
    type: riscv64
    core_access_options: !Riscv {}
  memory_map:
  - !Ram
    range: {start: 0x80000000, end: 0x80003000}
    cores: [main]
  flash_algorithms: []
flash_algorithms: []
";
    let mut registry = Registry::new();
    registry
        .add_target_family_from_yaml(FAMILY)
        .expect("a family");
    Driver::probe(tap)
        .attach_with_registry("hart", Permissions::default(), &registry)
        .expect("it attaches")
}

/// This crate passes the trial; probe-rs fails in the known way.
fn both(
    profile: Profile,
    by: Option<AccessMethod>,
    as_known: &str,
    trial: fn(&SharedTap, &mut dyn UpstreamReader) -> Result<(), String>,
) {
    let machine = || {
        let tap = proof::pattern(profile);
        lock(&tap).module.harts[0].wanders = true;
        tap
    };
    let tap = machine();
    let options = Options {
        by,
        ..Options::default()
    };
    let mut ours = Target::on(Driver::probe(&tap), options).expect("it opens");
    assert_eq!(trial(&tap, &mut ours), Ok(()), "ours");
    let tap = machine();
    let mut theirs = theirs(&tap);
    let stood = trial(&tap, &mut theirs);
    let as_before = stood.as_ref().is_err_and(|why| why.contains(as_known));
    assert!(
        as_before,
        "probe-rs does this otherwise now, and our way around it may go: {stood:?}"
    );
}

fn expect(is: bool, what: &str) -> Result<(), String> {
    is.then_some(()).ok_or(what.to_owned())
}

#[test]
fn registers_that_a_load_needs_come_back_whole() {
    both(PROGRAM, None, "half of s0 or s1 is lost", |tap, reader| {
        let before = lock(tap).module.harts[0].gpr;
        let mut read = [0; 16];
        reader.read(BASE, &mut read)?;
        expect(
            read == std::array::from_fn(|n| proof::byte(BASE + n as u64)),
            "read",
        )?;
        // This crate restores them before another operation, and on drop.
        let _ = reader.halts_at(BASE);
        expect(
            lock(tap).module.harts[0].gpr == before,
            "half of s0 or s1 is lost",
        )
    });
}

#[test]
fn a_load_that_faults_is_not_taken_for_good() {
    both(
        PROGRAM,
        None,
        "there is no memory, and it was read",
        |_, reader| {
            let read = reader.read(NOWHERE, &mut [0; 16]);
            expect(read.is_err(), "there is no memory, and it was read")
        },
    );
}

#[test]
fn a_bad_address_does_not_close_the_bus_for_good() {
    both(
        Profile::FULL,
        Some(AccessMethod::Bus),
        "bad address closed it",
        |_, reader| {
            expect(reader.read(NOWHERE, &mut [0; 16]).is_err(), "no error")?;
            let mut read = [0; 16];
            let read_on = reader.read(BASE, &mut read);
            read_on.map_err(|error| format!("a bad address closed it: {error}"))?;
            expect(
                read == std::array::from_fn(|n| proof::byte(BASE + n as u64)),
                "read",
            )
        },
    );
}

#[test]
fn a_breakpoint_holds_in_supervisor_mode() {
    both(Profile::FULL, None, "the hart ran over it", |_, reader| {
        let halted = reader.halts_at(0x8020_0050)?;
        expect(halted, "the hart ran over it")
    });
}

#[test]
fn a_hart_that_refuses_narrow_writes_is_read() {
    both(
        Profile::C906,
        Some(AccessMethod::Program),
        "NotSupported",
        |_, reader| {
            let mut read = [0; 1];
            reader.read(BASE + 1, &mut read)?;
            expect(read == [proof::byte(BASE + 1)], "read")
        },
    );
}
