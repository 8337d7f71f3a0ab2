//! `hostile CALLS [SEED]`: system calls with arguments that make no sense, as many as that.
//!
//! The kernel must refuse or obey each and stay well. What would only be a nuisance to the
//! reader is left out: ending itself or the shell, waiting for input, long sleeps.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::message::{TRY, WAIT};
use abi::thread::NO_TIMEOUT;
use abi::{Call, Error};
use user::message::{Server, ServerConnection};
use user::{Arguments, call, println, raw_call};

user::main!(run);

const PAGE: usize = 4096;
/// One past the last address of the programs' lower part, the kernel, and RAM as it sees it.
#[cfg(target_pointer_width = "64")]
const PLACES: [usize; 3] = [0x40_0000_0000, 0xffff_ffff_8000_0000, 0xffff_ffc0_8020_0000];
#[cfg(target_pointer_width = "32")]
const PLACES: [usize; 3] = [0x8000_0000, 0xbe00_0000, 0x8040_0000];
const USER_END: usize = PLACES[0];
const KERNEL: usize = PLACES[1];
const PHYSMAP: usize = PLACES[2];

/// Number of addresses to try for each pointer argument.
const ADDRESSES: usize = 20;

/// A number that no call has.
const BEYOND: usize = 200;

const LENGTHS: [usize; 12] = [
    0,
    1,
    95,
    PAGE - 1,
    PAGE,
    PAGE + 1,
    1 << 20,
    1 << 31,
    usize::MAX / 2,
    usize::MAX / 2 + 1,
    usize::MAX - PAGE,
    usize::MAX,
];

fn run(arguments: Arguments) -> u8 {
    if arguments.word(1) == Some("serve") {
        return u8::from(serve().is_err());
    }
    let Some(calls) = arguments.number(1) else {
        println!("usage: hostile CALLS [SEED]");
        return 2;
    };
    // Results are written to one page, arguments are read from another one: zeros, so that nothing is
    // printed.
    let (Ok(read), Ok(written)) = (call::map(PAGE), call::map(PAGE)) else {
        println!("hostile: no page to begin with");
        return 1;
    };
    // Its first connection, which it keeps.
    let answering = call::spawn("hostile serve");
    if let Err(error) = ServerConnection::to(ANSWERING, 10_000) {
        println!("hostile: no server to lend to: {error}");
    }
    let mut chance = Chance(arguments.number(2).unwrap_or(1) as u64 | 1);
    let devices = devices();
    let from = addresses(read.as_ptr() as usize, devices);
    let to = addresses(written.as_ptr() as usize, devices);
    let mut refused = 0;
    for _ in 0..calls {
        let (number, arguments) = nonsense(&mut chance, &from, &to);
        let answer = raw_call(number, arguments);
        if number == Call::Fork.number() && answer == 0 {
            call::exit(0);
        }
        refused += usize::from(Error::result(answer).is_err());
    }
    if let Ok(child) = answering {
        let _ = call::kill(child).and_then(|()| call::wait(child));
    }
    println!("hostile: {calls} calls, {refused} of them refused");
    0
}

/// The name of a server in a process of its own, which returns at once what it is lent.
const ANSWERING: &str = "hostile";

fn serve() -> Result<(), Error> {
    let server = Server::create(ANSWERING)?;
    let mut message = server.receive(NO_TIMEOUT)?;
    loop {
        let next = message.answer_and_receive([0; 5], NO_TIMEOUT);
        message = next.or_else(|_| server.receive(NO_TIMEOUT))?;
    }
}

/// Two devices of QEMU's `virt`, one mapped with leaves of a page and one with large ones. A board
/// that lists neither has none to pass.
fn devices() -> [usize; 2] {
    let mapped = |frame, bytes| {
        let answer = call::map_device(frame, bytes, 0);
        answer.unwrap_or_else(|error| {
            println!("hostile: no device at page {frame:#x}: {error}");
            0
        })
    };
    [mapped(0x101, PAGE), mapped(0x2_0000, 4 << 20)]
}

/// The borders of what a program may have, places it may not have at all, and devices.
fn addresses(page: usize, [device, large]: [usize; 2]) -> [usize; ADDRESSES] {
    [
        device,
        device + PAGE - 8,
        device.wrapping_sub(8),
        large + (3 << 20),
        0,
        1,
        PAGE - 1,
        0xffff,
        page,
        page + PAGE - 1,
        page + PAGE,
        page - 1,
        USER_END - PAGE,
        USER_END - 1,
        USER_END,
        KERNEL,
        PHYSMAP,
        usize::MAX / 2,
        usize::MAX - PAGE + 1,
        usize::MAX,
    ]
}

