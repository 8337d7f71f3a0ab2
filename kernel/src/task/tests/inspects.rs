//! What the kernel shows of itself costs the same in each entry, however much RAM there is.

use abi::{Advice, Call, Error, Topic};
use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};
use sim::Quirks;

use super::kernel::{DATA, HEAP, Kernel, STACK};
use crate::mm::tests::both;
use crate::mm::tests::machine::{Bench, TestMachine};
use crate::mm::{AuditFinding, Machine, Owner, Space, table};
use crate::task::Slot;

both! {
    eight_gibibytes_are_counted_in_pieces
    a_large_task_is_counted_and_audited_in_pieces
    an_audit_beside_programs_that_change_memory_accuses_nobody
    an_audit_finds_each_kind_of_damage
    an_audit_that_was_given_up_does_no_harm_to_the_next
    a_task_of_many_tables_is_audited_in_pieces_even_after_one_that_was_given_up
}

/// Frames of the pool beside the far RAM.
const POOL: usize = 9000;
const FAR_BYTES: u64 = 8 << 30;
/// Pages of a task that one piece cannot walk.
const PAGES: u64 = 8000;
/// Looks at pages or rows in one entry.
const LOOKS: u64 = 4096;

/// All lines of a topic, as a program reads them, and how often the kernel was entered for them.
fn read<M: TestMachine>(kernel: &mut Kernel<M>, topic: usize) -> (String, usize) {
    let (mut text, mut entries, mut index) = (String::new(), 0, 0);
    loop {
        let ask = [topic as u64, index, STACK, 512, 0];
        let returned = kernel.call(Call::Inspect, ask);
        let bytes = returned.result.unwrap();
        assert!(returned.most.reads <= 5 * LOOKS, "{:?}", returned.most);
        entries += returned.entries;
        text += &kernel.memory(STACK, bytes);
        index = returned.second as u64;
        if index == 0 {
            return (text, entries);
        }
    }
}

fn topic(topic: Topic) -> usize {
    topic.number()
}

/// The running task touches so many pages of its heap.
fn grow<M: TestMachine>(kernel: &mut Kernel<M>, pages: u64) {
    let bytes = pages * PAGE_BYTES;
    let limit = [abi::Set::HeapLimit.number() as u64, bytes, 0, 0, 0];
    kernel.call(Call::Set, limit).result.unwrap();
    kernel.call(Call::Sbrk, [bytes, 0, 0, 0, 0]).result.unwrap();
    let need = [HEAP, bytes, Advice::WillNeed.number() as u64, 0, 0];
    kernel.call(Call::Advise, need).result.unwrap();
}

