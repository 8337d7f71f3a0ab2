//! From the loader's word to the first task: a list of steps, in order.

use core::fmt::Write;
use core::mem::MaybeUninit;

use abi::Fault;
use abi::message::SERVERS;
use pagetable::PhysAddr;
use romfs::Romfs;
use romfs::record::Record;
use spin::{Mutex, MutexGuard};

use crate::arch::{self, Entered, Mapped, Mmio, Others, Riscv};
use crate::arguments::{KernelArguments, StoreArgument};
use crate::board::UartDriver;
use crate::debug::Console;
use crate::debug::stub::{Buffers, Debugger};
use crate::drivers::{Plic, Uart};
use crate::fault::{self, PagingCounts, Pressure};
use crate::harts::{HartTable, Harts};
use crate::local::Local;
use crate::mm::bootmap::ImageSections;
use crate::mm::{
    Audit, Backing, BootRam, Fast, FrameDescriptor, Frames, Machine, Objects, PAGE_BYTES, RamStore,
    SlowStore, Surveyed, ZipRoom, ZipScratch, ZipStore,
};
use crate::platform::Platform;
use crate::system::{BootFacts, System};
use crate::task::server::ServerSlot;
use crate::task::slot::{MAX_PROCESSES, MAX_THREADS};
use crate::task::{PressureWatches, Process, Schedule, Tasks, Thread, TrapFrame};
use crate::tree::{self, Name, RamMap, Range, Tree, TreeHarts, WhyNot};

/// The tables without threads and processes, for which boot claims memory.
static TASKS: Mutex<Tasks> = Mutex::new(Tasks::EMPTY);
/// So is the debugger without the room for its packets.
static DEBUGGER: Mutex<Debugger> = Mutex::new(Debugger::EMPTY);
/// So are the console's rings.
static CONSOLE: Mutex<Console<Mmio>> = Mutex::new(Console::EMPTY);

/// So is the table of the harts, without those that boot starts.
static HARTS: Mutex<HartTable<Riscv>> = Mutex::new(HartTable::EMPTY);

/// The trap path's assembly knows where it is.
static FAST: Mutex<Fast> = Mutex::new(Fast::EMPTY);

/// No board's clock is slower: 32,768 Hz is the slowest in use. With a timebase far below the truth, a
/// slice would be over before a program runs.
const SLOWEST_HZ: u32 = 10_000;

/// Slots of a compressed store for each page of RAM that it has: more are seldom filled, and each is 16 bytes.
const ZIP_SLOTS: usize = 4;

