//! The house as files: where it stands, and every Rust source in it.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders that hold sources of ours.
pub const ROOMS: &[&str] = &["boards", "images", "kernel", "host-tools"];

/// The top of the house.
pub fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file's text.
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file below a folder of the house, by its path from there.
pub fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![house().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let shown = path
                    .strip_prefix(house())
                    .expect("it lies in the house")
                    .display()
                    .to_string();
                found.push((shown, read(&path)));
            }
        }
    }
    found
}
