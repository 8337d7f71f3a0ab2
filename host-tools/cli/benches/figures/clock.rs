//! How long a program takes, in wall and in CPU seconds, and two of them taking turns.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

/// Medians over some runs, in seconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: f64,
    pub cpu: f64,
}

/// Rounds that do not count: they fill the caches, and a machine that is itself a guest is given
/// its memory when it first touches it.
const WARM: usize = 3;

/// Runs `ours` and `peer` in turns, and returns the cost of each. Every run must succeed.
pub fn race(runs: usize, mut ours: impl FnMut(), mut peer: impl FnMut()) -> (Cost, Cost) {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for round in 0..WARM + runs {
        let costs = (once(&mut ours), once(&mut peer));
        if round >= WARM {
            one.push(costs.0);
            other.push(costs.1);
        }
    }
    (median(&one), median(&other))
}

fn once(run: &mut impl FnMut()) -> Cost {
    let (start, cpu) = (Instant::now(), children());
    run();
    Cost {
        wall: start.elapsed().as_secs_f64(),
        cpu: children() - cpu,
    }
}

fn median(costs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost {
        wall: middle(|cost| cost.wall),
        cpu: middle(|cost| cost.cpu),
    }
}

/// CPU seconds of all programs that we started and that have ended.
fn children() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage of children is always known");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Runs a program in a folder; what it says is shown only if it fails.
pub fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let ran = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let ran = ran.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "{program} {}: {}\n{said}",
        arguments.join(" "),
        ran.status
    );
}

/// Whether a program is installed.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