fn nonsense(
    chance: &mut Chance,
    from: &[usize; ADDRESSES],
    to: &[usize; ADDRESSES],
) -> (usize, [usize; 5]) {
    let (address, target) = (chance.pick(from), chance.pick(to));
    let length = chance.pick(&LENGTHS);
    let any = chance.next() as usize;
    match chance.next() % 35 {
        0 => (Call::Write.number(), [address, length, 0, 0, 0]),
        1 => (Call::Spawn.number(), [address, length, 0, 0, 0]),
        2 => (Call::Wait.number(), [any, 1, 0, 0, 0]),
        // Numbers that no task has: beyond the last, and beyond what a number can be.
        3 => (Call::Kill.number(), [any | 0x8000, 0, 0, 0, 0]),
        4 => {
            let delta = chance.pick(&[length, any, length.wrapping_neg()]);
            (Call::Sbrk.number(), [delta, 0, 0, 0, 0])
        }
        5 => {
            let topic = any % 17 + chance.pick(&[0, 0x100]);
            let index = chance.pick(&[0, 1, any, usize::MAX]);
            (
                Call::Inspect.number(),
                [topic, index, target, length, any % 3],
            )
        }
        6 => (
            Call::Sleep.number() + 100 * (any % 2),
            [any % 2, 0, 0, 0, 0],
        ),
        7 => (
            chance.pick(&[BEYOND, any | 0x100, usize::MAX]),
            [any, address, length, 0, 0],
        ),
        8..=11 => threads(chance, address, target),
        12..=19 => messages(chance, address, target),
        // A child ends at once.
        32 => (Call::Fork.number(), [any, address, length, 0, 0]),
        // A line of zeros names no program.
        33 => (Call::Exec.number(), [address, length, 0, 0, 0]),
        // This program does not fault: no handler is called.
        34 => (
            Call::SetExceptionHandler.number(),
            [
                chance.pick(&[address, target, 0, any]),
                chance.pick(&[target, any & !15, address]),
                any,
                0,
                0,
            ],
        ),
        _ => memory(chance, target),
    }
}

/// A call about threads. The first thread's own end, a wait without end and threads that run somewhere are left out:
/// what is started begins where threads return to.
fn threads(chance: &mut Chance, address: usize, target: usize) -> (usize, [usize; 5]) {
    let any = chance.next() as usize;
    let number = chance.pick(&[0, any % 400, any, usize::MAX]);
    let bytes = chance.pick(&LENGTHS);
    let place = chance.pick(&[address, target, target + 4, any, target + any % PAGE]);
    match chance.next() % 6 {
        0 => {
            let priority = chance.pick(&[1, 100, 100, 255, 256, any]);
            let stack = chance.pick(&[bytes, PAGE, any % (1 << 20)]);
            (
                Call::ThreadCreate.number(),
                [abi::thread::EXIT_THREAD, any, stack, priority, 0],
            )
        }
        1 => (Call::ThreadJoin.number(), [number, any, 0, 0, 0]),
        2 => (Call::ThreadSelf.number(), [any, address, 0, 0, 0]),
        3 => (
            Call::Priority.number(),
            [
                number,
                chance.pick(&[100, 256, any | 256, usize::MAX]),
                0,
                0,
                0,
            ],
        ),
        4 => (
            Call::WaitOnAddress.number(),
            [place, chance.pick(&[0, 1, any]), any % 2, 0, 0],
        ),
        _ => (
            Call::WakeAddress.number(),
            [place, chance.pick(&[0, 1, any, usize::MAX]), 0, 0, 0],
        ),
    }
}

/// A call about messages: between servers and connections of this program, which come and go. What would wait without
/// limit is left out: sends try, and receivers have a time.
fn messages(chance: &mut Chance, address: usize, target: usize) -> (usize, [usize; 5]) {
    let any = chance.next() as usize;
    let number = chance.pick(&[
        0,
        1,
        any % 20,
        any % 2000,
        32 + any % 64 * 64,
        any,
        usize::MAX,
    ]);
    let at = chance.pick(&[address, target, target + any % 4]);
    let bytes = chance.pick(&[0, 1, 1, 1, 16, 17, any]);
    let pages = chance.pick(&[0, 1, 1, 1, 2, 3, 256, 257, any]);
    let lent = chance.pick(&[
        address,
        address & !(PAGE - 1),
        target & !(PAGE - 1),
        SCRATCH + any % 32 * PAGE,
        SCRATCH + any % 32 * PAGE,
        any & !(PAGE - 1),
        &raw const any as usize & !(PAGE - 1),
        serve as *const () as usize & !(PAGE - 1),
    ]);
    let length = pages
        .wrapping_mul(PAGE)
        .wrapping_add(chance.pick(&[0, 0, 0, 1]));
    match chance.next() % 14 {
        // Lent to who returns it.
        10 | 11 => (
            Call::SendMemory.number(),
            [1 | any & WAIT, 3 + any % 2, lent, length, any],
        ),
        // The page that results are written to stays.
        12 if lent.abs_diff(target) > 300 * PAGE => (
            Call::SendMemory.number(),
            [number | TRY, any % 3, lent, length, any],
        ),
        13 => (
            Call::SendMemory.number(),
            [number | TRY, any & !7, address, any, any],
        ),
        0 => (Call::ServerCreate.number(), [at, bytes, any, 0, 0]),
        1 => (Call::ServerDestroy.number(), [number, any, 0, 0, 0]),
        2 | 3 => (Call::Connect.number(), [at, bytes, any % 2, 0, 0]),
        4 if number != 1 => (Call::Disconnect.number(), [number, any, 0, 0, 0]),
        5 | 6 => (
            Call::SendScalar.number(),
            [number | TRY, any, address, target, 0],
        ),
        7 => (Call::Receive.number(), [number, any % 2, 0, 0, 0]),
        8 => (Call::Return.number(), [number, any, address, target, 0]),
        _ => (
            Call::ReturnAndReceive.number(),
            [number, any, address, target, 0],
        ),
    }
}

