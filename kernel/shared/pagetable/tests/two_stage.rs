//! Both stages against a slow reading of the manual that shares no code with them.
//!
//! The oracle reads words, shifts and masks by the numbers of the Privileged spec, §"Two-Stage Address
//! Translation" and §"Guest-Physical Address Translation", one mode at a time. Tables are random, made so
//! that most entries lead somewhere.

use std::collections::HashMap;

use pagetable::{
    AccessType, Dialect, GuestRoot, Memory, Mode, Outside, PhysAddr, Privilege, Root,
    TwoStageFault, VirtAddr, translate_two_stage,
};

/// Pages of memory that the tables lie in, from address 0.
const PAGES: u64 = 64;

/// Words by their address; what is absent is no memory.
#[derive(Default)]
struct Words(HashMap<u64, u64>);

impl Memory for Words {
    type Error = Outside;
    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        self.word(at.raw(), bytes as u64)
            .ok_or(Outside { at, bytes })
    }
}

impl Words {
    fn word(&self, at: u64, bytes: u64) -> Option<u64> {
        self.0.get(&(at / bytes * bytes)).copied()
    }
}

/// A random sequence: xorshift64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Numbers of a mode, as the manual prints them.
struct Numbers {
    levels: u32,
    index: u32,
    entry: u64,
    ppn: u32,
}

fn numbers(mode: Mode) -> Numbers {
    let wide = |levels| Numbers {
        levels,
        index: 9,
        entry: 8,
        ppn: 44,
    };
    match mode {
        Mode::Bare => wide(0),
        Mode::Sv32 => Numbers {
            levels: 2,
            index: 10,
            entry: 4,
            ppn: 22,
        },
        Mode::Sv39 => wide(3),
        Mode::Sv48 => wide(4),
        Mode::Sv57 => wide(5),
    }
}

/// What became of an access: the address, or the cause with the guest physical address.
type Answer = Result<u64, (u8, u64)>;

/// Steps 1 to 8 of "Virtual Address Translation Process" for one stage. `read` fetches an entry, or fails.
/// Answers the address and the entry, or whether it is an access fault.
fn stage(
    mode: Mode,
    root: u64,
    va: u64,
    extra: u32,
    read: &mut dyn FnMut(u64, u64) -> Result<u64, (u8, u64)>,
    fault: (u8, u64),
) -> Result<(u64, u64), (u8, u64)> {
    let it = numbers(mode);
    let mut table = root;
    let mut level = it.levels;
    loop {
        level -= 1;
        let shift = 12 + it.index * level;
        let width = it.index + if level + 1 == it.levels { extra } else { 0 };
        let index = (va >> shift) % (1 << width);
        let pte = read(table + index * it.entry, it.entry)?;
        let (v, r, w, x) = (pte & 1, pte >> 1 & 1, pte >> 2 & 1, pte >> 3 & 1);
        let (u, a, d) = (pte >> 4 & 1, pte >> 6 & 1, pte >> 7 & 1);
        if v == 0 || r == 0 && w == 1 {
            return Err(fault);
        }
        if it.entry == 8 && pte >> 54 != 0 {
            return Err(fault);
        }
        let ppn = pte >> 10 & ((1 << it.ppn) - 1);
        if r == 0 && x == 0 {
            if u + a + d != 0 || level == 0 {
                return Err(fault);
            }
            table = ppn << 12;
            continue;
        }
        if !ppn.is_multiple_of(1 << (it.index * level)) {
            return Err(fault);
        }
        let offset = va % (1 << shift);
        return Ok(((ppn << 12) + offset, pte));
    }
}

/// Whether R, W or X permits it.
fn permits(pte: u64, access: AccessType, mxr: bool) -> bool {
    match access {
        AccessType::Read => pte & 2 != 0 || mxr && pte & 8 != 0,
        AccessType::Write => pte & 4 != 0,
        AccessType::Execute => pte & 8 != 0,
    }
}

/// The second stage for one access, with the cause of `meant`, the access that the program makes.
fn second(
    memory: &Words,
    (mode, root): (Mode, u64),
    gpa: u64,
    access: AccessType,
    meant: AccessType,
) -> Answer {
    let (cause, gone) = match meant {
        AccessType::Execute => (20, 1),
        AccessType::Read => (21, 5),
        AccessType::Write => (23, 7),
    };
    if mode == Mode::Bare {
        return Ok(gpa);
    }
    let it = numbers(mode);
    if gpa >> (12 + it.index * it.levels + 2) != 0 {
        return Err((cause, gpa));
    }
    let mut read = |at, bytes| memory.word(at, bytes).ok_or((gone, 0));
    let (at, pte) = stage(mode, root, gpa, 2, &mut read, (cause, gpa))?;
    if pte & 16 == 0 || !permits(pte, access, false) {
        return Err((cause, gpa));
    }
    Ok(at)
}

