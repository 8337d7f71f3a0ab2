//! Differences between two snapshots of an address space.

use pagetable::{Attributes, Leaf, PhysAddr, Pte, VirtAddr};

use crate::AddressSpace;
use crate::space::MappedRange;

/// A mapped page in one of the snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPage {
    /// Physical address of the page.
    pub pa: PhysAddr,
    /// The leaf entry that maps it, or an equal one.
    pub leaf: Leaf,
}

/// A kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Mapped only in the second snapshot.
    Added,
    /// Mapped only in the first snapshot.
    Removed,
    /// Mapped to another physical address.
    Moved,
    /// R, W, X, U or G changed.
    Permission,
    /// The memory type changed.
    Memory,
    /// The page size changed.
    PageSize,
    /// A or D changed: the page was used, or the bits were cleared.
    Used,
    /// RSW, the bits reserved for software, changed.
    Software,
}

impl ChangeKind {
    /// Every kind, in the order of the output.
    pub const ALL: [ChangeKind; 8] = [
        ChangeKind::Added,
        ChangeKind::Removed,
        ChangeKind::Moved,
        ChangeKind::Permission,
        ChangeKind::Memory,
        ChangeKind::PageSize,
        ChangeKind::Used,
        ChangeKind::Software,
    ];

    /// The word in output and in `--ignore`.
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Removed => "removed",
            ChangeKind::Moved => "moved",
            ChangeKind::Permission => "permission",
            ChangeKind::Memory => "memory",
            ChangeKind::PageSize => "page-size",
            ChangeKind::Used => "used",
            ChangeKind::Software => "software",
        }
    }
}

/// A range of addresses with the same difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What differs; never empty.
    pub kinds: Vec<ChangeKind>,
    /// First virtual address.
    pub va: VirtAddr,
    /// Length in bytes.
    pub bytes: u64,
    /// The first page in the first snapshot; `None` if it was not mapped.
    pub before: Option<MappedPage>,
    /// The first page in the second snapshot; `None` if it is not mapped.
    pub after: Option<MappedPage>,
}

/// The differences of one address space.
pub struct Diff {
    /// Name of the space; empty where it is not known.
    pub name: String,
    /// `satp` in the first snapshot; `None` if the space was not in it.
    pub before: Option<pagetable::Satp>,
    /// `satp` in the second snapshot; `None` if the space is not in it.
    pub after: Option<pagetable::Satp>,
    /// Ranges that differ, by virtual address.
    pub changes: Vec<Change>,
    /// Bytes mapped equally in both.
    pub same_bytes: u128,
    /// True if a snapshot was read past the hart's caches, so recent writes may be missing.
    pub is_possibly_stale: bool,
}

const PERMISSIONS: u64 = Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER | Pte::GLOBAL;
const USE: u64 = Pte::ACCESSED | Pte::DIRTY;

/// Kinds in which two mappings of a page differ; empty if they are equal.
fn kinds(before: Option<MappedPage>, after: Option<MappedPage>) -> Vec<ChangeKind> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(_)) => return vec![ChangeKind::Added],
        (Some(_), None) => return vec![ChangeKind::Removed],
        (None, None) => return Vec::new(),
    };
    let bits = before.leaf.pte.raw() ^ after.leaf.pte.raw();
    let attributes = |side: &MappedPage| -> Attributes { side.leaf.attributes };
    let size = |side: &MappedPage| (side.leaf.page_bytes, side.leaf.is_napot);
    [
        (before.pa != after.pa, ChangeKind::Moved),
        (bits & PERMISSIONS != 0, ChangeKind::Permission),
        (
            attributes(&before) != attributes(&after),
            ChangeKind::Memory,
        ),
        (size(&before) != size(&after), ChangeKind::PageSize),
        (bits & USE != 0, ChangeKind::Used),
        (bits & Pte::RSW != 0, ChangeKind::Software),
    ]
    .into_iter()
    .filter_map(|(is_so, kind)| is_so.then_some(kind))
    .collect()
}

/// A position in a list of ranges.
struct Cursor<'a> {
    ranges: &'a [MappedRange],
    /// Bytes of the first range that were consumed.
    into: u64,
}

impl Cursor<'_> {
    fn begin(&self) -> Option<u64> {
        self.ranges.first().map(|it| it.va.raw() + self.into)
    }

    fn left(&self) -> u64 {
        self.ranges
            .first()
            .map_or(u64::MAX, |it| it.bytes - self.into)
    }

    fn side(&self) -> Option<MappedPage> {
        self.ranges.first().map(|range| MappedPage {
            pa: range.pa.wrapping_add(self.into),
            leaf: range.leaf,
        })
    }

    fn skip(&mut self, bytes: u64) {
        self.into += bytes;
        if self.ranges.first().is_some_and(|it| it.bytes == self.into) {
            (self.ranges, self.into) = (&self.ranges[1..], 0);
        }
    }
}

