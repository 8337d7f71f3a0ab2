//! The harness itself, held to its word before anything relies on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::board::{BoardConsole, Qemu, UBoot};
use crate::tools::{path, tool};

/// What a failing `act` says.
fn complaint(act: impl FnOnce()) -> String {
    let cause = catch_unwind(AssertUnwindSafe(act)).expect_err("it must fail");
    cause
        .downcast_ref::<String>()
        .expect("a message with facts in it")
        .clone()
}

fn shell(script: &str) -> BoardConsole {
    BoardConsole::start(Command::new("sh").args(["-c", script]))
}

#[test]
fn a_text_is_found_across_pieces_and_only_once() {
    let mut line = shell("printf 'one pw'; read go; printf '> two pw> '; read go");
    line.expect("one");
    line.send(b"go\n");
    assert_eq!(line.expect("pw> "), " ");
    assert_eq!(line.expect("pw> "), "two ");
}

#[test]
fn an_answer_is_what_lies_between_the_echo_and_the_prompt() {
    let mut line = shell(r"printf 'pw> '; head -c 3; printf '\r\n1 sh\r\n2 spin\r\npw> '; read x");
    line.expect("pw> ");
    assert_eq!(line.ask("ps", "pw> "), "1 sh\r\n2 spin\r\n");
    assert!(
        line.transcript().windows(3).any(|bytes| bytes == b"ps\r"),
        "what went out is what came back"
    );
}

#[test]
fn frames_between_the_letters_do_not_hide_a_text() {
    let mut line = shell(r"printf 'p\000\005\201abc\000w>\000\003\202n\000 '; read go");
    line.expect("pw> ");
    assert_eq!(
        line.transcript().len(),
        16,
        "the recording keeps the frames"
    );
}

#[test]
fn a_late_text_fails_with_the_last_forty_lines() {
    let mut line = shell("seq 1 100; read forever");
    line.expect("100\n");
    let said = complaint(|| {
        line.expect_within("never said", Duration::from_millis(50));
    });
    assert!(said.contains("the deadline passed"), "{said}");
    assert!(said.contains("the last 40 of 100 lines"), "{said}");
    assert!(
        !said.contains("\n60\n") && said.contains("\n61\n") && said.contains("\n100\n"),
        "{said}"
    );
}

#[test]
fn a_panic_fails_at_once_and_is_shown_whole() {
    let began = Instant::now();
    let mut line = shell("printf 'kernel pa'; printf 'nic: belief 7 was wrong\\n'; read forever");
    let said = complaint(|| {
        line.expect("pw> ");
    });
    assert!(
        said.contains("it panicked") && said.contains("belief 7 was wrong"),
        "{said}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(120),
        "a panic must not wait for the deadline"
    );
}

#[test]
fn a_dead_machine_fails_at_once_with_its_last_words() {
    let mut line = Qemu::bare().cpu("no-such-cpu").start();
    let said = complaint(|| {
        line.expect("pw> ");
    });
    assert!(said.contains("the program on the line ended"), "{said}");
    assert!(said.contains("no-such-cpu"), "{said}");
}

#[test]
fn firmware_greets() {
    let mut board = Qemu::bare().start();
    board.expect("OpenSBI v");
    board.expect("Boot HART ID");
}

#[test]
fn uboot_stops_at_its_prompt_and_reads_a_card() {
    let folder = tempfile::tempdir().expect("a folder for the card");
    let card = folder.path().join("card.img");
    let file = folder.path().join("note.txt");
    std::fs::write(&file, "boards/ox64 was here\n").expect("a file to put on it");
    std::fs::File::create(&card)
        .and_then(|card| card.set_len(32 << 20))
        .expect("an empty card");
    tool(
        "sfdisk",
        &["-q", path(&card)],
        b"start=2048, type=c, bootable\n",
    );
    let partition = format!("{}@@1M", path(&card));
    tool("mformat", &["-i", &partition, "::"], b"");
    tool("mcopy", &["-i", &partition, path(&file), "::NOTE.TXT"], b"");

    let mut uboot = UBoot::start(&card);
    let listing = uboot.ask("ls virtio 0:1 /");
    assert!(
        listing.contains("21") && listing.to_lowercase().contains("note.txt"),
        "{listing}"
    );
    uboot.ask("load virtio 0:1 0x84000000 NOTE.TXT");
    let memory = uboot.ask("md.b 0x84000000 15");
    assert!(memory.contains("boards/ox64"), "{memory}");
}
