//! What silicon refuses and an emulator forgives: the rules, and what was found to break them.

use std::collections::BTreeMap;
use std::fmt;

use crate::carrier::{Carrier, SnapshotError};

/// One rule; each can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SiliconRule {
    /// A leaf with A clear is a page fault at any access.
    AccessedClear,
    /// A leaf with D clear is a page fault at a store.
    DirtyClear,
    /// The walker reads tables through the cache: what was written past it is not seen.
    WalkPastCache,
    /// `dcache.iall` throws dirty lines away.
    DirtyLinesLost,
    /// Instructions that were written are seen after `fence.i` only.
    CodeWithoutFence,
    /// Device accesses without strong order are widened and merged.
    DeviceNotOrdered,
    /// A fetch from a strongly ordered page is an access fault.
    FetchFromDevice,
    /// RAM that is typed as a device: slow, and every access of it is alone.
    RamTypedAsDevice,
    /// RAM that is not cacheable: what the cache holds of it is not seen.
    RamNotCacheable,
    /// Bits 59 to 63 without MAEE, and 54 to 58 always, are reserved.
    ReservedBits,
    /// A superpage whose address is not a multiple of its size is a page fault.
    MisalignedSuperpage,
    /// A translation is used that the tables do not hold any more.
    StaleTranslation,
    /// A fence was missing after an entry became valid.
    NegativeTranslation,
    /// `sc` without the reservation that a trap has taken.
    ReservationLost,
    /// An access that the loader's PMP entries, or the bus, do not let through.
    OutsidePmp,
    /// A device's register accessed in a width that it does not have.
    DeviceWidth,
    /// The UART runs at another rate than the terminal.
    WrongBaud,
    /// A byte came and the UART's FIFO was full.
    ByteLost,
    /// The PLIC has no register of S-mode's there: another context's, or none.
    PlicOffset,
}

struct RuleText {
    name: &'static str,
    text: &'static str,
    source: &'static str,
}

impl SiliconRule {
    #[rustfmt::skip]
    pub const ALL: [SiliconRule; 19] = [
        SiliconRule::AccessedClear, SiliconRule::DirtyClear, SiliconRule::WalkPastCache, SiliconRule::DirtyLinesLost,
        SiliconRule::CodeWithoutFence, SiliconRule::DeviceNotOrdered, SiliconRule::FetchFromDevice, SiliconRule::RamTypedAsDevice,
        SiliconRule::RamNotCacheable, SiliconRule::ReservedBits, SiliconRule::MisalignedSuperpage, SiliconRule::StaleTranslation,
        SiliconRule::NegativeTranslation, SiliconRule::ReservationLost, SiliconRule::OutsidePmp, SiliconRule::DeviceWidth,
        SiliconRule::WrongBaud, SiliconRule::ByteLost, SiliconRule::PlicOffset,
    ];

    #[rustfmt::skip]
    const fn words(self) -> RuleText {
        let (name, text, source) = match self {
            SiliconRule::AccessedClear => ("a-clear", "page fault: the leaf's A is clear, and the hart does not set it", "C906 User Manual, \"MMU\""),
            SiliconRule::DirtyClear => ("d-clear", "page fault at a store: the leaf's D is clear, and the hart does not set it", "C906 User Manual, \"MMU\""),
            SiliconRule::WalkPastCache => ("walk-past-cache", "the walker reads an old entry: the table was written past the data cache", "openc906 aq_lsu_dc.v"),
            SiliconRule::DirtyLinesLost => ("dirty-lines-lost", "dcache.iall threw away lines that were not written back", "XTheadCmo, dcache.iall"),
            SiliconRule::CodeWithoutFence => ("code-without-fence", "old instructions are executed: no fence.i since they were written", "Zifencei, fence.i"),
            SiliconRule::DeviceNotOrdered => ("device-not-ordered", "device access without strong order: widened and merged with its neighbours", "XTheadMae, SO"),
            SiliconRule::FetchFromDevice => ("fetch-from-device", "access fault: instruction fetch from a strongly ordered page", "openc906 aq_mmu_utlb.v"),
            SiliconRule::RamTypedAsDevice => ("ram-typed-as-device", "RAM is mapped with strong order: neither cached nor buffered", "XTheadMae, SO"),
            SiliconRule::RamNotCacheable => ("ram-not-cacheable", "RAM is mapped non-cacheable: what the data cache holds of it is not seen", "XTheadMae, C"),
            SiliconRule::ReservedBits => ("reserved-bits", "page fault: reserved bits of the entry are set", "Privileged ISA, \"Sv39\""),
            SiliconRule::MisalignedSuperpage => ("misaligned-superpage", "page fault: a superpage that does not lie at a multiple of its size", "Privileged ISA, \"Virtual Address Translation Process\""),
            SiliconRule::StaleTranslation => ("stale-translation", "a translation was used that the tables do not hold: no sfence.vma since they changed", "Privileged ISA, \"sfence.vma\""),
            SiliconRule::NegativeTranslation => ("negative-translation", "page fault though the entry is valid: no sfence.vma since it became so", "Privileged ISA, \"sfence.vma\""),
            SiliconRule::ReservationLost => ("reservation-lost", "sc fails: a trap came since its lr", "C906 User Manual, \"LR/SC\""),
            SiliconRule::OutsidePmp => ("outside-pmp", "access fault: no PMP entry of the loader lets this through, or nothing is there", "OBLFR d0_lowload, PMP"),
            SiliconRule::DeviceWidth => ("device-width", "access fault: this device's registers are 32 bits wide", "C906 User Manual, \"PLIC\""),
            SiliconRule::WrongBaud => ("wrong-baud", "the UART's divisor gives another rate than the terminal's: the text is garbled", "BL808 Reference Manual, \"UART\""),
            SiliconRule::ByteLost => ("byte-lost", "a byte was received and the FIFO of 32 was full", "BL808 Reference Manual, \"UART\""),
            SiliconRule::PlicOffset => ("plic-offset", "S-mode has no register of the PLIC there: reads are 0, writes are dropped", "C906 User Manual, \"PLIC\""),
        };
        RuleText { name, text, source }
    }

