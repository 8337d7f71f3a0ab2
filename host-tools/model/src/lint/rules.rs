//! The rules, one per row.

/// Severity, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It faults, or it gives user mode control of the machine.
    Error,
    /// Probably a mistake.
    Warning,
    /// Not a mistake by itself.
    Info,
}

impl Severity {
    /// The word in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// What the MMU does with the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mmu {
    /// It is accepted: no fault.
    Accepts,
    /// It faults.
    Refuses,
    /// Not known: the entry was not read.
    Unknown,
}

impl Mmu {
    /// The word in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Mmu::Accepts => "accepts",
            Mmu::Refuses => "refuses",
            Mmu::Unknown => "unknown",
        }
    }
}

/// A lint rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable name, in every output format.
    pub name: &'static str,
    /// Default severity.
    pub severity: Severity,
    /// What the MMU does with a match.
    pub mmu: Mmu,
    /// What it matches, in one line.
    pub summary: &'static str,
    /// How to solve it.
    pub advice: &'static str,
}

/// Each row is a rule: name in code, stable name, severity, MMU behaviour, summary, advice. `--help` shows
/// them in this order.
macro_rules! rules {
    ($($rule:ident = $name:literal, $severity:ident, $mmu:ident, $summary:literal, $advice:literal;)*) => {
        $(
            #[doc = $summary]
            pub static $rule: Rule = Rule {
                name: $name,
                severity: $severity,
                mmu: $mmu,
                summary: $summary,
                advice: $advice,
            };
        )*

        /// Every rule, in the order of the output.
        pub static RULES: &[&Rule] = &[$(&$rule),*];
    };
}

use Mmu::{Accepts, Refuses, Unknown};
use Severity::{Error, Info, Warning};

