//! The page of `pagewalk report` in a real browser: it shows what the recording has, and asks for nothing.

use std::process::Command;

use serde_json::json;

use crate::browser::Browser;
use crate::tools::path;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");

#[test]
fn a_report_opens_in_a_browser_from_its_file_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let made = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["report", "run-2.pwlog", "-o", path(&page)])
        .current_dir(CAPTURES)
        .output()
        .expect("pagewalk starts");
    assert!(made.status.success(), "{made:?}");
    let mut browser = Browser::open(&format!("file://{}", path(&page)), 1200, 900);
    let text = browser.text();
    for words in [
        "qemu-virt, 64 bits",
        "The fault that ended it",
        "level 0 [  0]  0x0  the entry is zero: nothing is mapped  <- stopped here",
        "Last lines of the console",
    ] {
        assert!(text.contains(words), "no `{words}`: {text}");
    }
    let rows = "document.querySelectorAll('tr').length > 107";
    assert_eq!(browser.eval(rows), json!(true));
    let chart = "document.querySelector('svg').getBoundingClientRect().width > 500";
    assert_eq!(browser.eval(chart), json!(true));
    // Its own policy forbids all of it, and it asks for none.
    let asked = "performance.getEntriesByType('resource').length + document.scripts.length";
    assert_eq!(browser.eval(asked), json!(0));
}