    /// Its name on command lines and in tables: lower case, with dashes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.words().name
    }

    /// The rule of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<SiliconRule> {
        SiliconRule::ALL
            .into_iter()
            .find(|rule| rule.name() == name)
    }

    #[must_use]
    pub const fn text(self) -> &'static str {
        self.words().text
    }

    /// Which manual says so, and where.
    #[must_use]
    pub const fn source(self) -> &'static str {
        self.words().source
    }
}

impl fmt::Display for SiliconRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A place in a program that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: SiliconRule,
    pub pc: u64,
    /// What it accessed, the first time.
    pub address: u64,
    pub count: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            rule,
            pc,
            address,
            count,
        } = self;
        write!(f, "{rule}: pc {pc:#x}, address {address:#x}")?;
        if *count > 1 {
            write!(f, ", {count} times")?;
        }
        write!(f, ": {} ({})", rule.text(), rule.source())
    }
}

/// Places that are kept apart; what comes after is counted with the first of its rule.
const MOST: usize = 1000;

#[derive(Clone, Debug, Default)]
pub struct Violations {
    by_place: BTreeMap<(SiliconRule, u64), (u64, u64)>,
    /// Rules that are not looked for.
    off: Vec<SiliconRule>,
}

impl Violations {
    /// None yet; the rules in `off` will not be looked for.
    #[must_use]
    pub fn new(off: Vec<SiliconRule>) -> Violations {
        Violations {
            by_place: BTreeMap::new(),
            off,
        }
    }

    #[must_use]
    pub fn is_on(&self, rule: SiliconRule) -> bool {
        !self.off.contains(&rule)
    }

    /// Counts one, if its rule is on. Answers whether it is.
    pub fn count(&mut self, rule: SiliconRule, pc: u64, address: u64) -> bool {
        if !self.is_on(rule) {
            return false;
        }
        let is_full = self.by_place.len() >= MOST;
        let mut place = (rule, pc);
        if is_full && !self.by_place.contains_key(&place) {
            let first = self.by_place.range((rule, 0)..=(rule, u64::MAX)).next();
            place = first.map_or(place, |(first, _)| *first);
        }
        let count = &mut self.by_place.entry(place).or_insert((address, 0)).1;
        *count = count.saturating_add(1);
        true
    }

    /// Every place, by rule and then by pc.
    pub fn iter(&self) -> impl Iterator<Item = Violation> + '_ {
        let one =
            |(&(rule, pc), &(address, count)): (&(SiliconRule, u64), &(u64, u64))| Violation {
                rule,
                pc,
                address,
                count,
            };
        self.by_place.iter().map(one)
    }

    /// Looks for this rule no more.
    pub fn forgive(&mut self, rule: SiliconRule) {
        self.off.push(rule);
    }

    /// See `snapshot`.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        let number = |rule: &SiliconRule| {
            let at = SiliconRule::ALL.iter().position(|it| it == rule);
            at.unwrap_or_default() as u64
        };
        let rule = |number: u64| {
            let found = usize::try_from(number).ok();
            let found = found.and_then(|at| SiliconRule::ALL.get(at));
            found.copied().ok_or(SnapshotError::Value("such rule"))
        };
        let places = self.by_place.iter();
        let mut places = places
            .map(|((rule, pc), (address, count))| [number(rule), *pc, *address, *count])
            .collect();
        carrier.list(&mut places)?;
        let mut off = self.off.iter().map(|rule| [number(rule)]).collect();
        carrier.list(&mut off)?;
        let one =
            |[number, pc, address, count]: [u64; 4]| Ok(((rule(number)?, pc), (address, count)));
        self.by_place = places.into_iter().map(one).collect::<Result<_, _>>()?;
        self.off = off
            .into_iter()
            .map(|[it]| rule(it))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    /// How often a rule was broken.
    #[must_use]
    pub fn of(&self, rule: SiliconRule) -> u64 {
        let places = self.by_place.range((rule, 0)..=(rule, u64::MAX));
        places.fold(0, |sum: u64, (_, (_, count))| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_that_leads_back_to_it() {
        for rule in SiliconRule::ALL {
            assert_eq!(SiliconRule::from_name(rule.name()), Some(rule));
            assert!(!rule.text().is_empty() && !rule.source().is_empty());
        }
    }

    #[test]
    fn a_place_is_counted_once_with_its_number_and_a_rule_that_is_off_is_not() {
        let mut findings = Violations::new(vec![SiliconRule::ByteLost]);
        assert!(findings.count(SiliconRule::DirtyClear, 8, 16));
        assert!(findings.count(SiliconRule::DirtyClear, 8, 24));
        assert!(!findings.count(SiliconRule::ByteLost, 8, 16));
        let all: Vec<Violation> = findings.iter().collect();
        assert_eq!((all.len(), all[0].count, all[0].address), (1, 2, 16));
        assert!(
            all[0]
                .to_string()
                .starts_with("d-clear: pc 0x8, address 0x10, 2 times")
        );
    }
}