fn eight_gibibytes_are_counted_in_pieces<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::on(Bench::with_far_ram(quirks, POOL, FAR_BYTES));
    let frames = FAR_BYTES / PAGE_BYTES;
    let (text, entries) = read(&mut kernel, topic(Topic::Pmm));
    assert!(entries as u64 >= frames / (4 * LOOKS), "{entries}");
    let far = text.lines().last().unwrap();
    let cells: Vec<&str> = far.split_whitespace().collect();
    assert_eq!(cells[2], frames.to_string(), "{text}");
    assert_eq!(cells[8], frames.to_string(), "all of it is free: {text}");
    let (json, _) = read(&mut kernel, topic(Topic::Pmm) | Topic::JSON);
    assert!(json.contains(&format!(r#""free":{frames}"#)), "{json}");
    // Lines that are free from end to end are passed over: nearly all.
    let (text, entries) = read(&mut kernel, topic(Topic::Dump));
    assert!(entries > 100, "{entries}");
    assert!((1..10).contains(&text.lines().count()), "{text}");
    let (text, _) = read(&mut kernel, topic(Topic::Audit));
    assert!(text.contains("and all adds up"), "{text}");
}

fn a_large_task_is_counted_and_audited_in_pieces<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    grow(&mut kernel, PAGES);
    let (text, entries) = read(&mut kernel, topic(Topic::Ws));
    assert!(entries > 1, "{entries}");
    let resident = kernel.resident();
    assert!(
        text.contains(&format!(" {resident} ")),
        "{resident}: {text}"
    );
    let (text, entries) = read(&mut kernel, topic(Topic::Audit));
    assert!(entries as u64 > PAGES / LOOKS, "{entries}");
    assert!(text.contains("and all adds up"), "{text}");
    // A key gets through between two pieces.
    let pc = kernel.begin(
        Call::Inspect,
        [topic(Topic::Audit) as u64, 0, STACK, 512, 0],
    );
    kernel.press(b'x');
    kernel.enter_call();
    assert_eq!(kernel.context.pc, pc, "it is left at its ecall");
    kernel.take_interrupts();
    assert!(kernel.has_input());
}

/// Another task maps, touches and unmaps between any two pieces.
fn an_audit_beside_programs_that_change_memory_accuses_nobody<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    let auditor = kernel.system.local.schedule.current();
    grow(&mut kernel, PAGES / 2);
    let other = kernel.task(1, "other");
    let pc = kernel.begin(
        Call::Inspect,
        [topic(Topic::Audit) as u64, 0, STACK, 512, 0],
    );
    let mut mapped = Vec::new();
    let mut turns = 0;
    while kernel.context.pc == pc {
        kernel.enter_call();
        if kernel.context.pc != pc {
            break;
        }
        switch_to(&mut kernel, other);
        let at = kernel.call(Call::Mmap, [64 * PAGE_BYTES, 0, 0, 0, 0]);
        mapped.push(at.result.unwrap() as u64);
        for page in 0..64 {
            kernel.fault(15, mapped[turns] + page * PAGE_BYTES);
        }
        if turns % 2 == 1 {
            let gone = mapped[turns - 1];
            let answer = kernel.call(Call::Munmap, [gone, 64 * PAGE_BYTES, 0, 0, 0]);
            answer.result.unwrap();
        }
        kernel.fault(13, DATA);
        turns += 1;
        switch_to(&mut kernel, auditor);
    }
    assert!(turns > 1, "{turns}");
    let text = kernel.memory(STACK, kernel.context.x[10]);
    let found = kernel.system.audited;
    assert_eq!((found.problems, found.first), (0, None), "{text}");
    assert!(
        found.changed && text.contains("memory changed meanwhile"),
        "{text}"
    );
    kernel.must_be_sound("all of it at once");
}

fn switch_to<M: TestMachine>(kernel: &mut Kernel<M>, task: Slot) {
    while kernel.system.local.schedule.current() != task {
        kernel.system.local.platform.now += 10_000;
        kernel.take_timer();
    }
}

/// A kernel whose first task has pages, with something wrong in its memory.
fn damaged<M: TestMachine>(
    quirks: Quirks,
    damage: impl FnOnce(&mut Kernel<M>, Slot),
) -> Option<AuditFinding> {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    grow(&mut kernel, 8);
    kernel.fault(13, DATA);
    kernel.must_be_sound("before");
    let first = kernel.system.local.schedule.current();
    damage(&mut kernel, first);
    kernel.system.audit().first
}

/// The place of the leaf of the heap's page.
fn leaf<M: TestMachine>(kernel: &Kernel<M>, slot: Slot, page: u64) -> table::WalkEnd {
    let space: &Space = kernel.system.tasks.space(slot);
    let va = VirtAddr::new(HEAP + page * PAGE_BYTES);
    table::walk(&kernel.system.local.platform, space.root(), va)
}

