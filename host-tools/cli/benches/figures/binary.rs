//! The program as it is given away: how large it is, how soon it answers, how long its installation takes.

use std::fs;
use std::process::Command;

use crate::clock::{has, race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, house, scratch};

/// Bytes of the release build with every feature, less its symbols.
pub fn bytes() -> Vec<FigureRow> {
    if !has("strip") {
        return Vec::new();
    }
    let scratch = scratch();
    let program = scratch.path().join("pagewalk");
    fs::copy(PAGEWALK, &program).expect("it is copied");
    run(scratch.path(), "strip", &["pagewalk"]);
    let bytes = fs::metadata(&program).expect("it is there").len();
    vec![FigureRow::count(
        "binary.bytes",
        bytes as f64,
        "bytes",
        MOST_BYTES,
    )]
}

/// The most that a program with every feature may have, for x86-64: exports included. It had 11,464,792 before them.
const MOST_BYTES: f64 = 20_000_000.0;

/// From its start to the end of the shortest answer, beside a program that does nothing.
pub fn start() -> Vec<FigureRow> {
    let scratch = scratch();
    let (ours, nothing) = race(
        21,
        || run(scratch.path(), PAGEWALK, &["--version"]),
        || run(scratch.path(), "true", &[]),
    );
    vec![FigureRow {
        name: "start.ms",
        value: ours.wall * 1000.0,
        unit: "ms",
        better: Better::Lower,
        limit: None,
        aim: Some(20.0),
        peer: Some(PeerFigure {
            name: "true".to_owned(),
            value: nothing.wall * 1000.0,
        }),
    }]
}

/// `just install` where the release build is done already: what a second user of the machine waits for.
pub fn install() -> Vec<FigureRow> {
    if !has("just") {
        return Vec::new();
    }
    let scratch = scratch();
    let install = || {
        let ran = Command::new("just")
            .arg("install")
            .env("PREFIX", scratch.path())
            .current_dir(house())
            .output()
            .expect("just runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "just install: {said}");
    };
    // The first builds what is not built yet.
    install();
    let (ours, copy) = race(3, install, || {
        run(scratch.path(), "cp", &["bin/pagewalk", "copy"])
    });
    vec![FigureRow {
        name: "install.s",
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim: Some(3.0),
        peer: Some(PeerFigure {
            name: "cp of the program".to_owned(),
            value: copy.wall,
        }),
    }]
}
