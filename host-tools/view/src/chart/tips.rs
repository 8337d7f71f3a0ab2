//! Tooltips of an SVG: what a viewer shows where the pointer rests.
//!
//! The drawing library knows none, so they are areas without paint above the picture, each with a `<title>`.

use std::fmt::Write;

/// Areas and their texts, in the order in which they are found: a later one lies above an earlier one.
#[derive(Debug, Default)]
pub struct Tips {
    elements: String,
}

impl Tips {
    /// Shows `words` between two corners, in pixels of the picture. An area without height or width is one pixel.
    pub fn add(&mut self, corners: [(i32, i32); 2], words: impl AsRef<str>) {
        let [(left, top), (right, bottom)] = corners;
        let (x, y) = (left.min(right), top.min(bottom));
        let (width, height) = (left.abs_diff(right).max(1), top.abs_diff(bottom).max(1));
        let words = escaped(words.as_ref());
        let written = writeln!(
            self.elements,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"none\" \
             pointer-events=\"all\"><title>{words}</title></rect>"
        );
        written.expect("a string grows");
    }

    /// The SVG with the tooltips above all that it has.
    pub(super) fn inserted(&self, mut svg: String) -> String {
        if let Some(end) = svg.rfind("</svg>") {
            svg.insert_str(end, &self.elements);
        }
        svg
    }
}

/// As text of XML: names come from memory of the target. What XML cannot hold at all becomes `?`.
fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for letter in words.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\n' => text.push('\n'),
            letter if letter.is_control() => text.push('?'),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_target_stays_text() {
        let mut tips = Tips::default();
        tips.add([(9, 8), (2, 8)], "a</title><script>&\u{1b}\nb");
        let svg = tips.inserted("<svg>\n</svg>\n".to_owned());
        let words = "<rect x=\"2\" y=\"8\" width=\"7\" height=\"1\" fill=\"none\" \
                     pointer-events=\"all\"><title>a&lt;/title&gt;&lt;script&gt;&amp;?\nb</title></rect>\n";
        assert_eq!(svg, format!("<svg>\n{words}</svg>\n"));
    }
}