fn an_audit_finds_each_kind_of_damage<M: TestMachine>(quirks: Quirks) {
    let lost = damaged::<M>(quirks, |kernel, _| {
        let owner = Owner::Page { space: 1, vpn: 7 };
        kernel.system.frames.alloc(owner).unwrap();
    });
    assert!(matches!(lost, Some(AuditFinding::Lost { .. })), "{lost:?}");
    let table = damaged::<M>(quirks, |kernel, _| {
        kernel
            .system
            .frames
            .alloc(Owner::Table { space: 1 })
            .unwrap();
    });
    assert!(
        matches!(table, Some(AuditFinding::Lost { .. })),
        "{table:?}"
    );
    let foreign = damaged::<M>(quirks, |kernel, slot| {
        let (one, other) = (leaf(kernel, slot, 0), leaf(kernel, slot, 1));
        kernel
            .system
            .local
            .platform
            .write_entry(one.at, other.entry);
    });
    assert!(
        matches!(foreign, Some(AuditFinding::Foreign { .. })),
        "{foreign:?}"
    );
    let stray = damaged::<M>(quirks, |kernel, slot| {
        let (one, behind) = (leaf(kernel, slot, 0), leaf(kernel, slot, 8));
        assert_eq!(behind.level, 0);
        kernel
            .system
            .local
            .platform
            .write_entry(behind.at, one.entry);
    });
    assert!(
        matches!(stray, Some(AuditFinding::Stray { .. })),
        "{stray:?}"
    );
    let twice = damaged::<M>(quirks, |kernel, slot| {
        let root = kernel.system.tasks.space(slot).root();
        let platform = &mut kernel.system.local.platform;
        let entry = platform.read_entry(root);
        assert!(Pte::new(entry).is_valid());
        let second = root.wrapping_add(M::MODE.entry_bytes() as u64);
        platform.write_entry(second, entry);
    });
    assert!(
        matches!(twice, Some(AuditFinding::Twice { .. })),
        "{twice:?}"
    );
    let resident = damaged::<M>(quirks, |kernel, slot| {
        kernel.system.tasks.space_mut(slot).add_resident(1);
    });
    assert!(
        matches!(resident, Some(AuditFinding::Resident { .. })),
        "{resident:?}"
    );
    let not_freed = damaged::<M>(quirks, |kernel, slot| {
        let frame = Pte::new(leaf(kernel, slot, 3).entry).target(M::MODE);
        assert!(kernel.system.frames.free(PhysAddr::new(frame.raw())));
    });
    assert!(
        matches!(not_freed, Some(AuditFinding::Foreign { .. })),
        "{not_freed:?}"
    );
}

fn an_audit_that_was_given_up_does_no_harm_to_the_next<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    grow(&mut kernel, PAGES);
    kernel.begin(
        Call::Inspect,
        [topic(Topic::Audit) as u64, 0, STACK, 512, 0],
    );
    kernel.enter_call();
    // Another call, and the same one again.
    assert_eq!(kernel.call(Call::Getpid, [0; 5]).result, Ok(1));
    let bad = kernel.call(Call::Inspect, [topic(Topic::Audit) as u64, 0, 8, 512, 0]);
    assert_eq!(bad.result, Err(Error::BadAddress));
    let (text, _) = read(&mut kernel, topic(Topic::Audit));
    assert!(text.contains("and all adds up"), "{text}");
    kernel.must_be_sound("the next");
}

fn a_task_of_many_tables_is_audited_in_pieces_even_after_one_that_was_given_up<M: TestMachine>(
    quirks: Quirks,
) {
    let mut kernel = Kernel::<M>::new(quirks, POOL);
    // A page in each of so many tables.
    let (large, tables) = (M::MODE.leaf_bytes(1), 300);
    let space = kernel.call(Call::Mmap, [large * tables, 0, 0, 0, 0]);
    let at = space.result.unwrap() as u64;
    for table in 0..tables {
        kernel.fault(15, at + table * large);
    }
    let audit = [topic(Topic::Audit) as u64, 0, STACK, 512, 0];
    let pc = kernel.begin(Call::Inspect, audit);
    for _ in 0..4 {
        kernel.enter_call();
        assert_eq!(kernel.context.pc, pc, "it is in the middle");
    }
    assert_eq!(kernel.call(Call::Getpid, [0; 5]).result, Ok(1));
    let (text, entries) = read(&mut kernel, topic(Topic::Audit));
    assert!(entries > 8, "{entries}");
    assert!(text.contains("and all adds up"), "{text}");
}
