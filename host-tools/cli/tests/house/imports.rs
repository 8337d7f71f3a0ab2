//! Who imports whom, file by file, as the `use` lines and the paths of each file say it.
//!
//! A name that a module only hands on (`pub use child::Name`) counts as the file that defines it, so
//! a folder's `mod.rs` ties nothing together. Tests are not read: they may look at everything.

use std::collections::{BTreeMap, BTreeSet};

/// A path of words, from the crate's root.
type Path = Vec<String>;

/// One file of a crate.
struct Module {
    file: String,
    /// Its text without comments, strings and tests, and without its `use` lines.
    code: String,
    /// What each name that it brings in means, and whether it is handed on.
    uses: BTreeMap<String, Use>,
    globs: Vec<Path>,
    /// Names that it takes from other crates.
    foreign: BTreeSet<String>,
}

struct Use {
    path: Path,
    is_public: bool,
}

/// The imports of a crate: for each file, the files whose names it takes.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// Reads a crate from its files, each with its path below `src/`.
pub fn imports(files: &[(String, String)]) -> Imports {
    let mut modules = BTreeMap::new();
    let known: BTreeSet<Path> = files.iter().map(|(file, _)| module_of(file)).collect();
    for (file, source) in files {
        let at = module_of(file);
        let (code, uses) = split_uses(&without_tests(&plain(source)));
        let mut module = Module {
            file: file.clone(),
            code,
            uses: BTreeMap::new(),
            globs: Vec::new(),
            foreign: BTreeSet::new(),
        };
        for (is_public, tree) in uses {
            for (path, name) in expand(&tree) {
                let is_ours = matches!(path[0].as_str(), "crate" | "super" | "self")
                    || known.contains(&[&at[..], &path[..1]].concat());
                if !is_ours {
                    module.foreign.insert(name);
                    continue;
                }
                let path = absolute(&at, path);
                match name.as_str() {
                    "*" => module.globs.push(path),
                    "_" => {}
                    _ => {
                        module.uses.insert(name, Use { path, is_public });
                    }
                }
            }
        }
        modules.insert(at, module);
    }
    let mut found = Imports::new();
    for (at, module) in &modules {
        let mut from = BTreeSet::new();
        let words = paths_in(&module.code);
        for (name, import) in &module.uses {
            let used: Vec<_> = words.iter().filter(|path| &path[0] == name).collect();
            // Handed on and not used here: no import.
            if import.is_public && used.is_empty() {
                continue;
            }
            let is_module = modules.contains_key(&import.path);
            let mut taken = 0;
            for path in used.iter().filter(|path| is_module && path.len() > 1) {
                let full = [&import.path[..], &path[1..]].concat();
                from.extend(file_of(&modules, &full, 0));
                taken += 1;
            }
            if taken == 0 {
                from.extend(file_of(&modules, &import.path, 0));
            }
        }
        for path in &words {
            if matches!(path[0].as_str(), "crate" | "super" | "self") && path.len() > 1 {
                from.extend(file_of(&modules, &absolute(at, path.clone()), 0));
            } else if path.len() > 1 && modules.contains_key(&[&at[..], &path[..1]].concat()) {
                // A child is named without a `use`.
                from.extend(file_of(&modules, &[&at[..], &path[..]].concat(), 0));
            }
        }
        from.extend(
            module
                .globs
                .iter()
                .flat_map(|path| file_of(&modules, path, 0)),
        );
        // A folder's face may call its own rooms, as it may hand their names on.
        let face = at.clone();
        from.retain(|file| {
            let to = module_of(file);
            to != face && !(to.len() > face.len() && to.starts_with(&face))
        });
        found.insert(module.file.clone(), from);
    }
    found
}

/// Groups of files that import each other, directly or through others.
pub fn circles(imports: &Imports) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut next: Vec<_> = imports.get(from).into_iter().flatten().collect();
        while let Some(file) = next.pop() {
            if reached.insert(file.clone()) {
                next.extend(imports.get(file).into_iter().flatten());
            }
        }
        reached
    };
    let all: BTreeMap<_, _> = imports.keys().map(|file| (file, reach(file))).collect();
    let circles: BTreeSet<Vec<String>> = all
        .iter()
        .filter(|(file, reached)| reached.contains(**file))
        .map(|(file, reached)| {
            let both = reached.iter().filter(|other| all[other].contains(*file));
            both.cloned().collect()
        })
        .collect();
    circles.into_iter().collect()
}

/// The file that defines what a path names; nothing for what is another crate's.
fn file_of(modules: &BTreeMap<Path, Module>, path: &[String], depth: usize) -> Option<String> {
    let length = (0..=path.len())
        .rev()
        .find(|length| modules.contains_key(&path[..*length]))?;
    let module = &modules[&path[..length]];
    let Some(item) = path.get(length) else {
        return Some(module.file.clone());
    };
    if module.foreign.contains(item) {
        return None;
    }
    if let Some(import) = module.uses.get(item)
        && depth < 8
    {
        let full = [&import.path[..], &path[length + 1..]].concat();
        return file_of(modules, &full, depth + 1);
    }
    Some(module.file.clone())
}

/// `a/mod.rs` and `a.rs` are module `a`; the root has no words.
fn module_of(file: &str) -> Path {
    let mut words: Path = file
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if words
        .last()
        .is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main"))
    {
        words.pop();
    }
    words
}

