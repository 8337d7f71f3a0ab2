//! Injected faults: the result is correct or an error, within bounded time.

use std::time::{Duration, Instant};

use super::proof;
use super::sim::{Driver, InjectedFault, SimulatedHart, csr, lock, serve};
use super::{Bitbang, Options, ProbeError, Target};

const BASE: u64 = 0x8000_0000;
/// Number of faults injected.
const ROUNDS: u64 = 200;
/// What takes longer does not end. A request has three waits of a second each; the rest is for a
/// machine that is busy with other things.
const LONGEST: Duration = Duration::from_secs(120);

/// A reproducible random number generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn fault(&mut self) -> InjectedFault {
        match self.below(7) {
            0 => InjectedFault::Busy(self.below(500) as u32),
            1 => InjectedFault::Busy(u32::MAX),
            2 => InjectedFault::Failed,
            3 => InjectedFault::Command(1 + self.below(7) as u8),
            4 => InjectedFault::Bus(1 + self.below(7) as u8),
            5 => InjectedFault::Stuck(self.below(2) == 0),
            _ => InjectedFault::Unplugged,
        }
    }
}

/// The data read: satp, a register, two pages and a byte.
type ReadBack = (u64, u64, Vec<u8>, [u8; 1]);

fn look(target: &mut Target) -> Result<ReadBack, ProbeError> {
    let satp = target.satp()?;
    let register = target.register(9)?;
    let mut pages = vec![0; 0x2000];
    target.read_physical(BASE, &mut pages)?;
    let mut byte = [0];
    target.read_physical(BASE + 0x2fff, &mut byte)?;
    Ok((satp, register, pages, byte))
}

fn right(hart: &SimulatedHart) -> ReadBack {
    let pages = (BASE..).map(proof::byte).take(0x2000).collect();
    let byte = proof::byte(BASE + 0x2fff);
    (hart.csr[&csr::SATP], hart.gpr[9], pages, [byte])
}

#[test]
fn faults_give_the_right_answer_or_an_error_and_never_a_hang() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let profiles: Vec<_> = proof::profiles().collect();
    let (mut answers, mut errors, mut restored, mut happened) = (0, 0, 0, 0);
    for round in 0..ROUNDS {
        let profile = profiles[dice.below(profiles.len() as u64) as usize];
        let (after, fault) = (dice.below(2500), dice.fault());
        let what = format!(
            "{round}: {} {:?} {fault:?} after {after}",
            profile.name, profile.xlen
        );
        let tap = proof::pattern(profile);
        lock(&tap).module.harts[0].is_halted = true;
        let before = lock(&tap).module.harts[0].clone();
        lock(&tap).module.faults.plan(after, fault);
        let start = Instant::now();
        let target = Target::on(Driver::probe(&tap), Options::default());
        let seen = target.and_then(|mut target| {
            let seen = look(&mut target)?;
            target.close()?;
            Ok(seen)
        });
        assert!(
            start.elapsed() < LONGEST,
            "{what} took {:?}",
            start.elapsed()
        );
        match seen {
            Ok(seen) => {
                assert!(seen == right(&before), "{what}: a wrong answer");
                answers += 1;
            }
            Err(error) => {
                let told = error.to_string();
                assert!(!told.is_empty() && !told.contains("panic"), "{what}");
                errors += 1;
            }
        }
        happened += u64::from(lock(&tap).module.faults.is_over());
        // As long as the module was reachable, the hart is unchanged.
        if !matches!(
            fault,
            InjectedFault::Stuck(_) | InjectedFault::Unplugged | InjectedFault::Busy(u32::MAX)
        ) {
            let after = lock(&tap).module.harts[0].clone();
            assert_eq!(after, before, "{what}");
            restored += 1;
        }
        assert!(lock(&tap).module.ram.is_untouched(), "{what}");
    }
    // The test must exercise every case.
    assert!(happened > ROUNDS * 3 / 4, "only {happened} faults");
    assert!(
        answers > 40 && errors > 40 && restored > 80,
        "{answers} {errors} {restored}"
    );
}

#[test]
fn a_server_that_goes_away_or_says_nothing_is_not_waited_for() {
    let tap = proof::pattern(super::sim::Profile::FULL);
    lock(&tap).module.faults.plan(60, InjectedFault::Unplugged);
    let address = serve(tap).expect("a socket").to_string();
    let selector = super::Selector::Bitbang(address);
    let options = Options {
        selector,
        ..Options::default()
    };
    let start = Instant::now();
    let seen = Target::open(options).and_then(|mut target| look(&mut target));
    let told = seen.expect_err("it has gone").to_string();
    assert!(told.contains("the server has gone"), "{told}");
    assert!(start.elapsed() < LONGEST);
    // A server that accepts everything and never answers is given up after one timeout.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let port = Bitbang::connect(&silent.local_addr().expect("an address").to_string());
    let probe = probe_rs::probe::Probe::from_specific_probe(Box::new(port.expect("it connects")));
    let start = Instant::now();
    let told = Target::on(probe, Options::default())
        .err()
        .expect("no answer");
    assert!(
        told.to_string()
            .contains("no answer; is it a remote_bitbang"),
        "{told}"
    );
    assert!(start.elapsed() < LONGEST);
}
