//! Notes of a person, on the session axis.

use super::{BOOT_GAP_US, FaultHistory, MARKS};

/// Letters of a note that are kept.
const LETTERS: usize = 200;

/// A note at a point of the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryNote {
    /// Position on the session axis, in microseconds.
    pub at_us: u64,
    /// One line.
    pub text: String,
}

/// A point of time in the board's own words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoardTime {
    /// How many boots ago; 0 for the last one.
    pub boots_back: u64,
    /// Microseconds since that boot.
    pub time_us: u64,
}

impl FaultHistory {
    /// Adds a note; of more than 4,096 the oldest is dropped. One of a boot that is not known stands at the beginning.
    pub fn note(&mut self, at: BoardTime, text: &str) {
        if self.notes.len() == MARKS {
            self.notes.pop_front();
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = words.chars().take(LETTERS).collect();
        let back = usize::try_from(at.boots_back).unwrap_or(usize::MAX);
        let base = (self.bases.len().checked_sub(1)).and_then(|last| last.checked_sub(back));
        let base = base.map_or(0, |boot| self.bases[boot]);
        let at_us = base.saturating_add(at.time_us);
        self.notes.push_back(HistoryNote { at_us, text });
    }

    /// The notes in the order in which they were set.
    pub fn notes(&self) -> impl Iterator<Item = &HistoryNote> {
        self.notes.iter()
    }

    /// The board's time at a point of the axis. Between two boots it is the end of the earlier one.
    pub fn board_time(&self, at_us: u64) -> BoardTime {
        let begun = self.bases.partition_point(|base| *base <= at_us);
        let Some(boot) = begun.checked_sub(1) else {
            return BoardTime {
                boots_back: self.bases.len().saturating_sub(1) as u64,
                time_us: 0,
            };
        };
        let end = self.bases.get(begun).map(|next| next - BOOT_GAP_US);
        let at_us = end.map_or(at_us, |end| at_us.min(end));
        BoardTime {
            boots_back: (self.bases.len() - begun) as u64,
            time_us: at_us.saturating_sub(self.bases[boot]),
        }
    }
}

#[cfg(test)]
mod tests {
    use abi::Outcome;

    use super::super::tests::history_of;
    use super::*;

    #[test]
    fn a_note_stands_at_its_boot_and_time_whatever_boots_later() {
        let mut history = history_of(&[
            (0, 7_000, 0x1000, 2, Outcome::Zeroed, 1),
            (1, 9_000, 0x2000, 2, Outcome::Zeroed, 1),
            (0, 500, 0x3000, 2, Outcome::Zeroed, 1),
        ]);
        for (at_us, boots_back, time_us) in [
            (8_000, 1, 8_000),
            // Between the boots.
            (500_000, 1, 9_000),
            (1_009_100, 0, 100),
        ] {
            let at = history.board_time(at_us);
            let wanted = BoardTime {
                boots_back,
                time_us,
            };
            assert_eq!(at, wanted, "{at_us}");
            history.note(at, &format!("  at\n{at_us} "));
        }
        let notes: Vec<(u64, &str)> = history
            .notes()
            .map(|it| (it.at_us, it.text.as_str()))
            .collect();
        assert_eq!(
            notes,
            [
                (8_000, "at 8000"),
                (9_000, "at 500000"),
                (1_009_100, "at 1009100")
            ]
        );
    }

    #[test]
    fn notes_without_a_fault_of_unknown_boots_and_without_end_are_bounded() {
        let mut history = FaultHistory::default();
        assert_eq!(history.board_time(5), BoardTime::default());
        let old = BoardTime {
            boots_back: u64::MAX,
            time_us: u64::MAX,
        };
        (0..2 * MARKS).for_each(|_| history.note(old, &"x".repeat(10_000)));
        assert_eq!(history.notes().count(), MARKS);
        assert!(history.notes().all(|it| it.text.len() == LETTERS));
    }
}
