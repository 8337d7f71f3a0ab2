//! Both stages of a guest's translation, beside a hart with the hypervisor extension.
//!
//! QEMU reads addresses of a guest with `hlv.d`, through random tables; each answer is the word at the
//! address that our walk finds, or the same cause with the same guest physical address.

use std::fs;
use std::process::Command;

use pagetable::{
    AccessType, Dialect, GuestRoot, Memory, Mode, Outside, PhysAddr, Privilege, Root, Satp,
    TwoStageFault, VirtAddr, Xlen, translate_two_stage,
};

use crate::tools::path;

/// Where tables lie, and how many pages of them there are.
const TABLES: u64 = 0x8010_0000;
const PAGES: u64 = 64;
/// Where the program finds its questions.
const QUESTIONS: u64 = 0x8001_0000;
const RAM: u64 = 0x8000_0000;
const RAM_BYTES: u64 = 32 << 20;
/// `hstatus.SPVP`, `vsstatus.SUM` and `MXR`.
const SPVP: u64 = 1 << 8;
const SUM: u64 = 1 << 18;
const MXR: u64 = 1 << 19;

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

/// The tables, as the machine is given them.
struct Tables(Vec<u64>);

impl Memory for Tables {
    type Error = Outside;
    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let is_ram = (RAM..RAM + RAM_BYTES).contains(&at.raw());
        let index = at.raw().checked_sub(TABLES).map(|from| from as usize / 8);
        let held = index.and_then(|index| self.0.get(index)).copied();
        // The rest of RAM is zero where no table leads on purpose.
        held.or(is_ram.then_some(0)).ok_or(Outside { at, bytes })
    }
}

impl Tables {
    /// Most entries lead to other tables; leaves have A and D, which a hart may leave to software.
    fn random(chance: &mut Chance) -> Tables {
        let count = PAGES * 512;
        let mut entry = |_| {
            let page = match chance.below(8) {
                // A multiple of every large page that memory has.
                0 => RAM >> 12,
                _ => (TABLES >> 12) + chance.below(PAGES),
            };
            let flags = match chance.below(12) {
                0 => chance.below(256) | 0xc0,
                1..=5 => 1,
                6..=7 => 0xdf,
                8 => 0xd3,
                9 => 0xd9,
                _ => 0xcf,
            };
            page << 10 | flags
        };
        Tables((0..count).map(&mut entry).collect())
    }
}

/// A question and what our walk answers.
struct Question {
    words: [u64; 5],
    wanted: Result<PhysAddr, (u64, u64)>,
}

fn question(chance: &mut Chance, tables: &mut Tables) -> Question {
    let modes = [Mode::Bare, Mode::Sv39, Mode::Sv48, Mode::Sv57];
    let pick = |chance: &mut Chance| modes[chance.below(4) as usize];
    let root = PhysAddr::new(TABLES + chance.below(PAGES) * 4096);
    let guest_root = PhysAddr::new(TABLES + chance.below(PAGES / 4) * 4 * 4096);
    let (mode, guest_mode) = (pick(chance), pick(chance));
    let raw = chance.next() & !7;
    let va = match (mode, chance.below(8)) {
        (_, 0) => raw,
        (Mode::Bare, _) if guest_mode == Mode::Bare => TABLES + raw % (PAGES * 4096),
        (Mode::Bare, _) => raw % (1 << 40),
        (mode, _) => mode.sign_extend(raw).raw(),
    };
    let who = Privilege {
        is_user: chance.below(2) == 0,
        sum: chance.below(2) == 0,
        mxr: chance.below(2) == 0,
    };
    let bit = |is_set, bit| if is_set { bit } else { 0 };
    let satp = |mode, root| {
        Satp {
            mode,
            asid: 0,
            root,
        }
        .encode(Xlen::Rv64)
    };
    let words = [
        va,
        satp(mode, root),
        satp(guest_mode, guest_root),
        bit(!who.is_user, SPVP),
        bit(who.sum, SUM) | bit(who.mxr, MXR),
    ];
    let first = Root {
        mode,
        table: root,
        dialect: Dialect::None,
    };
    let second = GuestRoot {
        mode: guest_mode,
        table: guest_root,
        dialect: Dialect::None,
    };
    let walk = translate_two_stage(tables, first, second, VirtAddr::new(va));
    let access = AccessType::Read;
    let wanted = match walk.fault(access, who, false) {
        None => Ok(walk.address().expect("an address")),
        Some(fault) => {
            let gpa = match fault {
                TwoStageFault::Guest(gpa) => gpa,
                _ => 0,
            };
            Err((fault.cause(access).into(), gpa >> 2))
        }
    };
    Question { words, wanted }
}

/// What the machine says of each question: value, cause, address.
fn asked(folder: &std::path::Path, tables: &Tables, questions: &[Question]) -> Vec<[u64; 3]> {
    let bytes = |words: &[u64]| -> Vec<u8> {
        let each = words.iter().flat_map(|word| word.to_le_bytes());
        each.collect()
    };
    let mut list = vec![questions.len() as u64];
    list.extend(questions.iter().flat_map(|it| it.words));
    let mut qemu = Command::new("qemu-system-riscv64");
    qemu.args(["-M", "virt", "-m", "32M", "-nodefaults", "-display", "none"])
        .args(["-cpu", "rv64,h=true", "-serial", "stdio", "-bios"])
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/captures/guest.elf"
        ));
    for (name, at, content) in [
        ("tables", TABLES, bytes(&tables.0)),
        ("questions", QUESTIONS, bytes(&list)),
    ] {
        let file = folder.join(name);
        fs::write(&file, content).expect("a file");
        let loader = format!("loader,file={},addr={at:#x},force-raw=on", path(&file));
        qemu.args(["-device", &loader]);
    }
    let output = qemu.output().expect("QEMU starts");
    let answers = output.stdout.chunks_exact(24);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let answers: Vec<[u64; 3]> = answers
        .map(|it| [word(&it[..8]), word(&it[8..16]), word(&it[16..])])
        .collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(answers.len(), questions.len(), "{complaint}");
    answers
}

#[test]
fn a_hart_with_guests_reads_what_our_walk_finds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut chance = Chance(0x5851_f42d_4c95_7f2d);
    let mut tables = Tables::random(&mut chance);
    let mut questions: Vec<Question> = (0..1500)
        .map(|_| question(&mut chance, &mut tables))
        .collect();
    // What no table holds is the program's own memory, or none: a value of it says nothing of the walk.
    let is_table = |at: &PhysAddr| (TABLES..TABLES + PAGES * 4096).contains(&at.raw());
    questions.retain(|it| it.wanted.as_ref().map_or(true, is_table));
    let answers = asked(folder.path(), &tables, &questions);
    let (mut values, mut pages, mut guests) = (0, 0, 0);
    for (question, [value, cause, address]) in questions.iter().zip(answers) {
        let words = question.words.map(|word| format!("{word:#x}"));
        match question.wanted {
            Ok(at) => {
                assert_eq!(cause, 0, "{words:?} at {at}");
                let wanted = tables.read_word(at, 8).expect("it is a table");
                assert_eq!(value, wanted, "{words:?} at {at}");
                values += 1;
            }
            Err((wanted, gpa)) => {
                assert_eq!(cause, wanted, "{words:?}");
                if wanted == 21 {
                    assert_eq!(address, gpa, "{words:?}");
                    guests += 1;
                }
                pages += usize::from(wanted == 13);
            }
        }
    }
    let ends = [values, pages, guests];
    assert!(ends.iter().all(|times| *times > 50), "{ends:?}");
}
