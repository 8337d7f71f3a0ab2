//! Which file defines which type, read from the sources.

use std::collections::BTreeMap;

/// The files that define a public type, by its name. Tests, benches and what stands below `mod tests` do not count:
/// no other file imports from them.
pub fn public_types(files: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, source) in files {
        let is_test = ["/tests/", "/benches/", "/tests.rs"]
            .iter()
            .any(|part| file.contains(part));
        if is_test {
            continue;
        }
        let code = source
            .split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap_or(source);
        for name in code.lines().filter_map(public_type) {
            found.entry(name.to_owned()).or_default().push(file.clone());
        }
    }
    found
}

/// The name that a line defines: `pub struct`, `pub enum`, `pub trait` or `pub type` at the left edge, or one
/// level in, where a macro writes it.
fn public_type(line: &str) -> Option<&str> {
    let is_member = line.starts_with("     ");
    let rest = line.trim_start().strip_prefix("pub")?;
    // A type for the parent module alone has no users elsewhere.
    let rest = rest.strip_prefix("(crate)").unwrap_or(rest);
    let (keyword, name) = rest.strip_prefix(' ')?.split_once(' ')?;
    let is_type = matches!(keyword, "struct" | "enum" | "trait" | "type");
    let end = name
        .find(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .unwrap_or(name.len());
    (is_type && !is_member).then_some(&name[..end])
}
