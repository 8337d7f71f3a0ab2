//! An address space in one line: mappings and their permissions.

use model::AddressSpace;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use super::fit::fit;

/// Maximum number of bands; gaps between them are shortened.
const BANDS: usize = 6;

/// Letters and colours by permission, dots for holes; below, the start address of each band.
pub fn lines(space: &AddressSpace, width: usize) -> [Line<'static>; 2] {
    let bands = space.bands(BANDS);
    if bands.is_empty() || width < 4 * bands.len() {
        return [Line::raw("nothing is mapped"), Line::raw("")];
    }
    let room = (width - (bands.len() - 1)) / bands.len();
    let (mut cells, mut addresses) = (Vec::new(), String::new());
    for (number, band) in bands.iter().enumerate() {
        if number > 0 {
            cells.push(Span::raw("|"));
        }
        let first = band.va().raw();
        for cell in 0..room as u64 {
            // In 128 bits: a band may be most of the address space.
            let place =
                |cell: u64| (u128::from(cell) * u128::from(band.bytes) / room as u128) as u64;
            let (from, to) = (place(cell), place(cell + 1).max(place(cell) + 1));
            let here = band.ranges.iter().filter(|range| {
                let begin = range.va.raw().wrapping_sub(first);
                begin < to && from < begin.saturating_add(range.bytes)
            });
            // Of several ranges in a cell, the one with most permissions.
            let best = here.map(|range| letter(&range.leaf.pte.flags().to_string()));
            let (letter, color) = best
                .max_by_key(|(rank, ..)| *rank)
                .map_or(('.', Color::DarkGray), |(_, letter, color)| (letter, color));
            cells.push(Span::styled(letter.to_string(), Style::new().fg(color)));
        }
        let address = format!("{first:#x}");
        let shown = fit(&address, room as u16);
        addresses += &format!("{shown:<room$}");
        if number + 1 < bands.len() {
            addresses.push(' ');
        }
    }
    [Line::from(cells), Line::raw(addresses)]
}

/// Rank, letter, colour.
fn letter(flags: &str) -> (u8, char, Color) {
    let has = |flag| flags.contains(flag);
    let user = has('u');
    match (has('w'), has('x')) {
        (true, true) => (5, '!', Color::Red),
        (true, false) => (4, if user { 'W' } else { 'w' }, Color::Yellow),
        (false, true) => (3, if user { 'X' } else { 'x' }, Color::Green),
        (false, false) => (2, if user { 'R' } else { 'r' }, Color::Blue),
    }
}
