//! What changed between two readings of an address space.

use pagetable::{Attributes, Leaf, PhysAddr, Pte, VirtAddr};

use crate::AddressSpace;
use crate::space::MappedRange;

/// A page as one of the readings has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPage {
    /// Where it lies.
    pub pa: PhysAddr,
    /// The entry that maps it, or one like it.
    pub leaf: Leaf,
}

/// A kind of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// Mapped only afterwards.
    Added,
    /// Mapped only before.
    Removed,
    /// It lies elsewhere.
    Moved,
    /// R, W, X, U or G.
    Permission,
    /// The memory type.
    Memory,
    /// The size of its pages.
    PageSize,
    /// A or D: somebody used it.
    Used,
    /// The software's own bits.
    Software,
}

impl ChangeKind {
    /// Every kind.
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

    /// The word for it.
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

/// A run of addresses to which the same happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What happened: one kind at least.
    pub kinds: Vec<ChangeKind>,
    /// The first address.
    pub va: VirtAddr,
    /// How many bytes.
    pub bytes: u64,
    /// As it was.
    pub before: Option<MappedPage>,
    /// As it is.
    pub after: Option<MappedPage>,
}

/// The changes of one space.
pub struct Diff {
    /// Whose it is, where that is known.
    pub name: String,
    /// What its root was, if it was there.
    pub before: Option<pagetable::Satp>,
    /// What its root is, if it is there.
    pub after: Option<pagetable::Satp>,
    /// By address.
    pub changes: Vec<Change>,
    /// Bytes that are mapped as they were.
    pub same_bytes: u128,
    /// A reading was done in a way that need not see what the hart last wrote.
    pub is_possibly_stale: bool,
}

const PERMISSIONS: u64 = Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER | Pte::GLOBAL;
const USE: u64 = Pte::ACCESSED | Pte::DIRTY;

/// What is different between the two; nothing if they are the same.
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

/// A list of ranges, taken address by address.
struct Cursor<'a> {
    ranges: &'a [MappedRange],
    /// Bytes of the first range that are behind us.
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

/// What changed from one space to the other, of the kinds that are not `ignored`.
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

/// A space that only one of two readings has: all of it is added, or removed.
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

/// Spaces of two readings, side by side: by name where they have one, else by root; what is
/// alone in its reading stands alone.
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
            // Up to where either of them ends or begins.
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

    /// Bytes to which something of each kind happened.
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