rules! {
    WRITE_WITHOUT_READ = "write-without-read", Error, Refuses, "W without R is reserved",
        "set R too, or clear W";
    RESERVED_BITS = "reserved-bits", Error, Refuses, "bits are set that this hart reserves",
        "clear them; PBMT, N and T-Head's bits only where the hart has them (--dialect, --board)";
    PBMT_RESERVED = "pbmt-reserved", Error, Refuses, "PBMT=3 is reserved",
        "0 is PMA, 1 NC, 2 IO";
    POINTER_BITS = "pointer-bits", Error, Refuses, "a pointer has U, A, D, N or PBMT set",
        "a pointer is an address and V, and G at most: clear the rest";
    POINTER_AT_LEVEL_0 = "pointer-at-level-0", Error, Refuses, "a pointer where only pages can stand",
        "set R, W or X if a page is meant; else clear V";
    MISALIGNED_SUPERPAGE = "misaligned-superpage", Error, Refuses, "a large page at an address that is not a multiple of its size",
        "align its physical address, or map it with smaller pages";
    NAPOT_ENCODING = "napot-encoding", Error, Refuses, "N with a size or at a level that Svnapot does not have",
        "only 64 KiB at level 0: PPN bits 3-0 are 1000";
    TABLE_OUTSIDE_RAM = "table-outside-ram", Error, Refuses, "a pointer leads out of memory",
        "the walk ends in an access fault there, or reads a device: clear the entry";
    TABLE_REFUSED_BY_PMP = "table-refused-by-pmp", Error, Refuses, "a page table where PMP refuses the walk",
        "every access through it is an access fault: open the range in PMP, or put the table elsewhere";
    TABLE_WRITABLE_BY_USER = "table-writable-by-user", Error, Accepts, "a page table is mapped writable for user mode",
        "unmap it: who writes it owns the machine";
    GLOBAL_DIFFERS = "global-differs", Error, Accepts, "a page with G leads elsewhere in another root",
        "clear G, or map it alike everywhere: the TLB need not look at the ASID";
    TABLE_BEYOND_MEMORY = "table-beyond-memory", Warning, Unknown, "a pointer leads beyond all memory that was seen",
        "clear the entry, unless there is memory: --ram or --board says what is";
    PAGE_OUTSIDE_RAM = "page-outside-ram", Warning, Accepts, "a page that is neither memory nor a known device",
        "correct the address: an access faults there, or never comes back; --board knows devices";
    PAGE_REFUSED_BY_PMP = "page-refused-by-pmp", Warning, Refuses, "a page permits what PMP refuses",
        "an access fault follows, not a page fault: open the range in PMP, or unmap it";
    ALIASED_TABLE = "aliased-table", Warning, Accepts, "a table that many pointers lead to",
        "a pointer each is usual: correct the others, unless the same pages are meant to repeat";
    TABLE_READABLE_BY_USER = "table-readable-by-user", Warning, Accepts, "a page table is mapped for user mode",
        "unmap it: it shows physical addresses";
    WRITE_AND_EXECUTE = "write-and-execute", Warning, Accepts, "a page of the kernel is writable and executable",
        "write it through another mapping, or take W away before it is executed";
    USER_IN_KERNEL_HALF = "user-in-kernel-half", Warning, Accepts, "a user page in the upper half",
        "clear U: the kernel's half is not the user's";
    USER_AMID_KERNEL = "user-amid-kernel", Warning, Accepts, "a user page between pages of the kernel",
        "clear U: a user reaches the kernel's memory there, and the kernel needs SUM for it";
    DIRTY_WITHOUT_ACCESSED = "dirty-without-accessed", Warning, Accepts, "D is set and A clear, where no hart clears A",
        "set A, or clear D: a hart that sets them sets A first";
    SELF_REFERENCE = "self-reference", Warning, Accepts, "a table that is reached through itself",
        "clear the pointer: a table does not map itself so, an entry without R, W and X at level 0 \
         faults";
    ALIAS_MEMORY_TYPE = "alias-memory-type", Warning, Accepts, "memory is mapped with two memory types",
        "give all mappings one type, or flush caches between: which one holds is not defined";
    DEVICE_CACHEABLE = "device-cacheable", Warning, Accepts, "an address outside memory with a type of memory",
        "map devices as IO, on T-Head as strongly ordered";
    RAM_AS_DEVICE = "ram-as-device", Warning, Accepts, "memory with the type of a device",
        "map it cacheable: as it is, it is slow, and AMOs and misaligned accesses may fault";
    ACCESSED_CLEAR = "accessed-clear", Warning, Accepts, "A is clear, and this hart does not set it",
        "set A when mapping, or be ready for a page fault at the first access";
    DIRTY_CLEAR = "dirty-clear", Warning, Accepts, "W is set and D clear, and this hart does not set it",
        "set D when mapping, or be ready for a page fault at the first store";
    NAPOT_MIXED = "napot-mixed", Warning, Accepts, "entries of one Svnapot page differ",
        "make all 16 entries equal: which one holds is not defined";
    USER_WRITE_AND_EXECUTE = "user-write-and-execute", Info, Accepts, "a user page is writable and executable",
        "a program may do so, if it makes code; else it is how attackers do";
    NOT_SEEN = "not-seen", Info, Unknown, "tables are not in the memory given",
        "give more memory, or say what is memory on the machine with --ram or --board";
    SHARED_WITHOUT_GLOBAL = "shared-without-global", Info, Accepts, "a kernel page that several roots share is not G",
        "set G: it costs a TLB entry for each address space, and a walk after each switch";
    POINTER_GLOBAL = "pointer-global", Info, Accepts, "a pointer has G set",
        "allowed: everything below is global";
    EMPTY_TABLES = "empty-tables", Info, Accepts, "tables without a valid entry",
        "each costs 4 KiB and a read of the walk; kernels keep some for what comes later";
    CUT_SHORT = "cut-short", Info, Unknown, "not everything was looked at",
        "the tables map more than can be judged: --range and --satp ask for a part";
}
