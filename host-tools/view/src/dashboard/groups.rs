//! Names of groups of faults, and the filter words that select them.

use abi::{Cause, Outcome};
use model::Live;
use model::history::FaultGroup;

/// A group as a legend shows it, and as a filter spells it.
pub struct GroupName {
    /// For people.
    pub text: String,
    /// A word of a filter that passes this group.
    pub filter: String,
    /// Its faults ended their tasks.
    pub is_refusal: bool,
    /// The colour of an outcome, the same in every chart of a page: a number of `--g0` to `--g8` in `page.css`.
    /// `None` for groups that have none of their own; refusals are red.
    pub colour: Option<u8>,
}

/// Names a group.
pub fn name(live: &Live, group: FaultGroup) -> GroupName {
    let of = |text, filter| GroupName {
        text,
        filter,
        is_refusal: false,
        colour: None,
    };
    match group {
        FaultGroup::Outcome(number) => outcome(number),
        FaultGroup::Cause(number) => {
            let cause = Cause::decode(number);
            of(cause.to_string(), format!("cause:{number}"))
        }
        FaultGroup::Task(None) => of("no task".to_owned(), "task:none".to_owned()),
        FaultGroup::Task(Some(task)) => of(task_name(live, task), format!("task:{task}")),
        FaultGroup::Hart(hart) => of(format!("hart {hart}"), format!("hart:{hart}")),
    }
}

/// Names an outcome.
pub fn outcome(number: u8) -> GroupName {
    let outcome = Outcome::decode(number);
    GroupName {
        text: outcome.to_string(),
        filter: format!("outcome:{number}"),
        is_refusal: outcome.is_refusal(),
        colour: colour(outcome),
    }
}

fn colour(outcome: Outcome) -> Option<u8> {
    Some(match outcome {
        Outcome::Zeroed => 0,
        Outcome::ImageInPlace => 1,
        Outcome::ImageCopied => 2,
        Outcome::StackGrown => 3,
        Outcome::AccessBits => 4,
        Outcome::Spurious => 5,
        Outcome::Device => 6,
        Outcome::Shared => 7,
        refused if refused.is_refusal() => return None,
        _ => 8,
    })
}

/// A task with its command, where that is known.
pub fn task_name(live: &Live, task: u16) -> String {
    match live.known.get(task) {
        Some(known) => format!("{task} {}", crate::words::printable(&known.command)),
        None => task.to_string(),
    }
}
