//! Enums with numbers that others store: on the wire, in memory, in registers.
//!
//! `numbered!` is open: an unnamed byte is preserved as `Unknown(n)`. `closed!` rejects unnamed numbers, for
//! requests.

/// An enum over a `u8`, each value with its text; unknown numbers are preserved.
macro_rules! numbered {
    (
        $(#[$about:meta])*
        pub enum $name:ident, otherwise $unknown:literal {
            $( $(#[$doc:meta])* $variant:ident = $number:literal => $text:literal, )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[$doc])* $variant, )*
            /// A number that this version does not know.
            Unknown(u8),
        }

        impl $name {
            /// Every named value, in the order of the numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// Decodes a number; never fails.
            #[inline]
            pub const fn decode(number: u8) -> Self {
                match number {
                    $( $number => Self::$variant, )*
                    other => Self::Unknown(other),
                }
            }

            /// Encodes as a number; the inverse of `decode`.
            #[inline]
            pub const fn number(self) -> u8 {
                match self {
                    $( Self::$variant => $number, )*
                    Self::Unknown(number) => number,
                }
            }

            /// Its text, without the number of an unknown value.
            pub const fn text(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown(_) => $unknown,
                }
            }

            /// What `Display` prints of a named value; `None` for an unknown one, whose text has its number.
            pub const fn known_text(self) -> Option<&'static str> {
                match self {
                    Self::Unknown(_) => None,
                    known => Some(known.text()),
                }
            }

            /// Parses the text that `Display` prints.
            pub fn named(words: &str) -> Option<Self> {
                if let Some(known) = Self::ALL.iter().find(|value| value.text() == words) {
                    return Some(*known);
                }
                let number = words.strip_prefix($unknown)?.strip_prefix(' ')?;
                number.parse().ok().map(Self::decode)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    Self::Unknown(number) => write!(f, "{} {number}", $unknown),
                    known => f.write_str(known.text()),
                }
            }
        }
    };
}

/// An enum over a `usize`; `decode` returns `None` for an unnamed number.
macro_rules! closed {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $( $(#[$doc:meta])* $variant:ident = $number:literal, )*
        }
    ) => {
        $(#[$about])*
        #[repr(usize)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$doc])* $variant = $number, )*
        }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// Decodes a number; `None` if it is unnamed.
            #[inline]
            pub const fn decode(number: usize) -> Option<Self> {
                match number {
                    $( $number => Some(Self::$variant), )*
                    _ => None,
                }
            }

            /// Encodes as a number; the inverse of `decode`.
            #[inline]
            pub const fn number(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use {closed, numbered};
