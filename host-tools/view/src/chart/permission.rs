//! Permission classes and their colours.

use pagetable::Pte;
use plotters::style::RGBColor;

/// A combination of permissions, with its colour in the palette of Okabe and Ito.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PermissionClass {
    /// Text in the legend.
    pub words: &'static str,
    /// Fill colour.
    pub colour: RGBColor,
}

/// User classes, then the supervisor's in the same order.
pub const CLASSES: [PermissionClass; 10] = [
    class("r-- user", 86, 180, 233),
    class("rw- user", 0, 158, 115),
    class("r-x user", 240, 200, 66),
    class("--x user", 204, 121, 167),
    class("writable and executable, user", 235, 60, 30),
    class("r-- supervisor", 0, 90, 150),
    class("rw- supervisor", 0, 96, 70),
    class("r-x supervisor", 190, 120, 0),
    class("--x supervisor", 130, 60, 100),
    class("writable and executable, supervisor", 150, 20, 0),
];

const fn class(words: &'static str, red: u8, green: u8, blue: u8) -> PermissionClass {
    PermissionClass {
        words,
        colour: RGBColor(red, green, blue),
    }
}

/// Index into [`CLASSES`] for the flags of a page.
pub fn class_of(flags: Pte) -> usize {
    let base = if flags.has(Pte::USER) { 0 } else { 5 };
    base + match (
        flags.has(Pte::READ),
        flags.has(Pte::WRITE),
        flags.has(Pte::EXEC),
    ) {
        (_, true, true) => 4,
        (_, true, false) => 1,
        (true, false, true) => 2,
        (false, false, true) => 3,
        _ => 0,
    }
}