/// Runs once, on the boot hart.
pub fn boot(entered: Entered) -> ! {
    let mut tree = read_tree(&entered);
    let limit = KernelArguments::read(&tree.arguments).harts;
    let mut harts = find_harts(&entered, &tree, limit);
    let beyond = tree.ram.keep_within(arch::REACH);
    let arguments = KernelArguments::read(&tree.arguments);
    let record = read_record(&entered.layout());
    let fdt = entered.tree_extent();
    must_be_free(&tree, &entered.layout(), record.file_size);
    let mut mapped = match entered.map(&tree, record.file_size) {
        Ok(mapped) => mapped,
        Err(error) => arch::die(format_args!("no kernel map: {error:?}")),
    };
    let mapped_spare = mapped.spare_tables();
    let mut ram = survey(&tree, &mapped.layout, record.file_size, fdt);
    let initrd_at = PhysAddr::new(mapped.layout.base.raw() + record.initrd_offset);
    if arguments.verify {
        verify_text(&mapped, &ram, &record);
    }
    let initrd = read_initrd(&mapped, &ram, &record, arguments.verify);
    let log = claim::<Fault>(
        &mut mapped,
        &mut ram,
        fault::room(arguments.log_records),
        "the fault log",
    );
    let threads =
        claim::<MaybeUninit<Thread>>(&mut mapped, &mut ram, MAX_THREADS, "the table of threads");
    let trap_frames = claim::<MaybeUninit<TrapFrame>>(
        &mut mapped,
        &mut ram,
        MAX_THREADS,
        "the threads' registers",
    );
    let processes = claim::<MaybeUninit<Process>>(
        &mut mapped,
        &mut ram,
        MAX_PROCESSES,
        "the table of processes",
    );
    let servers =
        claim::<MaybeUninit<ServerSlot>>(&mut mapped, &mut ram, SERVERS, "the table of servers");
    let packets = &mut claim::<Buffers>(&mut mapped, &mut ram, 1, "gdb's packets")[0];
    let tasks = MutexGuard::leak(TASKS.lock());
    let others = prepare_harts(&mut mapped, &mut ram, &mut harts);
    let store = open_store(&mut mapped, &mut ram, arguments.store);
    let entries = Frames::table_bytes(&ram) / size_of::<FrameDescriptor>();
    let table = claim::<FrameDescriptor>(&mut mapped, &mut ram, entries, "the frame table");
    let mut frames = Frames::new(
        table,
        MutexGuard::leak(FAST.lock()),
        ram,
        arguments.pool_frames,
        arguments.arena.map(PhysAddr::new),
    );
    frames.keep_zeroed(arguments.zeroed);
    frames.evictor.policy = arguments.evict;
    let has_no_store = store.is_none();
    if let Some(store) = store {
        frames.backing = store;
    }
    frames.count_costs(mapped.started.is_some());
    // The fast path's assembly clears 64 of 64.
    frames.fast.cboz = usize::from(tree.cboz_bytes == 64 && mapped.clears_64_bytes());
    let plic = tree
        .wiring
        .interrupt
        .ok()
        .map(|plic| Plic::new(mapped.plic_registers(&plic), plic.context, plic.irq));
    let timebase_hz = if tree.timebase_hz < SLOWEST_HZ {
        tree.board.timebase_hz
    } else {
        tree.timebase_hz.into()
    };
    // Not cleared: a warm reset leaves the log of the boot before where it was.
    let (log, old_log) = fault::open(log, arguments.log_records, timebase_hz);
    let console = MutexGuard::leak(CONSOLE.lock());
    console.open(
        open_uart(&mut mapped, &tree.wiring.uart),
        tree.board,
        timebase_hz,
    );
    console.begin_listening(mapped.machine.ticks());
    let debugger = MutexGuard::leak(DEBUGGER.lock());
    debugger.give_room(packets);
    tasks.give_room(threads, trap_frames, processes, servers);
    let mut schedule = Schedule::new(timebase_hz);
    if plic.is_none() {
        schedule.begin_polling(mapped.machine.ticks());
    }
    let image_delay = arguments.image_delay_ms.map(|ms| schedule.ticks(ms));
    let boot = BootFacts {
        board: tree.board,
        wiring: tree.wiring,
        image: mapped.layout.base,
        image_bytes: record.file_size,
        first_instruction: mapped.started,
        to_first_byte: 0,
        timebase_hz,
        ram: RamMap::new(&tree),
        sstc: mapped.machine.has_sstc(),
    };
    let pressure = Pressure::new(timebase_hz, mapped.machine.ticks());
    let mut system = System {
        local: Local {
            platform: mapped.machine,
            schedule,
            log,
        },
        harts: Harts::one(mapped.hart.id, MutexGuard::leak(HARTS.lock())),
        frames,
        objects: Objects::EMPTY,
        kernel_root: mapped.root,
        tasks,
        store: SlowStore::new(image_delay),
        old_log,
        fast: arguments.fast,
        prezeroes: arguments.zeroed,
        quiet: false,
        fault_text: false,
        debugger,
        console,
        audited: Audit::NOTHING,
        paging: PagingCounts::default(),
        pressure,
        watches: PressureWatches::NONE,
        oom: arguments.oom,
        surveyed: Surveyed::default(),
        plic,
        initrd,
        initrd_at,
        shell: 0,
        boot,
    };
    // The loader's tree has been read, and the tables that were enough to begin with are not in
    // force any more.
    system.frames.release(PhysAddr::new(fdt.base), fdt.bytes);
    for (at, bytes) in mapped_spare {
        system.frames.release(at, bytes);
    }
    if arguments.frames {
        system.console.begin_frames();
    }
    system.greet(beyond);
    say_what_is_odd(&mut system, &tree);
    if has_no_store {
        let _ = writeln!(
            system.console,
            "pagewalk: no RAM for the store that `store=` asks for; there is none"
        );
    }
    system.start_shell();
    arch::run(mapped.hart, system, &others, &mut harts)
}

fn read_tree(entered: &Entered) -> Tree {
    let Some(bytes) = entered.device_tree() else {
        arch::die(format_args!(
            "no device tree at a1; the loader must pass one of at most {} MiB",
            arch::TREE_LIMIT >> 20
        ))
    };
    let mut tree = Tree::unread();
    match tree.read(bytes, entered.hart()) {
        Ok(()) => tree,
        Err(error) => arch::die(format_args!("device tree refused: {error}")),
    }
}

