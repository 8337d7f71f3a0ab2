//! Cards that are wrong in any number of things, drawn at random: the verdict of U-Boot, again.
//!
//! `CARDS` is how many there are, `SEED` plays a run again. What is not drawn are the differences that are meant (an
//! `INITRD`, a label without an `FDT`), and what would wait for a key.

use std::fmt::Write as _;

use crate::verdicts::{Contents, differences, fat};

/// Cards on one disk, each a partition.
const DISK: usize = 20;

/// A generator of numbers: Knuth's MMIX.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    /// True once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A line of an extlinux.conf, with blanks as people leave them.
fn line(draw: &mut Draw, conf: &mut String, words: &str) {
    let indent = draw.one_of(&["", " ", "  ", "\t"]);
    let end = if draw.once_in(12) { " " } else { "" };
    let newline = if draw.once_in(12) { "\r\n" } else { "\n" };
    write!(conf, "{indent}{words}{end}{newline}").expect("room");
}

fn label(draw: &mut Draw, conf: &mut String, name: &str) {
    let word = draw.one_of(&["label", "label", "LABEL", "Label"]);
    line(draw, conf, &format!("{word} {name}"));
    let kernel = draw.one_of(&["kernel", "kernel", "linux", "KERNEL"]);
    let path = draw.one_of(&[
        "/Image",
        "/Image",
        "../Image",
        "/IMAGE",
        "/none",
        "Image",
        "/extlinux",
    ]);
    let tree = draw.one_of(&["fdt", "fdt", "devicetree", "FDT"]);
    let tree_path = draw.one_of(&[
        "/board.dtb",
        "/board.dtb",
        "../board.dtb",
        "/Board.dtb",
        "/none",
    ]);
    let mut lines = vec![format!("{tree} {tree_path}")];
    if !draw.once_in(8) {
        lines.insert(draw.below(2), format!("{kernel} {path}"));
    }
    if draw.once_in(3) {
        lines.push("append x=1 y".to_owned());
    }
    if draw.once_in(6) {
        lines.insert(0, "# a comment".to_owned());
    }
    if draw.once_in(6) {
        lines.push("menu label a kernel".to_owned());
    }
    if draw.once_in(8) {
        let word = draw.one_of(&["kernal /Image", "colour blue", "fdt", "kernel"]);
        lines.push(word.to_owned());
    }
    for words in lines {
        line(draw, conf, &words);
    }
}

fn conf(draw: &mut Draw) -> String {
    let mut conf = String::new();
    for (times, words) in [
        (3, "timeout 1"),
        (8, "TIMEOUT 2"),
        (8, "# the first line"),
        (12, "colour blue"),
    ] {
        if draw.once_in(times) {
            line(draw, &mut conf, words);
        }
    }
    if draw.once_in(6) {
        // A menu waits for a key, but for its time.
        line(draw, &mut conf, "timeout 1");
        line(draw, &mut conf, "menu title cards");
    }
    if draw.once_in(2) {
        let name = draw.one_of(&["a", "a", "b", "c", "x"]);
        line(draw, &mut conf, &format!("default {name}"));
    }
    for name in ["a", "b", "c"].iter().take(1 + draw.below(3)) {
        label(draw, &mut conf, name);
    }
    conf
}

/// What was done to the files, and the bytes of the FAT.
fn card(draw: &mut Draw) -> (String, Vec<u8>) {
    let mut contents = Contents {
        conf: Some(conf(draw)),
        ..Contents::default()
    };
    let mut done = contents.conf.clone().unwrap_or_default();
    if draw.once_in(6) {
        let at = [0x38, 0x39, 0x3a, 0x10, 0x11, 0x18, 0x30][draw.below(7)];
        let flip = 1 << draw.below(8);
        contents.image[at] ^= flip;
        done += &format!("Image: byte {at:#x} ^ {flip:#x}\n");
    }
    if draw.once_in(10) {
        let at = draw.below(4);
        contents.tree[at] ^= 0x10;
        done += &format!("tree: byte {at} of the magic\n");
    }
    let mut volume = fat(&contents);
    if draw.once_in(10) {
        let at = [0x03, 0x1fe, 0x1ff, 0x36, 0x2b][draw.below(5)];
        volume[at] ^= 0x20;
        done += &format!("volume: byte {at:#x} ^ 0x20\n");
    }
    (done, volume)
}

#[test]
fn a_card_that_is_wrong_in_many_things_gets_the_verdict_that_u_boot_gives() {
    let number = |name: &str, default: usize| -> usize {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (cards, seed) = (number("CARDS", 6), number("SEED", 1));
    let mut draw = Draw(seed as u64);
    let mut wrong = String::new();
    for first in (0..cards).step_by(DISK) {
        let drawn = (first..cards.min(first + DISK)).map(|number| {
            let (done, volume) = card(&mut draw);
            (format!("card {number} of SEED={seed}:\n{done}"), volume)
        });
        let (names, volumes): (Vec<String>, Vec<Vec<u8>>) = drawn.unzip();
        wrong += &differences(&names, &volumes);
    }
    assert!(wrong.is_empty(), "{wrong}");
}