/// Compares two spaces; kinds in `ignored` are left out.
pub fn diff(before: &AddressSpace, after: &AddressSpace, ignored: &[ChangeKind]) -> Diff {
    let mut diff = Diff {
        name: after.name.clone(),
        before: Some(before.satp()),
        after: Some(after.satp()),
        changes: Vec::new(),
        same_bytes: 0,
        is_possibly_stale: before.is_possibly_stale || after.is_possibly_stale,
    };
    diff.compare(before.ranges(), after.ranges(), ignored);
    diff
}

/// Reports a space that only one snapshot has as added or removed.
pub fn alone(space: &AddressSpace, kind: ChangeKind) -> Diff {
    let is_after = kind == ChangeKind::Added;
    let mut diff = Diff {
        name: space.name.clone(),
        before: (!is_after).then(|| space.satp()),
        after: is_after.then(|| space.satp()),
        changes: Vec::new(),
        same_bytes: 0,
        is_possibly_stale: space.is_possibly_stale,
    };
    let (before, after): (&[MappedRange], &[MappedRange]) = match is_after {
        true => (&[], space.ranges()),
        false => (space.ranges(), &[]),
    };
    diff.compare(before, after, &[]);
    diff
}

/// Matches the spaces of two snapshots by name, or by root where they have no name, and compares each pair. A
/// space without a counterpart is reported alone.
pub fn pairs(before: &[AddressSpace], after: &[AddressSpace], ignored: &[ChangeKind]) -> Vec<Diff> {
    if let ([before], [after]) = (before, after) {
        return vec![diff(before, after, ignored)];
    }
    let is_same = |one: &AddressSpace, other: &AddressSpace| match one.name.is_empty()
        || other.name.is_empty()
    {
        true => one.root == other.root,
        false => one.name == other.name,
    };
    let gone = before
        .iter()
        .filter(|one| !after.iter().any(|other| is_same(one, other)));
    let gone = gone.map(|space| alone(space, ChangeKind::Removed));
    let here = after
        .iter()
        .map(|space| match before.iter().find(|it| is_same(it, space)) {
            Some(before) => diff(before, space, ignored),
            None => alone(space, ChangeKind::Added),
        });
    gone.chain(here).collect()
}

impl Diff {
    fn compare(&mut self, before: &[MappedRange], after: &[MappedRange], ignored: &[ChangeKind]) {
        let [mut before, mut after] = [before, after].map(|ranges| Cursor { ranges, into: 0 });
        loop {
            let (one, other) = (before.begin(), after.begin());
            let Some(here) = one.into_iter().chain(other).min() else {
                return;
            };
            // Up to the next address where either list has a boundary.
            let reach = |cursor: &Cursor<'_>, begin: Option<u64>| match begin {
                Some(begin) if begin > here => begin - here,
                _ => cursor.left(),
            };
            let bytes = reach(&before, one).min(reach(&after, other));
            let side = |cursor: &Cursor<'_>, begin| (begin == Some(here)).then(|| cursor.side())?;
            let (was, is) = (side(&before, one), side(&after, other));
            self.note(VirtAddr::new(here), bytes, was, is, ignored);
            for (cursor, side) in [(&mut before, was), (&mut after, is)] {
                if side.is_some() {
                    cursor.skip(bytes);
                }
            }
        }
    }

    fn note(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        before: Option<MappedPage>,
        after: Option<MappedPage>,
        ignored: &[ChangeKind],
    ) {
        let mut kinds = kinds(before, after);
        kinds.retain(|kind| !ignored.contains(kind));
        if kinds.is_empty() {
            self.same_bytes += u128::from(bytes);
            return;
        }
        let continues = |last: &Change| {
            let follows = |was: Option<MappedPage>, is: Option<MappedPage>| match (was, is) {
                (Some(was), Some(is)) => {
                    let same = (was.leaf.pte.raw() ^ is.leaf.pte.raw()) & (0xff | Pte::RSW) == 0;
                    was.pa.wrapping_add(last.bytes) == is.pa
                        && same
                        && was.leaf.level == is.leaf.level
                        && was.leaf.attributes == is.leaf.attributes
                }
                (None, None) => true,
                _ => false,
            };
            last.kinds == kinds
                && last.va.wrapping_add(last.bytes) == va
                && follows(last.before, before)
                && follows(last.after, after)
        };
        match self.changes.last_mut().filter(|last| continues(last)) {
            Some(last) => last.bytes += bytes,
            None => self.changes.push(Change {
                kinds,
                va,
                bytes,
                before,
                after,
            }),
        }
    }

    /// Bytes that differ, for each kind.
    pub fn totals(&self) -> impl Iterator<Item = (ChangeKind, u128)> {
        let of = |kind| {
            let changes = self
                .changes
                .iter()
                .filter(move |it| it.kinds.contains(&kind));
            changes.map(|it| u128::from(it.bytes)).sum::<u128>()
        };
        ChangeKind::ALL
            .into_iter()
            .map(move |kind| (kind, of(kind)))
            .filter(|(_, bytes)| *bytes > 0)
    }
}
