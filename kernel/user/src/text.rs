//! Text to the console, a line in one system call.

use core::fmt::{self, Write};

use crate::call;

/// A command line for [`call::spawn`] or [`call::exec`]; what it has no room for is left out.
pub struct CommandLine {
    bytes: [u8; 96],
    used: usize,
}

impl CommandLine {
    /// The line that [`format_args!`] describes.
    pub fn of(words: fmt::Arguments<'_>) -> CommandLine {
        let mut line = CommandLine {
            bytes: [0; 96],
            used: 0,
        };
        let _ = line.write_fmt(words);
        line
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.used]).unwrap_or("")
    }
}

impl Write for CommandLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.used..self.used + text.len());
        room.ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}

/// Collects text and writes it when it is full or dropped; `\n` becomes `\r\n` in the kernel.
pub struct Out {
    bytes: [u8; 256],
    used: usize,
}

impl Out {
    /// An empty output buffer.
    pub fn new() -> Out {
        Out {
            bytes: [0; 256],
            used: 0,
        }
    }

    fn flush(&mut self) {
        // An error of the console cannot be reported.
        let _ = call::write(&self.bytes[..self.used]);
        self.used = 0;
    }
}

impl Default for Out {
    fn default() -> Out {
        Out::new()
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == self.bytes.len() {
                self.flush();
            }
            self.bytes[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Prints to the console, without a newline.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => {{
        use core::fmt::Write as _;
        let _ = write!($crate::text::Out::new(), $($text)*);
    }};
}

/// Prints a line to the console.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => {{
        use core::fmt::Write as _;
        let _ = writeln!($crate::text::Out::new(), $($text)*);
    }};
}
