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

/// More problems than this are counted and not kept.
const MOST_PROBLEMS: usize = 1 << 16;

/// Which problems have been met: by table, index, level and trouble.
#[derive(Default)]
pub(super) struct SeenProblems(HashMap<(u64, u16, u8, Trouble), usize>);

impl SeenProblems {
    /// Keeps it, unless there are too many.
    pub(super) fn note(&mut self, findings: &mut Vec<Finding>, problem: &Problem) -> bool {
        let table = problem.table.raw();
        let key = (table, problem.index, problem.level, problem.trouble);
        if let Some(place) = self.0.get(&key) {
            findings[*place].times += 1;
            return true;
        }
        // That nothing was looked at from here on is said in any case.
        if findings.len() >= MOST_PROBLEMS && problem.trouble != Trouble::OutOfBudget {
            return false;
        }
        self.0.insert(key, findings.len());
        findings.push(Finding {
            problem: *problem,
            times: 1,
        });
        true
    }
}
