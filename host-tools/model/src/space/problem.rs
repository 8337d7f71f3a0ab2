//! Problems, each kept once.

use std::collections::HashMap;

use pagetable::{Problem, Trouble};

/// A problem, and how often the visit came by it: a shared table is met on every
/// way that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The problem, at the first address it concerns.
    pub problem: Problem,
    /// How many addresses it was met at.
    pub times: u64,
}

/// Which problems have been met: by table, index, level and trouble.
#[derive(Default)]
pub(super) struct Known(HashMap<(u64, u16, u8, Trouble), usize>);

impl Known {
    pub(super) fn note(&mut self, findings: &mut Vec<Finding>, problem: &Problem) {
        let table = problem.table.raw();
        let key = (table, problem.index, problem.level, problem.trouble);
        let place = *self.0.entry(key).or_insert(findings.len());
        match findings.get_mut(place) {
            Some(finding) => finding.times += 1,
            None => findings.push(Finding {
                problem: *problem,
                times: 1,
            }),
        }
    }
}
