//! Packing the Ox64's card, beside copying it and beside those who pack cards.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::clock::{Cost, has, race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, house, scratch};

const RUNS: usize = 11;

/// The card packed from ready inputs, block map included: CPU time, and wall time beside a sparse
/// copy of the result. No peer makes a checksum, so ours stands in a row of its own.
pub fn pack() -> Vec<FigureRow> {
    let scratch = workplace();
    let (ours, copy) = race(
        RUNS,
        || build(scratch.path()),
        || {
            run(
                scratch.path(),
                "cp",
                &["--sparse=always", "card.img", "copy.img"],
            );
        },
    );
    let peer = |value| {
        Some(PeerFigure {
            name: "cp --sparse=always".to_owned(),
            value,
        })
    };
    vec![
        FigureRow {
            name: "image.pack",
            value: ours.cpu,
            unit: "s cpu",
            better: Better::Lower,
            limit: None,
            aim: Some(0.05),
            peer: peer(copy.cpu),
        },
        FigureRow {
            name: "image.pack.wall",
            value: ours.wall,
            unit: "s",
            better: Better::Lower,
            limit: None,
            aim: Some(2.0 * copy.wall),
            peer: peer(copy.wall),
        },
    ]
}

/// The same card by `sfdisk`, `mkfs.vfat` and `mcopy`: ours takes a third of the time at most.
pub fn vs_mtools() -> Vec<FigureRow> {
    if !["sfdisk", "mkfs.vfat", "mcopy"].into_iter().all(has) {
        return Vec::new();
    }
    let scratch = workplace();
    contents(scratch.path());
    let bytes = fs::metadata(scratch.path().join("card.img"))
        .expect("just built")
        .len();
    let kibibytes = (bytes - (1 << 20)) / 1024;
    let script = format!(
        "rm -f peer.img && truncate -s {bytes} peer.img \
         && echo 'start=2048, type=c, bootable' | sfdisk -q peer.img \
         && mkfs.vfat --offset 2048 peer.img {kibibytes} \
         && mcopy -s -i peer.img@@1M boot/* ::/"
    );
    let (ours, peer) = race(
        RUNS,
        || build(scratch.path()),
        || run(scratch.path(), "sh", &["-c", &script]),
    );
    vec![against(
        "image.vs_mtools",
        "sfdisk + mkfs.vfat + mcopy",
        ours,
        peer,
    )]
}

/// The same card by genimage, where it is installed.
pub fn vs_genimage() -> Vec<FigureRow> {
    if !has("genimage") {
        return Vec::new();
    }
    let scratch = workplace();
    contents(scratch.path());
    let bytes = fs::metadata(scratch.path().join("card.img"))
        .expect("just built")
        .len()
        - (1 << 20);
    let config = format!(
        "image boot.vfat {{ vfat {{ files = {{ \"Image\", \"ox64.dtb\", \"extlinux\" }} }} size = {bytes} }}\n\
         image peer.img {{ hdimage {{ }} partition boot {{ partition-type = 0xC bootable = \"true\" \
         offset = 1M image = \"boot.vfat\" }} }}\n"
    );
    fs::write(scratch.path().join("genimage.cfg"), config)
        .expect("the scratch folder can be written");
    let arguments = [
        "--config",
        "genimage.cfg",
        "--inputpath",
        "boot",
        "--rootpath",
        "boot",
        "--outputpath",
        "out",
        "--tmppath",
        "tmp",
    ];
    let (ours, peer) = race(
        RUNS,
        || build(scratch.path()),
        || {
            let _ = fs::remove_dir_all(scratch.path().join("tmp"));
            run(scratch.path(), "genimage", &arguments);
        },
    );
    vec![against("image.vs_genimage", "genimage", ours, peer)]
}

fn against(name: &'static str, peer_name: &str, ours: Cost, peer: Cost) -> FigureRow {
    FigureRow {
        name,
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim: Some(peer.wall / 3.0),
        peer: Some(PeerFigure {
            name: peer_name.to_owned(),
            value: peer.wall,
        }),
    }
}