/// The harts besides this one; none where the tree has none, or firmware cannot start them.
fn find_harts(entered: &Entered, tree: &Tree, limit: usize) -> TreeHarts {
    if tree.harts < 2 || limit < 2 || !arch::can_start_harts() {
        return TreeHarts::NONE;
    }
    let bytes = entered.device_tree().unwrap_or(&[]);
    let found = TreeHarts::read(bytes, entered.hart(), Riscv::MODE, limit);
    // The tree was read whole before: it has no faults.
    found.unwrap_or(TreeHarts::NONE)
}

/// Their blocks and stacks.
fn prepare_harts(mapped: &mut Mapped, ram: &mut BootRam, found: &mut TreeHarts) -> Others {
    let mut others: Others = Default::default();
    if found.all().is_empty() {
        return others;
    }
    let known = *found;
    for (at, id) in known.usable().enumerate() {
        match mapped.prepare_hart(ram, at + 1, id) {
            Some(hart) => others[at] = Some(hart),
            None => found.leave_out(id, WhyNot::Memory),
        }
    }
    others
}

/// The packer's record: without it there is no initrd, and no program to run.
fn read_record(layout: &ImageSections) -> Record {
    let record = match Record::decode(&arch::record()) {
        Ok(record) => record,
        Err(error) => arch::die(format_args!(
            "this Image holds no initrd ({error}); pack it with `pagewalk image build`"
        )),
    };
    let fits = record
        .initrd_offset
        .checked_add(record.initrd_size)
        .is_some_and(|end| end <= record.file_size);
    if record.initrd_offset < layout.end || !fits || record.initrd_offset % 4096 != 0 {
        arch::die(format_args!(
            "this Image's record is not of this kernel; pack it again"
        ));
    }
    record
}

/// What the tree holds back is not mapped, so nothing of the kernel may lie there.
fn must_be_free(tree: &Tree, layout: &ImageSections, image_bytes: u64) {
    let base = layout.base.raw();
    let overlaps = |held: &&Range| held.base < base + image_bytes && base < held.end();
    if let Some(held) = tree.held.as_slice().iter().find(overlaps) {
        arch::die(format_args!(
            "the device tree reserves {:#x} to {:#x}, and the Image lies at {base:#x} to {:#x}; load it elsewhere",
            held.base,
            held.end(),
            base + image_bytes
        ));
    }
}

/// All RAM, with everything reserved that must outlive the first frame given out.
fn survey(tree: &Tree, layout: &ImageSections, image_bytes: u64, fdt: Range) -> BootRam {
    let mut ram = BootRam::new();
    let image = Range {
        base: layout.base.raw(),
        bytes: image_bytes,
    };
    let mut result = Ok(());
    for range in tree.ram.as_slice() {
        result = result.and(ram.add(range.base, range.bytes));
    }
    let taken = tree
        .held
        .as_slice()
        .iter()
        .chain(tree.reserved.as_slice())
        .chain([&image, &fdt]);
    for range in taken {
        result = result.and(ram.reserve(range.base, range.bytes));
    }
    if let Err(error) = result {
        arch::die(format_args!("memory map refused: {error}"));
    }
    ram
}

/// `initrd.verify=1` is about everything that a loader copied: a bit that flipped in the kernel's
/// own code is found before it is run into. An Image of an older packer has no CRC of it.
fn verify_text(mapped: &Mapped, ram: &BootRam, record: &Record) {
    let size = record.text_size.min(mapped.layout.text_end);
    let Some(text) = mapped.slices.reserved(ram, mapped.layout.base, size) else {
        return;
    };
    if size > 0 && romfs::record::crc32(text) != record.text_crc32 {
        arch::die(format_args!(
            "the kernel is damaged: the CRC-32 of its text is not what the packer wrote; copy it again"
        ));
    }
}

/// The ROMFS that the packer glued on, whole: the record is checked, the end of the file,
/// and the superblock. With `initrd.verify=1` every byte.
fn read_initrd(mapped: &Mapped, ram: &BootRam, record: &Record, verify: bool) -> Romfs<'static> {
    let at = mapped.layout.base.raw() + record.initrd_offset;
    let Some(rest) = mapped.slices.reserved(
        ram,
        PhysAddr::new(at),
        record.file_size - record.initrd_offset,
    ) else {
        arch::die(format_args!(
            "the Image reaches beyond RAM; it is truncated, or too big for this board"
        ))
    };
    if !record.ends_whole(rest) {
        arch::die(format_args!(
            "the Image is truncated: its last bytes are not there; copy it again"
        ));
    }
    let initrd = &rest[..record.initrd_size as usize];
    if verify && romfs::record::crc32(initrd) != record.initrd_crc32 {
        arch::die(format_args!(
            "the initrd is damaged: its CRC-32 is not what the packer wrote"
        ));
    }
    match Romfs::new(initrd) {
        Ok(romfs) => romfs,
        Err(error) => arch::die(format_args!("the initrd is damaged: {error}")),
    }
}

