//! Which harts of the tree can run the kernel beside the one that boots.
//!
//! A pass of its own, made only where there are several: a board with one hart does not pay for it.
//! A hart is taken if its status is okay, its `mmu-type` has the kernel's mode, and it lists every extension that
//! the boot hart lists.

use core::fmt;

use pagetable::Mode;

use super::error::TreeError;
use super::key::{Keys, PropertyKey};
use super::walk::{Token, TokenWalk, number, text};
use crate::harts::MAX_HARTS;

/// Harts of the tree that are looked at; those behind them are not used.
const LOOKED_AT: usize = 24;

/// Why a hart is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// Its `status` is not okay.
    Status,
    /// Its `mmu-type` lacks the kernel's paging mode.
    MmuType,
    /// It lacks an extension of the boot hart.
    Extensions,
    /// There are as many as there may be.
    Limit,
    /// Firmware did not start it.
    Firmware,
    /// There is no memory for its stack.
    Memory,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            WhyNot::Status => "status",
            WhyNot::MmuType => "mmu-type",
            WhyNot::Extensions => "extensions",
            WhyNot::Limit => "limit",
            WhyNot::Firmware => "not started",
            WhyNot::Memory => "memory",
        })
    }
}

/// The harts of a tree besides the boot hart, by the SBI's numbers.
#[derive(Clone, Copy, Debug)]
pub struct TreeHarts {
    harts: [(u32, Option<WhyNot>); LOOKED_AT],
    used: usize,
}

impl TreeHarts {
    /// The boot hart alone.
    pub const NONE: TreeHarts = TreeHarts {
        harts: [(0, None); LOOKED_AT],
        used: 0,
    };

    /// All of them in the tree's order; `None` for one that is used.
    pub fn all(&self) -> &[(u32, Option<WhyNot>)] {
        &self.harts[..self.used]
    }

    /// Those to be started.
    pub fn usable(&self) -> impl Iterator<Item = usize> + '_ {
        let usable = self.all().iter().filter(|(_, why)| why.is_none());
        usable.map(|(id, _)| *id as usize)
    }

    /// That hart is not used.
    pub fn leave_out(&mut self, id: usize, why: WhyNot) {
        for hart in &mut self.harts[..self.used] {
            if hart.0 as usize == id {
                hart.1 = Some(why);
            }
        }
    }

    fn push(&mut self, id: usize, why: Option<WhyNot>) {
        if let Some(place) = self.harts.get_mut(self.used) {
            *place = (id as u32, why);
            self.used += 1;
        }
    }

    /// Reads them; `limit` is how many may run, the boot hart among them.
    pub fn read(
        bytes: &[u8],
        boot: usize,
        mode: Mode,
        limit: usize,
    ) -> Result<TreeHarts, TreeError> {
        let mut of_boot = None;
        each(bytes, |cpu| {
            if cpu.id == Some(boot) {
                of_boot = Some(cpu);
            }
        })?;
        let wanted = of_boot.unwrap_or(Cpu::UNREAD);
        let mut found = TreeHarts::NONE;
        let mut running = 1;
        each(bytes, |cpu| {
            let Some(id) = cpu.id.filter(|&id| id != boot) else {
                return;
            };
            let why = cpu.why_not(&wanted, mode);
            let why = why.or((running >= limit.min(MAX_HARTS)).then_some(WhyNot::Limit));
            running += usize::from(why.is_none());
            found.push(id, why);
        })?;
        Ok(found)
    }
}

/// What one node says.
#[derive(Clone, Copy)]
struct Cpu<'a> {
    id: Option<usize>,
    status: &'a [u8],
    mmu_type: &'a [u8],
    /// A list of words, each with its zero; empty where the older property has to do.
    extensions: &'a [u8],
    isa: &'a [u8],
}

