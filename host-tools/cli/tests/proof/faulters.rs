//! Eight ways to die, each alone and each with its record.

use crate::board::{Board, Logged, Qemu, fault_log, faults};

/// Exit status of a task that a fault ended: this plus the cause.
const BY_FAULT: u64 = 128;

/// What one kind of faulter must leave in the log.
struct Death {
    kind: &'static str,
    cause: u64,
    text: &'static str,
    /// Who wanted what; an illegal instruction wants no address.
    wanted: &'static str,
    class: &'static str,
    outcome: &'static str,
    /// The address, where it is known beforehand.
    at: Option<u64>,
}

/// Where the kernel of 64 bits is linked; that of 32 bits lies where the same register of 32
/// bits points.
const KERNEL: u64 = 0xffff_ffff_8000_0000;

const STORE: &str = "Store/AMO page fault";
const LOAD: &str = "Load page fault";

const DEATHS: [Death; 8] = [
    death(
        "null",
        15,
        STORE,
        "user write",
        "none",
        "no region",
        Some(8),
    ),
    death(
        "wild",
        13,
        LOAD,
        "user read",
        "none",
        "no region",
        Some(0x1234_5000),
    ),
    death(
        "text-write",
        15,
        STORE,
        "user write",
        "text",
        "permission",
        None,
    ),
    death(
        "data-exec",
        12,
        "Instruction page fault",
        "user execute",
        "stack",
        "permission",
        None,
    ),
    death(
        "kernel-read",
        13,
        LOAD,
        "user read",
        "kernel",
        "not a user address",
        Some(KERNEL),
    ),
    death(
        "stack-overflow",
        15,
        STORE,
        "user write",
        "guard",
        "guard page",
        None,
    ),
    death(
        "misaligned",
        4,
        "Load address misaligned",
        "user read",
        "none",
        "not a memory fault",
        None,
    ),
    death(
        "illegal",
        2,
        "Illegal instruction",
        "user execute",
        "none",
        "not a memory fault",
        None,
    ),
];

const fn death(
    kind: &'static str,
    cause: u64,
    text: &'static str,
    wanted: &'static str,
    class: &'static str,
    outcome: &'static str,
    at: Option<u64>,
) -> Death {
    Death {
        kind,
        cause,
        text,
        wanted,
        class,
        outcome,
        at,
    }
}

/// Every kind in turn: a record that says what happened, a shell that says so, and goes on.
pub fn each_kind_kills_only_itself(board: &mut Board) {
    let listed = board.run("faulter");
    for death in &DEATHS {
        assert!(
            listed.contains(death.kind),
            "`faulter` does not list {}:\n{listed}",
            death.kind
        );
    }
    assert_eq!(
        listed.lines().filter(|line| line.starts_with("  ")).count(),
        DEATHS.len(),
        "{listed}"
    );

    for death in &DEATHS {
        board.run("faults text on");
        let said = board.run(&format!("faulter {}", death.kind));
        board.run("faults text off");
        let printed = faults(&said);
        let last = printed
            .last()
            .unwrap_or_else(|| panic!("{}: no fault was printed:\n{said}", death.kind));
        assert_eq!(last.cause, death.text, "{said}");
        assert_eq!(last.scause, death.cause, "{said}");
        assert_eq!(
            (&*last.wanted, &*last.class),
            (death.wanted, death.class),
            "{}:\n{said}",
            death.kind
        );
        assert_eq!(last.outcome, death.outcome, "{}:\n{said}", death.kind);
        assert!(
            death
                .at
                .is_none_or(|at| at == last.va || at == KERNEL && last.va == at & 0xffff_ffff),
            "{}:\n{said}",
            death.kind
        );
        assert!(last.frame.is_none(), "a refusal maps nothing:\n{said}");
        assert!(
            said.contains(&format!("ended with status {}", BY_FAULT + death.cause)),
            "{said}"
        );
        assert!(!said.contains("still alive"), "{said}");

        // The log agrees with the line.
        let (_, log) = fault_log(&board.run("faults"));
        let logged = log.iter().find(|logged| logged.seq == last.seq);
        let logged = logged.unwrap_or_else(|| panic!("{}: {last:?} is not in the log", death.kind));
        assert_eq!(
            (logged.scause, logged.epc, logged.va),
            (last.scause, last.epc, last.va),
            "{logged:?}"
        );
        assert_eq!(logged.outcome, last.outcome);
        assert_eq!(board.run("hello"), "hello, world\n", "after {}", death.kind);
    }
}

/// The line that reports a death is of the fault that killed, and so is the log's last record of that
/// task: cause, address, instruction and outcome are the same, whatever it died of.
#[test]
fn the_message_of_a_death_and_the_last_record_of_the_log_agree() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.boot();
        for Death {
            kind, text, cause, ..
        } in &DEATHS
        {
            let said = board.run(&format!("faulter {kind}"));
            let (name, rest) = said
                .split_once(": killed: ")
                .unwrap_or_else(|| panic!("{kind}: no message:\n{said}"));
            assert_eq!(
                name.lines().last(),
                Some(&*format!("faulter {kind}")),
                "{said}"
            );
            let message = rest.lines().next().unwrap_or_default();
            let (_, log) = fault_log(&board.run("faults"));
            // What the shell touched since is of another task.
            let killed = log
                .iter()
                .rfind(|row| row.scause == *cause && is_death(row));
            let killed = killed.unwrap_or_else(|| panic!("{kind}: not in the log:\n{said}"));
            let last = log.iter().rfind(|row| row.task == killed.task);
            assert_eq!(
                last,
                Some(killed),
                "{kind}: a fault after the one that killed"
            );
            let newest = log.iter().rfind(|row| is_death(row));
            assert_eq!(
                newest,
                Some(killed),
                "{kind}: a death of another cause is newer"
            );
            assert_eq!(
                message,
                format!(
                    "{text} at {:#x}, pc {:#x}: {}",
                    killed.va, killed.epc, killed.outcome
                ),
                "{killed:?}"
            );
        }
        board.type_line("poweroff");
        board.expect_end();
    }
}

/// Outcomes that end a task.
fn is_death(row: &Logged) -> bool {
    DEATHS.iter().any(|death| death.outcome == row.outcome)
}
