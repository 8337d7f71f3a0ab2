//! How far a count has come that takes more than one entry into the kernel, and what was counted last.

use abi::Topic;

use super::Auditor;

/// Frames of an arena: taken at boot, tables, pages, shared, free.
pub type FrameCounts = [u32; 5];

/// Pages of a space, counted from its leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCounts {
    /// Pages that have a frame.
    pub resident: u64,
    /// Resident pages whose A bit is set.
    pub accessed: u64,
    /// Resident pages whose D bit is set.
    pub dirty: u64,
}

/// Which line is prepared, and how far its numbers are.
#[derive(Clone, Copy, Debug)]
pub struct Survey {
    /// The topic of the line.
    pub topic: Topic,
    /// The index of the line.
    pub index: usize,
    /// What is counted, and how far.
    pub count: SurveyCount,
}

/// What a line needs to have counted.
#[derive(Clone, Copy, Debug)]
pub enum SurveyCount {
    /// An audit of all frames against all tables.
    Audit(Auditor),
    /// An arena's frames, from frame `at` on.
    Arena { at: u64, counts: FrameCounts },
    /// A space's pages, from address `va` on.
    Space { va: u64, counts: PageCounts },
    /// The longest run of free frames: the arena and the frame that come next, the run there, and the longest one.
    Longest {
        arena: usize,
        at: u64,
        run: u32,
        most: u32,
    },
    /// The first line of the dump that is not all free, from that one on.
    Dump { line: usize },
}

/// Numbers that were counted last, for the line that asked for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surveyed {
    /// Frames by their use, of one arena.
    pub frames: FrameCounts,
    /// Pages by their state, of one task.
    pub pages: PageCounts,
    /// Frames of the longest run of free ones.
    pub longest: u32,
    /// A line of the dump; `None` where the rest is free.
    pub line: Option<usize>,
}

impl Survey {
    /// What the line at `index` needs to have counted, if anything. Lines of JSON have no heading.
    pub fn of(topic: Topic, index: usize, json: bool) -> Option<Survey> {
        let has_numbers = json || index > 0;
        let count = match topic {
            Topic::Audit if index == 0 => SurveyCount::Audit(Auditor::BEGIN),
            Topic::Pmm if has_numbers => SurveyCount::Arena {
                at: 0,
                counts: FrameCounts::default(),
            },
            Topic::Ws if has_numbers => SurveyCount::Space {
                va: 0,
                counts: PageCounts::default(),
            },
            Topic::Free if json || index == 2 => SurveyCount::Longest {
                arena: 0,
                at: 0,
                run: 0,
                most: 0,
            },
            Topic::Dump if !json => SurveyCount::Dump { line: index },
            _ => return None,
        };
        Some(Survey {
            topic,
            index,
            count,
        })
    }
}
