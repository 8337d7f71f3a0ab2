//! Cargo only warns about these: profiles of packages that are not there.

#[expect(dead_code, reason = "manifests are read, not sources")]
mod house;

use std::fs;
use std::process::Command;

use house::{house, read};
use toml::Table;

#[test]
fn every_profile_is_of_a_package_that_exists() {
    let manifest: Table = read(&house().join("Cargo.toml")).parse().expect("TOML");
    let lock: Table = read(&house().join("Cargo.lock")).parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    let names: Vec<&str> = packages
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    let profiles = manifest["profile"].as_table().expect("profiles");
    let mut seen = 0;
    for (profile, settings) in profiles {
        let Some(own) = settings.get("package").and_then(|it| it.as_table()) else {
            continue;
        };
        for name in own.keys().filter(|name| *name != "*") {
            seen += 1;
            assert!(
                names.contains(&&**name),
                "profile.{profile}.package.{name}: no such package"
            );
        }
    }
    assert!(seen > 5, "only {seen} of packages");
}

/// `just check` runs cargo through `_quiet`, since `-D warnings` reaches the compiler alone.
#[test]
fn a_warning_of_cargo_itself_fails_just_check() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("src")).expect("a folder");
    fs::write(folder.path().join("src/lib.rs"), "//! Nothing.\n").expect("a file");
    let manifest = folder.path().join("Cargo.toml");
    let good =
        "[package]\nname = \"nothing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    let bad = format!("{good}[profile.dev.package.renamed]\nopt-level = 1\n");
    for (text, passes) in [(good, true), (&bad, false)] {
        fs::write(&manifest, text).expect("a manifest");
        let manifest = manifest.to_str().expect("UTF-8");
        let run = Command::new("just")
            .args([
                "_quiet",
                "cargo",
                "check",
                "--offline",
                "--manifest-path",
                manifest,
            ])
            .env("CARGO_TARGET_DIR", folder.path().join("target"))
            .current_dir(house())
            .output()
            .expect("just");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.success(), passes, "{said}");
    }
    let justfile = read(&house().join("Justfile"));
    let check = justfile.split_once("\ncheck:\n").expect("the verb").1;
    let check = check.split_once("\n\n").map_or(check, |(check, _)| check);
    let reads = check.lines().filter(|line| line.contains("cargo clippy"));
    assert!(reads.clone().count() >= 4 && reads.clone().all(|line| line.contains("just _quiet ")));
}
