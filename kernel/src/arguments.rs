//! Boot arguments: the few words of the kernel command line that mean something.

use core::fmt;

use crate::fault::OomPolicy;
use crate::harts::MAX_HARTS;
use crate::mm::Policy;
use crate::tree;

/// Fault records kept when the arguments do not say; also the fewest.
const LOG_RECORDS: usize = 4096;
/// The most: 64 MiB of records.
const LOG_RECORDS_LIMIT: usize = 1 << 20;

/// The slowest store, in milliseconds a page: the shell itself has 20 pages.
const IMAGE_DELAY_LIMIT: u64 = 10_000;

/// The largest backing store, in bytes: an entry of Sv32 has 22 bits for a slot.
const STORE_LIMIT: u64 = 1 << 30;

/// Which backing store there is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreArgument {
    /// Pages that are as they were at first are dropped; others stay.
    Rom,
    /// Part of RAM.
    Ram {
        /// Its length in pages.
        pages: u32,
    },
    /// Part of RAM, with compressed pages.
    Zip {
        /// Its length in pages, without the tables.
        pages: u32,
    },
}

/// What the arguments ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelArguments {
    /// `pool=4M`: the page pool, in frames of 4 KiB; all RAM if absent.
    pub pool_frames: Option<u32>,
    /// `arena=0x50000000`: the piece of RAM with that address is used first.
    pub arena: Option<u64>,
    /// `fast=off`: no fault takes the fast path.
    pub fast: bool,
    /// `zeroed=off`: an idle hart gets no frames ready.
    pub zeroed: bool,
    /// `log=8192`: records the fault log keeps, at least 4,096.
    pub log_records: usize,
    /// `initrd.verify=1`: check every byte of the initrd, and of the kernel's text.
    pub verify: bool,
    /// `image.delay=20`: each page of a program comes after so many milliseconds, as from a slow card; at
    /// once if absent.
    pub image_delay_ms: Option<u64>,
    /// `harts=2`: so many harts run the kernel at most, the one that boots among them.
    pub harts: usize,
    /// `store=ram:4M`: where pages of programs go when frames are short; nowhere if absent.
    pub store: Option<StoreArgument>,
    /// `evict=nru`: how the pages that go are chosen.
    pub evict: Policy,
    /// `oom=kill-largest`: who ends when no frame can be had.
    pub oom: OomPolicy,
    /// `frames=1`: event frames from the start, without waiting for a hello.
    pub frames: bool,
}

/// Why a word of the arguments is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentProblem {
    /// No argument has that name.
    Unknown,
    /// What may stand behind the `=`.
    Bad(&'static str),
    /// A word before it has the same name, and counts.
    Twice,
}

impl fmt::Display for ArgumentProblem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ArgumentProblem::Unknown => {
                f.write_str("no such argument; known:")?;
                NAMES.iter().try_for_each(|name| write!(f, " {name}"))
            }
            ArgumentProblem::Bad(wanted) => write!(f, "the value must be {wanted}"),
            ArgumentProblem::Twice => f.write_str("understood before; the first one counts"),
        }
    }
}

impl KernelArguments {
    /// What is done when nothing is asked for.
    const DEFAULT: KernelArguments = KernelArguments {
        pool_frames: None,
        arena: None,
        fast: true,
        zeroed: true,
        log_records: LOG_RECORDS,
        verify: false,
        image_delay_ms: None,
        harts: MAX_HARTS,
        store: None,
        evict: Policy::Clock,
        oom: OomPolicy::KillFaulter,
        frames: false,
    };

    /// Reads the words; one that cannot be read means what its absence means, and
    /// [`Self::not_understood`] names it.
    pub fn read(words: &tree::BootArguments) -> KernelArguments {
        let mut arguments = KernelArguments::DEFAULT;
        let mut seen = 0;
        for word in words.words() {
            let _ = arguments.follow(word, &mut seen);
        }
        arguments
    }

    /// Every word that is not followed, and why.
    pub fn not_understood(
        words: &tree::BootArguments,
    ) -> impl Iterator<Item = (&str, ArgumentProblem)> {
        let (mut arguments, mut seen) = (KernelArguments::DEFAULT, 0);
        words.words().filter_map(move |word| {
            arguments
                .follow(word, &mut seen)
                .err()
                .map(|why| (word, why))
        })
    }