/// A path as seen from the root. What begins with neither `crate`, `super` nor `self` is a child's, or another crate's.
fn absolute(at: &[String], path: Path) -> Path {
    let mut base = at.to_vec();
    let mut words = path.into_iter().peekable();
    match words.peek().map(String::as_str) {
        Some("crate") => {
            base.clear();
            words.next();
        }
        Some("self") => {
            words.next();
        }
        _ => {
            while words.next_if(|word| word == "super").is_some() {
                base.pop();
            }
        }
    }
    base.extend(words);
    base
}

/// Source without comments and the insides of strings.
fn plain(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            raw.find("\"#").map_or(rest.len(), |end| end + 5)
        } else if first == '"' {
            string_bytes(rest)
        } else if first == '\''
            && (rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\''))
        {
            // A character, not a lifetime.
            let begin = if rest[1..].starts_with('\\') { 3 } else { 1 };
            rest[begin..]
                .find('\'')
                .map_or(rest.len(), |end| begin + end + 1)
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        out.push(' ');
        rest = &rest[skip..];
    }
    out
}

fn string_bytes(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Plain source without what is only there under `#[cfg(test)]`: a block, or one item.
fn without_tests(plain: &str) -> String {
    let mut out = String::new();
    let mut rest = plain;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at + "#[cfg(test)]".len()..];
        let mut depth = 0;
        let end = item.char_indices().find_map(|(at, c)| match c {
            '{' => {
                depth += 1;
                None
            }
            '}' => {
                depth -= 1;
                (depth <= 0).then_some(at + usize::from(depth == 0))
            }
            ';' | ',' if depth == 0 => Some(at + 1),
            _ => None,
        });
        rest = &item[end.unwrap_or(item.len())..];
    }
    out + rest
}

/// The code without its `use` lines, and those: whether each is public, and its tree.
fn split_uses(plain: &str) -> (String, Vec<(bool, String)>) {
    let (mut code, mut uses) = (String::new(), Vec::new());
    let mut statement = String::new();
    for line in plain.lines() {
        let trimmed = line.trim_start();
        let begins = trimmed.starts_with("use ")
            || trimmed.starts_with("pub")
                && trimmed.split_once(' ').is_some_and(|(first, rest)| {
                    (first == "pub" || first.starts_with("pub("))
                        && rest.trim_start_matches(|c| c != 'u').starts_with("use ")
                        && !rest.contains("fn ")
                });
        // `mod name;` declares a child, and takes nothing from it.
        let declares = trimmed.ends_with(';') && trimmed.split(' ').any(|word| word == "mod");
        if statement.is_empty() && declares {
            continue;
        }
        if statement.is_empty() && !begins {
            code.push_str(line);
            code.push('\n');
            continue;
        }
        statement.push_str(trimmed);
        statement.push(' ');
        if trimmed.ends_with(';') {
            let is_public = statement.starts_with("pub");
            if let Some((_, tree)) = statement.split_once("use ") {
                uses.push((is_public, tree.trim_end().trim_end_matches(';').to_owned()));
            }
            statement.clear();
        }
    }
    (code, uses)
}

/// Every path of a `use` tree, and the name that it has here.
fn expand(tree: &str) -> Vec<(Path, String)> {
    let tree = tree.trim();
    if let Some((head, rest)) = tree.split_once('{') {
        let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
        let head: Path = head
            .split("::")
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        return parts(inner)
            .into_iter()
            .flat_map(expand)
            .map(|(path, name)| match path.as_slice() {
                [only] if only == "self" => (
                    head.clone(),
                    if name == "self" {
                        head.last().cloned().unwrap_or_default()
                    } else {
                        name
                    },
                ),
                _ => ([&head[..], &path[..]].concat(), name),
            })
            .collect();
    }
    let (path, name) = match tree.split_once(" as ") {
        Some((path, name)) => (path, Some(name.trim().to_owned())),
        None => (tree, None),
    };
    let path: Path = path
        .split("::")
        .map(|word| word.trim().to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    let Some(last) = path.last().cloned() else {
        return Vec::new();
    };
    if last == "*" {
        return vec![(path[..path.len() - 1].to_vec(), last)];
    }
    vec![(path, name.unwrap_or(last))]
}

/// A list cut at the commas that stand in no braces.
fn parts(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(&list[begin..]);
    found.retain(|part| !part.trim().is_empty());
    found
}

/// Every path in code, macros left out: `a`, `a::b`.
fn paths_in(code: &str) -> BTreeSet<Path> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = BTreeSet::new();
    let mut rest = code;
    while let Some(begin) = rest.find(is_word) {
        let after_dot = rest[..begin].ends_with('.') && !rest[..begin].ends_with("..");
        let after_colons = rest[..begin].ends_with("::");
        rest = &rest[begin..];
        let mut path = Path::new();
        loop {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            path.push(rest[..end].to_owned());
            rest = &rest[end..];
            match rest.strip_prefix("::") {
                Some(more) if more.starts_with(is_word) => rest = more,
                _ => break,
            }
        }
        if !after_dot && !after_colons && !rest.starts_with('!') {
            found.insert(path);
        }
    }
    found
}