/// The card with the SHA-256 of all its 128 MiB, beside `sha256sum` of the same file.
pub fn sum() -> Vec<FigureRow> {
    if !has("sha256sum") {
        return Vec::new();
    }
    let scratch = workplace();
    let (ours, peer) = race(
        RUNS,
        || pack_card(scratch.path(), &[]),
        || run(scratch.path(), "sha256sum", &["card.img"]),
    );
    vec![FigureRow {
        name: "image.pack.sha256",
        value: ours.cpu,
        unit: "s cpu",
        better: Better::Lower,
        limit: None,
        aim: Some(peer.cpu),
        peer: Some(PeerFigure {
            name: "sha256sum alone".to_owned(),
            value: peer.cpu,
        }),
    }]
}

/// The card as `just ox64-image` makes it from a kernel that is built: by the tool for cards alone, with its initrd,
/// block map and checksum, beside a sparse copy of it and `sha256sum`.
pub fn card() -> Vec<FigureRow> {
    let scratch = scratch();
    let place = |name: &str| {
        let path = scratch.path().join(name);
        path.to_str()
            .expect("paths of the build are UTF-8")
            .to_owned()
    };
    let (initrd, image, card) = (place("initrd.romfs"), place("Image"), place("card.img"));
    let kernel = "target/board-side/riscv64gc-unknown-none-elf/board/kernel";
    let steps: [&[&str]; 3] = [
        &[
            "romfs",
            "build",
            "target/images/rootfs",
            "-o",
            &initrd,
            "--align",
            "4096",
        ],
        &["image", "glue", kernel, "--initrd", &initrd, "-o", &image],
        &[
            "image",
            "build",
            "images/ox64-sd.toml",
            "-o",
            &card,
            "--initrd",
            &initrd,
        ],
    ];
    let tool = house().join("target/card/card/pagewalk");
    let tool = tool.to_str().expect("paths of the build are UTF-8");
    let (ours, peer) = race(
        RUNS,
        || steps.iter().for_each(|step| run(&house(), tool, step)),
        || {
            let script = "cp --sparse=always card.img copy.img && sha256sum copy.img";
            run(scratch.path(), "sh", &["-c", script]);
        },
    );
    vec![FigureRow {
        name: "image.card.wall",
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim: Some(2.0 * peer.wall),
        peer: Some(PeerFigure {
            name: "cp --sparse=always, sha256sum".to_owned(),
            value: peer.wall,
        }),
    }]
}

/// Packs `card.img` in a folder, from the kernel that `just image ox64` left.
fn build(folder: &Path) {
    pack_card(folder, &["--no-sha256"]);
}

fn pack_card(folder: &Path, options: &[&str]) {
    let place = |name: &str| {
        let path = folder.join(name);
        path.to_str()
            .expect("paths of the build are UTF-8")
            .to_owned()
    };
    let (card, initrd) = (place("card.img"), place("initrd.romfs"));
    let arguments = [
        "image",
        "build",
        "images/ox64-sd.toml",
        "-o",
        &card,
        "--initrd",
        &initrd,
    ];
    run(&house(), PAGEWALK, &[&arguments, options].concat());
}

/// A folder with an initrd that makes the Image as large as on the cards that the peers' figures
/// are of: 16 MiB.
fn workplace() -> TempDir {
    const INITRD: usize = 15 << 20;
    let scratch = scratch();
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).expect("the scratch folder can be written");
    let content: Vec<u8> = (0..INITRD).map(|at| ((at * 31) >> 3) as u8).collect();
    fs::write(tree.join("data"), content).expect("the scratch folder can be written");
    let arguments = ["romfs", "build", "tree", "-o", "initrd.romfs"];
    run(scratch.path(), PAGEWALK, &arguments);
    scratch
}

/// The card, and in `boot/` what lies on it, read back from it.
fn contents(folder: &Path) {
    build(folder);
    let boot = folder.join("boot");
    fs::create_dir(&boot).expect("the scratch folder can be written");
    run(
        &boot,
        "mcopy",
        &["-s", "-n", "-i", "../card.img@@1M", "::/*", "."],
    );
}
