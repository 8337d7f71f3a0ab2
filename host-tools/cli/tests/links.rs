//! Every relative link of the Markdown pages leads to a file that exists, and every anchor to a heading.
//!
//! Pages are read as plain Markdown first and as a book second, so a link is relative to the page it stands on.

#[expect(
    dead_code,
    reason = "pages are Markdown; sources are read by other tests"
)]
mod house;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use house::{house, read};

/// Every Markdown file of the tree, less what was built.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![house()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree") {
            let path = entry.expect("an entry of it").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines of a page that are text: not those between fences.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The targets of `[text](target)` on a line, outside of `code`.
fn targets(line: &str) -> Vec<String> {
    let text = line.split('`').step_by(2).collect::<Vec<_>>().join("");
    let after = text.split("](").skip(1);
    after
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()))
        .collect()
}

/// The anchor that GitHub and mdBook give a heading: lower case, punctuation dropped, spaces as hyphens.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    prose(page)
        .filter(|line| line.starts_with('#'))
        .map(anchor)
        .collect()
}

/// What is wrong with a link on a page, or `None`.
fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() {
        page.to_owned()
    } else {
        page.parent().expect("a page lies in a folder").join(file)
    };
    if !file.exists() {
        return Some(format!("{target}: no such file"));
    }
    let has_anchor = fragment.is_empty() || anchors(&read(&file)).contains(fragment);
    (!has_anchor).then(|| format!("{target}: no such heading"))
}

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 5, "only {} pages were found", pages.len());
    let mut wrong = Vec::new();
    for page in &pages {
        for target in prose(&read(page)).flat_map(targets) {
            if let Some(why) = broken(page, &target) {
                wrong.push(format!("{}: {why}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_page_of_the_documentation_is_in_the_book() {
    let docs = house().join("docs");
    let summary = read(&docs.join("SUMMARY.md"));
    let listed: BTreeSet<_> = summary.lines().flat_map(targets).collect();
    for page in pages() {
        let Ok(inside) = page.strip_prefix(&docs) else {
            continue;
        };
        let inside = inside.display().to_string();
        let is_listed = inside == "SUMMARY.md" || listed.contains(&inside);
        assert!(is_listed, "docs/SUMMARY.md does not list {inside}");
    }
}

#[test]
fn a_broken_link_is_seen() {
    let page = house().join("README.md");
    assert!(broken(&page, "docs/nowhere.md").is_some());
    assert!(broken(&page, "docs/wire.md#no-such-heading").is_some());
    assert!(broken(&page, "docs/wire.md").is_none());
    assert_eq!(targets("a [b](c.md) `[d](e)` [f](g#h)"), ["c.md", "g#h"]);
    assert_eq!(anchor("## `pagewalk walk`, twice"), "pagewalk-walk-twice");
}
