//! The prose of the tree: what comments, messages and pages say, apart from code.

/// A line of prose, with its place.
pub struct Prose {
    pub file: String,
    /// From 1.
    pub line: usize,
    pub text: String,
}

/// The prose of a Rust source: comments, and strings of more than one word. Code in backticks is left out, since an
/// old name may be a promise.
pub fn of_rust(file: &str, source: &str) -> Vec<Prose> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => string(rest),
            // A character, so that a quote in it begins no string; a lifetime has no second quote near.
            '\'' if rest[1..].starts_with(['"', '\\']) => 4.min(rest.len()),
            other => other.len_utf8(),
        };
        let piece = &rest[..length];
        let is_message = first == '"' && piece.trim().contains(' ');
        if piece.starts_with("//") || is_message {
            found.extend(piece.lines().enumerate().map(|(more, text)| Prose {
                file: file.to_owned(),
                line: line + more,
                text: without_code(&without_names(text)),
            }));
        }
        line += piece.matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// Length of the string literal at the start of `text`, both quotes included.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '"' if !is_escaped => return at + 1,
            _ => is_escaped = letter == '\\' && !is_escaped,
        }
    }
    text.len()
}

/// The prose of a Markdown page: everything outside of fenced blocks and backticks.
pub fn of_markdown(file: &str, page: &str) -> Vec<Prose> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (line, text) in page.lines().enumerate() {
        if text.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            found.push(Prose {
                file: file.to_owned(),
                line: line + 1,
                text: without_code(text),
            });
        }
    }
    found
}

/// The prose of a file that is neither Rust nor Markdown: comments after `#` or `//`, and lines of block comments.
pub fn of_comments(file: &str, source: &str) -> Vec<Prose> {
    let comment = |line: &str| {
        let text = line.trim_start();
        let begins = text.starts_with("* ") || text.starts_with("/*");
        let at = [line.find("# "), line.find("// ")];
        match (begins, at.into_iter().flatten().min()) {
            (true, _) => Some(text.to_owned()),
            (false, at) => at.map(|at| line[at..].to_owned()),
        }
    };
    let lines = source.lines().enumerate();
    lines
        .filter_map(|(at, line)| {
            Some(Prose {
                file: file.to_owned(),
                line: at + 1,
                text: without_code(&comment(line)?),
            })
        })
        .collect()
}

/// A name between braces is a variable of the program, which the message shows by its value.
fn without_names(text: &str) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for letter in text.chars() {
        depth += i32::from(letter == '{');
        if depth <= 0 {
            kept.push(letter);
        }
        depth -= i32::from(letter == '}' && depth > 0);
    }
    kept
}

/// Every second part between backticks is code.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// How often `term`, in lower case, occurs as whole words.
pub fn occurrences(text: &str, term: &str) -> usize {
    let text = text.to_lowercase();
    let is_edge = |letter: Option<char>| letter.is_none_or(|it| !it.is_alphanumeric() && it != '_');
    text.match_indices(term)
        .filter(|(at, _)| {
            let (before, after) = (&text[..*at], &text[at + term.len()..]);
            is_edge(before.chars().next_back()) && is_edge(after.chars().next())
        })
        .count()
}

/// The documentation comments of a Rust source, each as its number of words.
pub fn doc_lengths(source: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut is_inside = false;
    for line in source.lines() {
        let text = line.trim_start().strip_prefix("///");
        if let Some(text) = text {
            let words = text.split_whitespace().count();
            match (is_inside, lengths.last_mut()) {
                (true, Some(length)) => *length += words,
                _ => lengths.push(words),
            }
        }
        is_inside = text.is_some();
    }
    lengths
}
