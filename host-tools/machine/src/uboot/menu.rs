//! extlinux.conf, token by token as U-Boot reads it.
//!
//! Source: U-Boot 2023.04, boot/pxe_utils.c. A value reaches to the end of its line, blanks and a carriage
//! return included; a word that is no keyword ends the label it stands in.

/// An entry of the menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// What `DEFAULT` names it by.
    pub name: String,
    pub kernel: Option<String>,
    pub initrd: Option<String>,
    pub fdt: Option<String>,
    pub fdtdir: Option<String>,
    pub append: Option<String>,
    pub localboot: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Menu {
    pub labels: Vec<Label>,
    pub default: Option<String>,
    pub timeout: i64,
    /// Words that mean nothing to U-Boot.
    pub ignored: Vec<String>,
}

impl Menu {
    /// Reads one. Where U-Boot gives up on the whole file, the error is what it has ignored until then.
    pub fn read(text: &str) -> Result<Menu, Vec<String>> {
        let mut menu = Menu::default();
        match menu.fill(text) {
            Some(()) => Ok(menu),
            None => Err(menu.ignored),
        }
    }

    fn fill(&mut self, text: &str) -> Option<()> {
        let mut reader = MenuReader { rest: text };
        loop {
            let before = reader.rest;
            match reader.keyword() {
                Token::End => return Some(()),
                Token::Line => {}
                Token::Text(word) => match word.as_str() {
                    "menu" => {
                        reader.keyword();
                        reader.skip_line();
                    }
                    "timeout" => self.timeout = reader.number()?,
                    "prompt" => {
                        reader.number();
                    }
                    "default" | "ontimeout" => self.default = Some(reader.value()?),
                    "label" => {
                        let label = reader.label()?;
                        self.labels.push(label);
                    }
                    "include" => {
                        reader.value()?;
                    }
                    _ => {
                        // It prints the word, with the blanks before it.
                        let word = &before[..before.len() - reader.rest.len()];
                        self.ignored.push(word.to_owned());
                        reader.skip_line();
                    }
                },
            }
        }
    }

    /// Which entries are tried, in order: the default, then those that were not tried yet.
    pub fn order(&self) -> impl Iterator<Item = &Label> {
        let is_default = |label: &&Label| Some(&label.name) == self.default.as_ref();
        let first = self.labels.iter().find(is_default);
        let others = self
            .labels
            .iter()
            .filter(move |label| first.is_none_or(|first| !std::ptr::eq(first, *label)));
        first.into_iter().chain(others)
    }
}

enum Token {
    Text(String),
    Line,
    End,
}

struct MenuReader<'a> {
    rest: &'a str,
}

