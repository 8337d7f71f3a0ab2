//! The dashboard in a terminal, to the letter: `screens/*.txt`, of a recording.
//!
//! With `UPDATE=1` the files are written again, for a diff to read.

use std::fs;
use std::path::PathBuf;

use crate::board::Screen;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// Waits until the screen is as expected.
#[track_caller]
fn same(name: &str, screen: &mut Screen) {
    let path = PathBuf::from(format!("{TESTS}/screens/{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        screen.settle();
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, screen.text()).expect("a file");
    }
    let expected = fs::read_to_string(&path).expect("a text file");
    screen.until_is(&expected);
}

fn dash(width: u16, height: u16) -> Screen {
    let mut screen = Screen::run(
        &["dash", "run.pwlog@max"],
        &format!("{TESTS}/captures"),
        width,
        height,
    );
    screen.until("the line has ended");
    screen
}

#[test]
fn a_small_screen_and_a_large_one() {
    same("80x24", &mut dash(80, 24));
    same("200x60", &mut dash(200, 60));
}

#[test]
fn the_smallest_terminals_do_no_harm() {
    for (width, height) in [(1, 1), (20, 3), (80, 5), (10, 60)] {
        let mut screen = Screen::run(
            &["dash", "run.pwlog@max"],
            &format!("{TESTS}/captures"),
            width,
            height,
        );
        screen.drawn();
        screen.press(b"q");
        screen.end();
    }
}

#[test]
fn keys_filter_scroll_help_and_leave() {
    let mut screen = dash(80, 24);
    screen.press(b"/instruction\r");
    screen.until("only faults with `instruction`");
    same("filtered", &mut screen);
    screen.press(b"\x1b");
    screen.until("q leave");
    screen.press(b"?");
    screen.until("the view stands still");
    same("help", &mut screen);
    screen.press(b"x");
    screen.until("Enter open");
    // Up, ten times a page.
    screen.press(b"\x1b[5~");
    screen.until("\n    3.274900");
    // A fault opens with its walk, and closes; each pane has its key.
    screen.press(b"\x1b[F\r");
    screen.until("<- stopped here");
    screen.press(b"\r2");
    screen.until("pages; a row is");
    screen.press(b"3");
    screen.until("octaves from");
    screen.press(b"1g");
    screen.until("by task");
    screen.press(b"[");
    screen.until("a column is 0.023 s");
    screen.press(b"a");
    screen.until("a column is 0.180 s");
    screen.press(b"/tsk:1\r");
    screen.until("unknown filter key `tsk`");
    screen.press(b"\x1b ");
    screen.until("PAUSED");
    screen.press(b" ");
    screen.until_not("PAUSED");
    screen.press(b"q");
    screen.end();
}

#[test]
fn the_mouse_selects_a_span_filters_and_opens_a_fault() {
    let mut screen = dash(80, 24);
    // SGR mouse reports: button, column and line from 1, M for down and m for up.
    let click = |column: u16, row: u16| format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m");
    screen.press(click(12, 3).as_bytes());
    screen.until("only faults with `");
    screen.press(click(12, 3).as_bytes());
    screen.until("q leave");
    screen.press(b"\x1b[<0;45;4M\x1b[<32;60;4M\x1b[<0;60;4m");
    screen.until_not("a column is 0.180 s");
    screen.press(b"\x1b[<2;45;4M");
    screen.until("a column is 0.180 s");
    screen.press(click(5, 12).as_bytes());
    screen.until("one fault; Up and Down");
    screen.press(click(5, 12).as_bytes());
    screen.until("Enter open");
    screen.press(b"q");
    screen.end();
}
