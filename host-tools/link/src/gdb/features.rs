//! Registers listed in a target description.
//!
//! Format: "Debugging with GDB", appendix G. Only `<reg>` and `<xi:include>` are read.

use super::StubError;

/// Limit of nested includes.
const MOST_FILES: usize = 16;

/// A register of the target description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRegister {
    /// Name in the description, such as `satp`.
    pub name: String,
    /// Register number in gdb's protocol.
    pub number: u32,
    /// Width of the register in bits.
    pub bits: u32,
}

/// Parser of target descriptions.
#[derive(Default)]
pub struct FeatureReader {
    /// Registers found so far, in order.
    pub found: Vec<FeatureRegister>,
    next: u32,
    files: usize,
}

impl FeatureReader {
    /// Parses a file, and the files that it includes, which `fetch` returns.
    pub fn read(
        &mut self,
        text: &str,
        fetch: &mut dyn FnMut(&str) -> Result<String, StubError>,
    ) -> Result<(), StubError> {
        self.files += 1;
        if self.files > MOST_FILES {
            return Err(StubError::NoDescription);
        }
        for tag in text.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or(tag);
            if let Some(attributes) = tag.strip_prefix("reg ") {
                self.register(attributes);
            } else if let Some(attributes) = tag.strip_prefix("xi:include ")
                && let Some(file) = attribute(attributes, "href")
            {
                let text = fetch(file)?;
                self.read(&text, fetch)?;
            }
        }
        Ok(())
    }

    /// A register without a number has the number after the previous one.
    fn register(&mut self, attributes: &str) {
        let number = |name| attribute(attributes, name).and_then(|text| text.parse::<u32>().ok());
        let register = FeatureRegister {
            name: attribute(attributes, "name").unwrap_or_default().to_owned(),
            number: number("regnum").unwrap_or(self.next),
            bits: number("bitsize").unwrap_or_default(),
        };
        self.next = register.number.saturating_add(1);
        self.found.push(register);
    }
}

/// The value of attribute `name="…"`.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    while let Some(at) = rest.find(name) {
        let is_begin = rest[..at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace);
        rest = &rest[at + name.len()..];
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
        if let (true, Some(value)) = (is_begin, value) {
            let quote = value
                .chars()
                .next()
                .filter(|quote| "\"'".contains(*quote))?;
            return value[1..].split(quote).next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_counted_across_files() {
        let main = r#"<?xml version="1.0"?><target><xi:include href="cpu.xml"/>
            <feature name="csr"><reg name="satp" bitsize="64" regnum="449"/>
            <reg bitsize='32' name='last'/></feature></target>"#;
        let mut reader = FeatureReader::default();
        let mut fetch = |file: &str| {
            assert_eq!(file, "cpu.xml");
            Ok(r#"<feature name="cpu"><reg name="zero" bitsize="64"/><reg name="ra" bitsize="64" type="code_ptr"/></feature>"#.to_owned())
        };
        reader.read(main, &mut fetch).unwrap();
        let found: Vec<_> = reader
            .found
            .iter()
            .map(|it| (&*it.name, it.number, it.bits))
            .collect();
        assert_eq!(
            found,
            [
                ("zero", 0, 64),
                ("ra", 1, 64),
                ("satp", 449, 64),
                ("last", 450, 32)
            ]
        );
    }

    #[test]
    fn a_file_that_includes_itself_is_refused() {
        let main = r#"<xi:include href="again"/>"#;
        let read = FeatureReader::default().read(main, &mut |_| Ok(main.to_owned()));
        assert!(matches!(read, Err(StubError::NoDescription)));
    }
}
