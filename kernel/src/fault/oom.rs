//! Who ends when no frame can be had: `oom=` at boot.

/// What becomes of a fault that finds no frame, when none can be reclaimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OomPolicy {
    /// Who faults ends, and all others go on.
    #[default]
    KillFaulter,
    /// Who has most pages ends, and the fault is served with them. The shell is spared.
    KillLargest,
}

impl OomPolicy {
    /// Every policy, with its name.
    const ALL: [(OomPolicy, &'static str); 2] = [
        (OomPolicy::KillFaulter, "kill-faulter"),
        (OomPolicy::KillLargest, "kill-largest"),
    ];

    /// The policy of that name.
    pub fn named(name: &str) -> Option<OomPolicy> {
        let found = OomPolicy::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(policy, _)| *policy)
    }
}
