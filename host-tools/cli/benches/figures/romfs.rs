//! Making a ROMFS of few and of many files, beside genromfs.

use std::fs;
use std::path::Path;

use crate::clock::{has, race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, scratch};

/// An initrd: 69 files, 8 MB. At least as fast as genromfs.
pub fn few() -> Vec<FigureRow> {
    row("romfs.69", 69, 8_000_000, 1.0, 11)
}

/// A root file system: 5,000 files, 200 MB. At least twice as fast.
pub fn many() -> Vec<FigureRow> {
    row("romfs.5000", 5000, 200_000_000, 2.0, 5)
}

fn row(name: &'static str, files: usize, bytes: usize, times: f64, runs: usize) -> Vec<FigureRow> {
    let scratch = scratch();
    let folder = scratch.path();
    plant(&folder.join("tree"), files, bytes);
    let ours = || {
        run(
            folder,
            PAGEWALK,
            &["romfs", "build", "tree", "-o", "ours.romfs"],
        )
    };
    let (ours, peer) = if has("genromfs") {
        let genromfs = || {
            run(
                folder,
                "genromfs",
                &["-d", "tree", "-f", "peer.romfs", "-V", "peer"],
            )
        };
        let (ours, peer) = race(runs, ours, genromfs);
        (
            ours,
            Some(PeerFigure {
                name: "genromfs".to_owned(),
                value: peer.wall,
            }),
        )
    } else {
        (race(runs, ours, || ()).0, None)
    };
    let aim = peer.as_ref().map(|peer| peer.value / times);
    vec![FigureRow {
        name,
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim,
        peer,
    }]
}

/// A tree of files whose sizes vary about their mean, a hundred to a folder; the same on every run.
fn plant(top: &Path, files: usize, bytes: usize) {
    let mean = bytes / files;
    let content: Vec<u8> = (0..2 * mean).map(|at| ((at * 31) >> 3) as u8).collect();
    for file in 0..files {
        let folder = top.join(format!("d{:02}", file / 100));
        fs::create_dir_all(&folder).expect("the scratch folder can be written");
        // 0.5 to 1.5 of the mean, in steps that no file shares with its neighbour.
        let size = mean / 2 + mean * (file * 37 % 101) / 100;
        fs::write(folder.join(format!("f{file:04}")), &content[..size])
            .expect("the scratch folder can be written");
    }
}