/// May the range have a page of this program's stack, which ends within a MiB of here?
fn is_near_stack(address: usize, bytes: usize) -> bool {
    const MIB: usize = 1 << 20;
    let here = &raw const address as usize;
    address < here.saturating_add(MIB) && address.saturating_add(bytes) > here.saturating_sub(MIB)
}

/// A memory call; the program's own mappings interfere with each other.
fn memory(chance: &mut Chance, target: usize) -> (usize, [usize; 5]) {
    let any = chance.next() as usize;
    let page = any & !(PAGE - 1);
    // The page that results are written to stays: the results have to be read.
    let address = chance.pick(&[
        target + PAGE,
        target.wrapping_sub(PAGE),
        page,
        any,
        SCRATCH,
        SCRATCH + 5 * PAGE,
    ]);
    let bytes = chance.pick(&LENGTHS);
    let few = (any >> 20) % (20 * PAGE);
    let rights = chance.pick(&[0, 1, 3, 5, 7, 2, any]);
    match chance.next() % 16 {
        15 => (
            Call::AwaitPressure.number(),
            [any % 3, bytes, chance.pick(&[10, 10_000, any]), any % 2, 0],
        ),
        12 => {
            let call = chance.pick(&[
                Call::PageOut.number(),
                Call::PageIn.number(),
                Call::Pin.number(),
                Call::Unpin.number(),
            ]);
            let from = chance.pick(&[SCRATCH + page % (32 * PAGE), address, any]);
            (call, [from, chance.pick(&[few, few, bytes]), 0, 0, 0])
        }
        // Of RAM, and of what is none.
        13 => {
            let frame = chance.pick(&[0x8_0000 + any % 0x8000, PLACES[2] / PAGE, any]);
            (Call::EvictFrame.number(), [frame, any, 0, 0, 0])
        }
        14 => {
            let into = chance.pick(&[target, target + PAGE - 8, 0, KERNEL, SCRATCH + few]);
            let thread = chance.pick(&[0, any % 400, any]);
            let number = Call::PagingStatistics.number() - any % 2;
            (number, [thread, into, bytes, 0, 0])
        }
        0 => (Call::Mmap.number(), [bytes, rights, 0, 0, 0]),
        1 => (Call::Mmap.number(), [few, rights, 1, SCRATCH + few, 0]),
        2 => {
            let flags = chance.pick(&[0, 1, 2, 3, 4, 5, 8, 9, 16, 31, any]);
            (Call::Mmap.number(), [few, rights, flags, address, any])
        }
        3 | 4 => {
            let from = chance.pick(&[SCRATCH + page % (32 * PAGE), any, SCRATCH]);
            (
                Call::Munmap.number(),
                [from, chance.pick(&[few, bytes]), 0, 0, 0],
            )
        }
        5 => (
            Call::Protect.number(),
            [SCRATCH + page % (32 * PAGE), few, rights, 0, 0],
        ),
        // Without its stack it would only end itself.
        6 if is_near_stack(address, bytes) => {
            (Call::Protect.number(), [SCRATCH, bytes, rights, 0, 0])
        }
        6 => (Call::Protect.number(), [address, bytes, rights, 0, 0]),
        7 => {
            let from = chance.pick(&[SCRATCH + page % (32 * PAGE), any]);
            (Call::Advise.number(), [from, few, any % 8, 0, 0])
        }
        8 => (
            Call::MapDevice.number(),
            [
                chance.pick(&[0x101, 0x20000, any, any >> 12]),
                few,
                rights,
                0,
                0,
            ],
        ),
        9 => (
            Call::ShareCreate.number(),
            [chance.pick(&[few, bytes]), 0, 0, 0, 0],
        ),
        10 => (
            Call::ShareAttach.number() + any % 3,
            [
                chance.pick(&[any % 64, any, address]),
                rights,
                SCRATCH & any,
                0,
                0,
            ],
        ),
        _ => (Call::Translate.number(), [address, 0, 0, 0, 0]),
    }
}

/// Addresses that the program does not use otherwise.
const SCRATCH: usize = 0x5000_0000;

/// A reproducible random number generator.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick(&mut self, from: &[usize]) -> usize {
        from[(self.next() % from.len() as u64) as usize]
    }
}
