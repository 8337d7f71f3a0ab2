//! The machine as bytes: everything that decides what it does next, and back.
//!
//! What is written, and in which order, is said by `carry` of each part. RAM is written where it is not the noise
//! of power-on any more.

use boards::Board;

use crate::carrier::{Carrier, SnapshotError, VERSION};
use crate::machine::{MachineOptions, StrictMachine};

const MAGIC: &[u8] = b"pagewalk ox64 snapshot\n";

impl StrictMachine {
    /// The machine as it is now. Breakpoints and a trace are a debugger's, and not in it.
    #[must_use]
    pub fn save(&mut self) -> Vec<u8> {
        let mut carrier = Carrier::after(MAGIC);
        let mut head = self.head();
        let written = carrier.words(&mut head);
        let written = written.and_then(|()| self.carry(&mut carrier));
        debug_assert_eq!(written, Ok(()), "writing has no errors");
        carrier.into_bytes()
    }

    fn head(&self) -> [u64; 5] {
        let maee = self.dialect == pagetable::Dialect::THead;
        let (base, size) = (self.ram.base(), self.ram.size() as u64);
        [VERSION, base, size, maee.into(), self.ram.seed()]
    }

    /// A machine that goes on as the saved one does.
    ///
    /// # Errors
    ///
    /// The bytes are no snapshot of a machine with this board's RAM, or not a whole one.
    pub fn restore(board: &Board, bytes: &[u8]) -> Result<StrictMachine, SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::Magic)?;
        let mut carrier = Carrier::of(rest);
        let mut version = 0;
        carrier.word(&mut version)?;
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        let mut head = [0; 4];
        carrier.words(&mut head)?;
        let [base, size, maee, seed] = head;
        if (base, size) != (board.ram.base, board.ram.size) {
            return Err(SnapshotError::Board);
        }
        let options = MachineOptions {
            maee: maee != 0,
            off: Vec::new(),
            seed,
        };
        let mut machine = StrictMachine::new(board, options);
        machine.carry(&mut carrier)?;
        Ok(machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asm::{AsmProgram, addi, sd};
    use crate::machine::Stop;

    fn board() -> Board {
        let mut board = boards::by_name("ox64").expect("the board");
        board.ram.size = 0x40_0000;
        board
    }

    /// A loop that writes its own code, and typed bytes that no program reads.
    fn busy() -> StrictMachine {
        let mut machine = StrictMachine::new(&board(), MachineOptions::default());
        let mut program = AsmProgram::default();
        program.address(5, 0x100);
        program.constant(6, u64::from(addi(7, 7, 1)) | 0x6f << 32);
        let again = program.bytes.len();
        program.words(&[addi(7, 7, 1), sd(6, 5, 0), sd(7, 5, 64)]);
        program.jump(again);
        machine.ram.load(0, &program.bytes).expect("it fits");
        machine.type_bytes(&[b'x'; 50]);
        machine
    }

    #[test]
    fn a_restored_machine_goes_on_as_the_saved_one() {
        let mut saved = busy();
        for steps in [0, 1, 77, 5_000, 40_000] {
            assert_eq!(saved.run(steps), Stop::Limit);
            let bytes = saved.save();
            let mut restored = StrictMachine::restore(&board(), &bytes).expect("it is one");
            assert_eq!(restored.save(), bytes, "after {steps}");
            saved.run(3_000);
            restored.run(3_000);
            assert_eq!(restored.hart, saved.hart);
            assert!(restored.save() == saved.save(), "after {steps}");
        }
    }

    #[test]
    fn a_snapshot_that_is_cut_or_damaged_is_refused_or_runs() {
        let mut machine = busy();
        machine.run(1000);
        let bytes = machine.save();
        for end in (0..bytes.len()).step_by(997) {
            let cut = StrictMachine::restore(&board(), &bytes[..end]).map(|_| ());
            assert!(cut.is_err(), "{end}");
        }
        for at in (MAGIC.len()..bytes.len()).step_by(211) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xa5;
            if let Ok(mut machine) = StrictMachine::restore(&board(), &damaged) {
                machine.run(1000);
            }
        }
        let mut other = boards::by_name("ox64").expect("the board");
        other.ram.size = 0x80_0000;
        let refused = StrictMachine::restore(&other, &bytes).map(|_| ());
        assert_eq!(refused, Err(SnapshotError::Board));
    }
}