fn claim<T: arch::Plain>(
    mapped: &mut Mapped,
    ram: &mut BootRam,
    count: usize,
    what: &str,
) -> &'static mut [T] {
    match mapped.slices.claim(ram, count) {
        Some(slice) => slice,
        None => arch::die(format_args!(
            "no RAM for {what}: {} bytes",
            count * size_of::<T>()
        )),
    }
}

/// The backing store; `None` where RAM has no place for it, less what programs need.
fn open_store(
    mapped: &mut Mapped,
    ram: &mut BootRam,
    wanted: Option<StoreArgument>,
) -> Option<Backing> {
    let pages = match wanted {
        None => return Some(Backing::none()),
        Some(StoreArgument::Rom) => return Some(Backing::rom()),
        Some(StoreArgument::Ram { pages } | StoreArgument::Zip { pages }) => pages,
    };
    if u64::from(pages) >= ram.free_frames() {
        return None;
    }
    let bytes = u64::from(pages) * PAGE_BYTES;
    let at = ram.take(bytes, PAGE_BYTES)?;
    if let Some(StoreArgument::Ram { .. }) = wanted {
        let slots = mapped.slices.claim::<u32>(ram, pages as usize)?;
        return Some(Backing::ram(RamStore { at }, slots));
    }
    let count = ZIP_SLOTS * pages as usize;
    let scratch = mapped.slices.claim::<MaybeUninit<ZipScratch>>(ram, 1)?;
    let room = ZipRoom {
        at,
        chunks: mapped.slices.claim(ram, ZipRoom::chunks_in(bytes))?,
        values: mapped.slices.claim(ram, count)?,
        lengths: mapped.slices.claim(ram, count)?,
        sums: mapped.slices.claim(ram, count)?,
        scratch: scratch[0].write(ZipScratch::empty()),
    };
    let slots = mapped.slices.claim::<u32>(ram, count)?;
    Some(Backing::zip(ZipStore::new(room), slots))
}

fn open_uart(mapped: &mut Mapped, uart: &tree::UartNode) -> Uart<Mmio> {
    let registers = mapped.console_registers(uart);
    match uart.kind {
        UartDriver::Ns16550 => Uart::ns16550(registers),
        UartDriver::Bl808 => Uart::bl808(registers),
    }
}

/// What boot found that a user should know; each is one line.
fn say_what_is_odd(system: &mut System<Riscv>, tree: &Tree) {
    let (console, wiring) = (&mut *system.console, &tree.wiring);
    // The console takes what there is room for, and cannot fail otherwise.
    if let Some(name) = wiring.unknown_console {
        let _ = writeln!(
            console,
            "pagewalk: no driver for the console `{name}` that the device tree asks for; using the one at {:#x}",
            wiring.uart.base
        );
    }
    if let Err(why) = wiring.interrupt {
        let _ = writeln!(console, "pagewalk: {why}; the console is polled");
    }
    if (1..SLOWEST_HZ).contains(&tree.timebase_hz) {
        let _ = writeln!(
            console,
            "pagewalk: the device tree's timebase of {} Hz cannot be; taking the board's, {} Hz",
            tree.timebase_hz, tree.board.timebase_hz
        );
    }
    for (word, why) in KernelArguments::not_understood(&tree.arguments) {
        let word = Name::new(word.as_bytes());
        let _ = writeln!(console, "pagewalk: boot argument `{word}`: {why}");
    }
    if tree.arguments.are_lost() {
        let _ = writeln!(
            console,
            "pagewalk: boot arguments are text of at most 256 bytes; the rest is not read"
        );
    }
    if tree.harts > 1 && !arch::can_start_harts() {
        let _ = writeln!(
            console,
            "pagewalk: firmware cannot start harts (HSM, IPI); one of {} runs",
            tree.harts
        );
    }
    if system.boot.first_instruction.is_none() {
        let _ = writeln!(
            console,
            "pagewalk: instret cannot be read (mcounteren.IR); faults have no cost"
        );
    }
}
