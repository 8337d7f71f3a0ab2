//! Enums whose numbers are kept by others: on the wire, in memory, in registers.
//!
//! `numbered!` is open: a byte it has no name for stays whole as `Unknown(n)`.
//! `closed!` is for numbers that must be known to be obeyed.

/// An enum over a `u8`, each value with its words, unknown numbers kept.
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
            /// A number this version has no name for, kept as it came.
            Unknown(u8),
        }

        impl $name {
            /// Every value that has a name, in the order of their numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// What the number means.
            #[inline]
            pub const fn decode(number: u8) -> Self {
                match number {
                    $( $number => Self::$variant, )*
                    other => Self::Unknown(other),
                }
            }

            /// The number that stands for it.
            #[inline]
            pub const fn number(self) -> u8 {
                match self {
                    $( Self::$variant => $number, )*
                    Self::Unknown(number) => number,
                }
            }

            /// Its words, without the number of an unknown one.
            pub const fn text(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown(_) => $unknown,
                }
            }

            /// The value whose words these are, as its `Display` prints them.
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

/// An enum over a `usize`; `decode` answers `None` for a number without a name.
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
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// What the number asks for, `None` if nothing.
            #[inline]
            pub const fn decode(number: usize) -> Option<Self> {
                match number {
                    $( $number => Some(Self::$variant), )*
                    _ => None,
                }
            }

            /// The number that stands for it.
            #[inline]
            pub const fn number(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use {closed, numbered};