/// Both stages for one access.
fn oracle(
    memory: &Words,
    (mode, root): (Mode, u64),
    guest: (Mode, u64),
    va: u64,
    access: AccessType,
    who: Privilege,
) -> Answer {
    let (cause, gone) = match access {
        AccessType::Execute => (12, 1),
        AccessType::Read => (13, 5),
        AccessType::Write => (15, 7),
    };
    if mode == Mode::Bare {
        return second(memory, guest, va, access, access);
    }
    let it = numbers(mode);
    let bits = 12 + it.index * it.levels;
    let upper = va >> (bits - 1);
    let ones = (1_u64 << (64 - (bits - 1))) - 1;
    let is_canonical = match mode {
        Mode::Sv32 => va >> 32 == 0,
        _ => upper == 0 || upper == ones,
    };
    if !is_canonical {
        return Err((cause, 0));
    }
    let mut read = |gpa, bytes| {
        let at = second(memory, guest, gpa, AccessType::Read, access)?;
        memory.word(at, bytes).ok_or((gone, 0))
    };
    let (gpa, pte) = stage(mode, root, va, 0, &mut read, (cause, 0))?;
    let is_user_page = pte & 16 != 0;
    let is_allowed = match who.is_user {
        true => is_user_page,
        false => !is_user_page || who.sum && access != AccessType::Execute,
    };
    if !is_allowed || !permits(pte, access, who.mxr) {
        return Err((cause, 0));
    }
    second(memory, guest, gpa, access, access)
}

/// Memory full of entries, of which most lead to other pages of it.
fn random(chance: &mut Chance, bytes: u64, ppn: u32) -> Words {
    let mut words = HashMap::new();
    for at in (0..PAGES * 4096).step_by(bytes as usize) {
        let target = match chance.below(8) {
            0 => chance.next(),
            // A multiple of every large page.
            1 => 0,
            _ => chance.below(PAGES),
        } & ((1 << ppn) - 1);
        let flags = match chance.below(10) {
            0 => chance.below(256),
            1..=5 => 1,
            6 => 0xdf,
            7 => 0xd3,
            8 => 0xd9,
            _ => 0xcf,
        };
        let reserved = match chance.below(64) {
            0 if bytes == 8 => 1 << 54,
            _ => 0,
        };
        words.insert(at, target << 10 | flags | reserved);
    }
    // Holes.
    for _ in 0..PAGES {
        words.remove(&(chance.below(PAGES * 4096 / bytes) * bytes));
    }
    Words(words)
}

fn address(chance: &mut Chance, mode: Mode) -> u64 {
    let raw = chance.next();
    match (mode, chance.below(8)) {
        (_, 0) => raw,
        (Mode::Bare, _) => raw % (PAGES * 4096),
        (mode, _) => mode.sign_extend(raw).raw(),
    }
}

#[test]
fn both_stages_answer_as_the_manual_reads() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let (mut mapped, mut page, mut guest, mut gone) = (0, 0, 0, 0);
    let wide = [Mode::Bare, Mode::Sv39, Mode::Sv48, Mode::Sv57];
    let narrow = [Mode::Bare, Mode::Sv32];
    for round in 0..120 {
        let (modes, bytes, ppn) = match round % 3 {
            0 => (&narrow[..], 4, 22),
            _ => (&wide[..], 8, 44),
        };
        let mut memory = random(&mut chance, bytes, ppn);
        for _ in 0..400 {
            let mode = modes[chance.below(modes.len() as u64) as usize];
            let g_mode = modes[chance.below(modes.len() as u64) as usize];
            let root = chance.below(PAGES) * 4096;
            let g_root = chance.below(PAGES / 4) * 4 * 4096;
            let va = address(&mut chance, mode);
            let first = Root {
                mode,
                table: PhysAddr::new(root),
                dialect: Dialect::None,
            };
            let second = GuestRoot {
                mode: g_mode,
                table: PhysAddr::new(g_root),
                dialect: Dialect::None,
            };
            let walk = translate_two_stage(&mut memory, first, second, VirtAddr::new(va));
            let who = Privilege {
                is_user: chance.below(2) == 0,
                sum: chance.below(2) == 0,
                mxr: chance.below(2) == 0,
            };
            for access in AccessType::ALL {
                let wanted = oracle(&memory, (mode, root), (g_mode, g_root), va, access, who);
                let fault = walk.fault(access, who, false);
                let seen = match fault {
                    None => Ok(walk.address().expect("an address").raw()),
                    Some(TwoStageFault::Guest(gpa)) => {
                        Err((TwoStageFault::Guest(gpa).cause(access), gpa))
                    }
                    Some(fault) => Err((fault.cause(access), 0)),
                };
                assert_eq!(
                    seen, wanted,
                    "{va:#x} {mode:?} {g_mode:?} {access:?} {walk:?}"
                );
                match fault {
                    None => mapped += 1,
                    Some(TwoStageFault::Page) => page += 1,
                    Some(TwoStageFault::Guest(_)) => guest += 1,
                    Some(TwoStageFault::Access) => gone += 1,
                }
            }
        }
    }
    // Each end was met often.
    let ends = [mapped, page, guest, gone];
    assert!(ends.iter().all(|times| *times > 500), "{ends:?}");
}