impl MenuReader<'_> {
    /// Blanks and a comment are skipped before every token.
    fn begin(&mut self) -> Option<Token> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        if self.rest.starts_with('#') {
            self.skip_line();
        }
        if let Some(rest) = self.rest.strip_prefix('\n') {
            self.rest = rest;
            return Some(Token::Line);
        }
        self.rest.is_empty().then_some(Token::End)
    }

    fn take(&mut self, ends: impl Fn(char) -> bool) -> String {
        let at = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(at);
        self.rest = rest;
        text.to_owned()
    }

    fn keyword(&mut self) -> Token {
        self.begin().unwrap_or_else(|| {
            let word = self.take(|c| c.is_ascii_whitespace() || c == '\x0b');
            if word.is_empty() {
                // A blank that is neither of those before: it is passed, as a token of no length.
                self.rest = self.rest.get(1..).unwrap_or_default();
            }
            Token::Text(word.to_ascii_lowercase())
        })
    }

    /// To the end of the line; none is an error of the whole file.
    fn value(&mut self) -> Option<String> {
        match self.begin() {
            None => Some(self.take(|c| c == '\n')),
            Some(_) => None,
        }
    }

    /// A value that counts once. After a keyword that comes again U-Boot does not look for one: what stands there is
    /// read as the next keyword.
    fn first_value(&mut self, known: &mut Option<String>) -> Option<()> {
        if known.is_none() {
            *known = Some(self.value()?);
        }
        Some(())
    }

    fn number(&mut self) -> Option<i64> {
        let value = self.value()?;
        let end = value
            .char_indices()
            .find(|(at, c)| !(c.is_ascii_digit() || *at == 0 && *c == '-'))
            .map_or(value.len(), |(at, _)| at);
        Some(value[..end].parse().unwrap_or(0))
    }

    fn skip_line(&mut self) {
        self.take(|c| c == '\n');
    }

    fn label(&mut self) -> Option<Label> {
        let mut label = Label {
            name: self.value()?,
            ..Label::default()
        };
        let mut overlays = None;
        loop {
            let before = self.rest;
            match self.keyword() {
                Token::Line => continue,
                Token::Text(word) => match word.as_str() {
                    "menu" => {
                        self.keyword();
                        self.skip_line();
                        continue;
                    }
                    "kernel" | "linux" => {
                        let path = self.value()?;
                        // What follows names a configuration of a FIT.
                        let path = path.split('#').next().unwrap_or_default();
                        label.kernel = Some(path.to_owned());
                        continue;
                    }
                    "append" => {
                        label.append = Some(self.value()?);
                        let append = label.append.as_deref().unwrap_or_default();
                        if let (None, Some((_, rest))) =
                            (&label.initrd, append.split_once("initrd="))
                        {
                            let path = rest.split(' ').next().unwrap_or_default();
                            label.initrd = Some(path.to_owned());
                        }
                        continue;
                    }
                    "initrd" => {
                        self.first_value(&mut label.initrd)?;
                        continue;
                    }
                    "fdt" | "devicetree" => {
                        self.first_value(&mut label.fdt)?;
                        continue;
                    }
                    "fdtdir" | "devicetreedir" => {
                        self.first_value(&mut label.fdtdir)?;
                        continue;
                    }
                    "fdtoverlays" | "devicetree-overlay" => {
                        self.first_value(&mut overlays)?;
                        continue;
                    }
                    "localboot" => {
                        label.localboot = true;
                        self.number()?;
                        continue;
                    }
                    "ipappend" => {
                        self.number()?;
                        continue;
                    }
                    "kaslrseed" => continue,
                    _ => {}
                },
                Token::End => {}
            }
            self.rest = before;
            return Some(label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_keyword_that_comes_again_is_read_as_a_keyword() {
        let menu = Menu::read("label a\n fdt /x\n fdt\n kernel /Image\n fdt /y\n append z\n");
        let menu = menu.expect("a second fdt needs no value");
        assert_eq!(menu.labels[0].fdt.as_deref(), Some("/x"));
        assert_eq!(menu.labels[0].kernel.as_deref(), Some("/Image"));
        // The word `/y` is no keyword, and ends the label.
        assert_eq!(
            (&menu.labels[0].append, &*menu.ignored),
            (&None, &[" /y".to_owned(), " append".to_owned()][..])
        );
    }

    #[test]
    fn the_stock_file_whose_default_is_no_label_tries_the_first() {
        let text = "TIMEOUT 30\nDEFAULT Pine64 OX64 Kernel\nLABEL Pine64 0X64 Kernel\n  KERNEL ../Image\n  FDT ../ox64.dtb\nLABEL other\n kernel /b\n initrd /c\n";
        let menu = Menu::read(text).expect("it is read");
        let names: Vec<&str> = menu.order().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["Pine64 0X64 Kernel", "other"]);
        assert_eq!(menu.labels[0].fdt.as_deref(), Some("../ox64.dtb"));
        assert_eq!(menu.timeout, 30);
    }

    #[test]
    fn a_value_keeps_what_stands_at_the_end_of_its_line() {
        let menu = Menu::read("label a\r\n kernel /Image\r\n").expect("it is read");
        assert_eq!(menu.labels[0].kernel.as_deref(), Some("/Image\r"));
    }

    #[test]
    fn a_word_that_is_no_keyword_ends_the_label_and_a_missing_value_the_file() {
        let menu = Menu::read("label a\n kernal /Image\n fdt /x\n").expect("it is read");
        assert_eq!(menu.labels[0].kernel, None);
        assert_eq!(menu.labels[0].fdt, None);
        assert_eq!(menu.ignored, [" kernal", " fdt"]);
        assert_eq!(
            Menu::read("colour\nlabel a\n kernel\n"),
            Err(vec!["colour".to_owned()])
        );
    }

    #[test]
    fn the_default_comes_first_and_the_others_after_it() {
        let menu = Menu::read("default b\nlabel a\nlabel b\nlabel c").expect("it is read");
        let names: Vec<&str> = menu.order().map(|label| label.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "c"]);
    }
}