    /// Does what one word asks for. `seen` has a bit for each name that was followed before.
    fn follow(&mut self, word: &str, seen: &mut u32) -> Result<(), ArgumentProblem> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let place = NAMES.iter().position(|known| *known == name);
        let bit = 1 << place.ok_or(ArgumentProblem::Unknown)?;
        if *seen & bit != 0 {
            return Err(ArgumentProblem::Twice);
        }
        self.set(name, value)?;
        *seen |= bit;
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), ArgumentProblem> {
        match name {
            "pool" => {
                let bytes = size(value).filter(|&bytes| bytes >= 4096);
                let bytes =
                    bytes.ok_or(ArgumentProblem::Bad("a size of at least 4K, as in pool=4M"))?;
                self.pool_frames = Some(u32::try_from(bytes / 4096).unwrap_or(u32::MAX));
            }
            "arena" => {
                let at = address(value)
                    .ok_or(ArgumentProblem::Bad("an address, as in arena=0x50000000"))?;
                self.arena = Some(at);
            }
            "fast" => self.fast = switch(value, "off", "on")?,
            "zeroed" => self.zeroed = switch(value, "off", "on")?,
            "log" => {
                let wanted = ArgumentProblem::Bad("a number of records, 4096 to 1048576");
                let records: usize = value.parse().map_err(|_| wanted)?;
                // The nearest number that can be; but it is not what was asked for.
                self.log_records = records.clamp(LOG_RECORDS, LOG_RECORDS_LIMIT);
                if self.log_records != records {
                    return Err(wanted);
                }
            }
            "initrd.verify" => self.verify = switch(value, "0", "1")?,
            "image.delay" => {
                let delay = value
                    .parse()
                    .ok()
                    .filter(|ms| (1..=IMAGE_DELAY_LIMIT).contains(ms));
                let wanted =
                    ArgumentProblem::Bad("milliseconds a page, 1 to 10000, as in image.delay=20");
                self.image_delay_ms = Some(delay.ok_or(wanted)?);
            }
            "harts" => {
                let harts = value.parse().ok();
                let harts = harts.filter(|harts| (1..=MAX_HARTS).contains(harts));
                self.harts = harts.ok_or(ArgumentProblem::Bad("a number of harts, 1 to 8"))?;
            }
            "store" => {
                let wanted = "rom, ram:SIZE or zip:SIZE, of 4K to 1G, as in store=zip:4M";
                self.store = Some(store(value).ok_or(ArgumentProblem::Bad(wanted))?);
            }
            "evict" => {
                let policy = Policy::named(value);
                self.evict = policy.ok_or(ArgumentProblem::Bad("clock, nru or lru"))?;
            }
            "oom" => {
                let policy = OomPolicy::named(value);
                self.oom = policy.ok_or(ArgumentProblem::Bad("kill-faulter or kill-largest"))?;
            }
            _ => self.frames = switch(value, "0", "1")?,
        }
        Ok(())
    }
}

/// The names, in the order in which they are shown.
const NAMES: [&str; 12] = [
    "pool",
    "arena",
    "fast",
    "zeroed",
    "log",
    "initrd.verify",
    "image.delay",
    "harts",
    "store",
    "evict",
    "oom",
    "frames",
];

fn store(value: &str) -> Option<StoreArgument> {
    if value == "rom" {
        return Some(StoreArgument::Rom);
    }
    let (kind, bytes) = value.split_once(':')?;
    let bytes = size(bytes).filter(|bytes| (4096..=STORE_LIMIT).contains(bytes))?;
    let pages = u32::try_from(bytes / 4096).ok()?;
    match kind {
        "ram" => Some(StoreArgument::Ram { pages }),
        "zip" => Some(StoreArgument::Zip { pages }),
        _ => None,
    }
}

fn switch(value: &str, off: &str, on: &str) -> Result<bool, ArgumentProblem> {
    match value {
        _ if value == off => Ok(false),
        _ if value == on => Ok(true),
        _ if on == "1" => Err(ArgumentProblem::Bad("0 or 1")),
        _ => Err(ArgumentProblem::Bad("on or off")),
    }
}

