//! What `just build` leaves for a test to use.

use std::path::{Path, PathBuf};

/// A file below `target/`, which must be there: a proof without its input fails.
#[track_caller]
pub fn built(name: &str) -> PathBuf {
    let path = target_dir().join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `just build` first",
        path.display()
    );
    path
}

/// The workspace's `target/`, where the verbs of the Justfile put their results.
fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}