impl Cpu<'_> {
    const UNREAD: Cpu<'static> = Cpu {
        id: None,
        status: b"okay",
        mmu_type: b"",
        extensions: b"",
        isa: b"",
    };

    fn why_not(&self, boot: &Cpu, mode: Mode) -> Option<WhyNot> {
        // A hart with a larger mode has the smaller ones too (Privileged spec, Sv48 and Sv57).
        let modes: &[&[u8]] = match mode {
            Mode::Sv32 => &[b"riscv,sv32"],
            _ => &[b"riscv,sv39", b"riscv,sv48", b"riscv,sv57"],
        };
        if self.status != b"okay" && self.status != b"ok" {
            Some(WhyNot::Status)
        } else if !modes.contains(&self.mmu_type) {
            Some(WhyNot::MmuType)
        } else if !self.has_all_of(boot) {
            Some(WhyNot::Extensions)
        } else {
            None
        }
    }

    fn has_all_of(&self, boot: &Cpu) -> bool {
        if !boot.extensions.is_empty() {
            let own = || self.extensions.split(|&byte| byte == 0);
            let wanted = boot.extensions.split(|&byte| byte == 0);
            return wanted
                .filter(|word| !word.is_empty())
                .all(|word| own().any(|own| own == word));
        }
        // The base and its single letters are one word, the first.
        let own = || self.isa.split(|&byte| byte == b'_');
        let mut wanted = boot.isa.split(|&byte| byte == b'_');
        let letters = wanted.next().unwrap_or(b"");
        let has = own().next().unwrap_or(b"");
        letters.iter().all(|letter| has.contains(letter))
            && wanted.all(|word| own().any(|own| own == word))
    }
}

/// Every `/cpus/cpu@…`, when it ends.
fn each<'a>(bytes: &'a [u8], mut see: impl FnMut(Cpu<'a>)) -> Result<(), TreeError> {
    let mut walk = TokenWalk::new(bytes)?;
    let mut keys = Keys::new();
    let (mut depth, mut is_cpus, mut cpu) = (0, false, None);
    while let Some(token) = walk.next()? {
        match token {
            Token::Begin(name) => {
                depth += 1;
                if depth == 2 {
                    is_cpus = name == b"cpus";
                } else if depth == 3 && is_cpus && name.starts_with(b"cpu@") {
                    cpu = Some(Cpu::UNREAD);
                }
            }
            Token::End => {
                if depth == 3
                    && let Some(cpu) = cpu.take()
                {
                    see(cpu);
                }
                depth -= 1;
            }
            Token::Property { name, value } => {
                let key = keys.at(name, &walk)?;
                if depth != 3 {
                    continue;
                }
                let Some(cpu) = &mut cpu else { continue };
                match key {
                    PropertyKey::Reg => cpu.id = number(value).map(|id| id as usize),
                    PropertyKey::Status => cpu.status = text(value).unwrap_or(value),
                    PropertyKey::MmuType => cpu.mmu_type = text(value).unwrap_or(value),
                    PropertyKey::IsaExtensions => cpu.extensions = value,
                    PropertyKey::Isa => cpu.isa = text(value).unwrap_or(value),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree_of_harts;
    use super::*;

    #[test]
    fn harts_that_can_run_the_kernel_are_taken_and_the_others_are_named_with_the_reason() {
        let tree = tree_of_harts(&[
            (5, "okay", "riscv,sv57", "rv64imafdc_zicsr_sstc"),
            (1, "disabled", "riscv,sv39", "rv64imafdc_zicsr_sstc"),
            (2, "okay", "riscv,none", "rv64imac"),
            (9, "okay", "riscv,sv39", "rv64imafdc_zicsr"),
            (7, "okay", "riscv,sv39", "rv64imafdch_zicsr_zba_sstc"),
            (8, "okay", "riscv,sv48", "rv64imafdc_zicsr_sstc"),
        ]);
        let read = |boot, limit| TreeHarts::read(&tree, boot, Mode::Sv39, limit).unwrap();
        let found = read(5, 2);
        assert_eq!(
            found.all(),
            [
                (1, Some(WhyNot::Status)),
                (2, Some(WhyNot::MmuType)),
                (9, Some(WhyNot::Extensions)),
                (7, None),
                (8, Some(WhyNot::Limit)),
            ]
        );
        assert_eq!(read(8, 8).usable().collect::<Vec<_>>(), [5, 7]);
        assert_eq!(read(8, 1).usable().count(), 0);
    }

    #[test]
    fn more_harts_than_the_kernel_can_have_are_left_out() {
        let harts: Vec<_> = (0..12)
            .map(|id| (id * 3, "okay", "riscv,sv39", "rv64imafdc"))
            .collect();
        let found = TreeHarts::read(&tree_of_harts(&harts), 0, Mode::Sv39, usize::MAX).unwrap();
        assert_eq!(found.usable().count(), MAX_HARTS - 1);
        assert_eq!(found.all().last(), Some(&(33, Some(WhyNot::Limit))));
    }
}