fn address(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// A size in bytes with an optional suffix K, M or G.
fn size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' | b'k' => (&text[..text.len() - 1], 10),
        b'M' | b'm' => (&text[..text.len() - 1], 20),
        b'G' | b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_take_the_usual_suffixes() {
        assert_eq!(size("4M"), Some(4 << 20));
        assert_eq!(size("512k"), Some(512 << 10));
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("1G"), Some(1 << 30));
        for bad in ["", "M", "4X", "-1", "99999999999G"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_as_if_absent() {
        let read = |text: &str| KernelArguments::read(&tree::BootArguments::new(text));
        let plain = read("");
        assert_eq!(
            plain,
            KernelArguments {
                pool_frames: None,
                arena: None,
                fast: true,
                zeroed: true,
                log_records: 4096,
                verify: false,
                image_delay_ms: None,
                harts: MAX_HARTS,
                store: None,
                evict: Policy::Clock,
                oom: OomPolicy::KillFaulter,
                frames: false
            }
        );
        assert_eq!(
            read(
                "pool=lots log=few initrd.verify=yes image.delay=0 arena=here fast=no harts=9 store=disk evict=best oom=kill-all"
            ),
            plain
        );
        let all = read(
            "pool=4M arena=0x50000000 fast=off zeroed=off log=8192 initrd.verify=1 image.delay=20 harts=3 store=ram:4M evict=lru oom=kill-largest frames=1",
        );
        assert_eq!(
            all,
            KernelArguments {
                pool_frames: Some(1024),
                arena: Some(0x5000_0000),
                fast: false,
                zeroed: false,
                log_records: 8192,
                verify: true,
                image_delay_ms: Some(20),
                harts: 3,
                store: Some(StoreArgument::Ram { pages: 1024 }),
                evict: Policy::Lru,
                oom: OomPolicy::KillLargest,
                frames: true
            }
        );
        assert_eq!(read("log=1").log_records, 4096);
        assert_eq!(read("store=rom").store, Some(StoreArgument::Rom));
        let zip = Some(StoreArgument::Zip { pages: 2 });
        assert_eq!(read("store=zip:8K").store, zip);
        for bad in ["store=ram", "store=ram:1K", "store=ram:2G", "store=tape:4M"] {
            assert_eq!(read(bad).store, None, "{bad}");
        }
    }

    #[test]
    fn every_wrong_boot_argument_is_named_with_its_reason() {
        let words = tree::BootArguments::new(
            "root=/dev/vda pool=lots quiet fast=no log=-3 log=99999999 arena=80000000 pool=4M frames frames=1 frames=0",
        );
        let found: Vec<_> = KernelArguments::not_understood(&words).collect();
        let bad = |word, wanted| (word, ArgumentProblem::Bad(wanted));
        assert_eq!(
            found,
            [
                ("root=/dev/vda", ArgumentProblem::Unknown),
                bad("pool=lots", "a size of at least 4K, as in pool=4M"),
                ("quiet", ArgumentProblem::Unknown),
                bad("fast=no", "on or off"),
                bad("log=-3", "a number of records, 4096 to 1048576"),
                bad("log=99999999", "a number of records, 4096 to 1048576"),
                bad("arena=80000000", "an address, as in arena=0x50000000"),
                bad("frames", "0 or 1"),
                ("frames=0", ArgumentProblem::Twice),
            ]
        );
        let wanted = KernelArguments {
            pool_frames: Some(1024),
            log_records: LOG_RECORDS_LIMIT,
            frames: true,
            ..KernelArguments::DEFAULT
        };
        assert_eq!(KernelArguments::read(&words), wanted);
    }

    #[test]
    fn a_right_boot_argument_is_not_complained_about() {
        let words = tree::BootArguments::new(
            "pool=4M arena=0x50000000 fast=on zeroed=off log=8192 initrd.verify=0 store=rom evict=nru oom=kill-faulter frames=1",
        );
        assert_eq!(KernelArguments::not_understood(&words).count(), 0);
    }
}
