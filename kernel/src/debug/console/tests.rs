//! The line, end to end: bytes move only as the devices' interrupts ask for it.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::rc::Rc;

use abi::Fault;
use wire::{Event, Frame, Request};

use super::dialogue::INPUT;

use super::*;
use crate::board::BOARDS;
use crate::drivers::model::{Bl808Model, DeviceModel, Ns16550Model};

/// A console, its device, and what has come down the line.
struct TestLine<D: DeviceModel>
where
    &'static D: Registers,
{
    console: Console<&'static D>,
    device: &'static D,
    log: Log,
    /// A program runs in the foreground.
    foreground: bool,
    pressed: bool,
    heard: Vec<u8>,
    interrupts: usize,
    /// Ticks since boot, as the console is given them.
    now: u64,
}

impl<D: DeviceModel> TestLine<D>
where
    &'static D: Registers,
{
    /// A line on which a key was typed since boot, long ago: no frame is under way.
    fn new() -> Self {
        let mut line = Self::at_boot();
        line.type_in(b"x");
        line.now = line.console.deadline();
        line.console.tick(&line.log, line.now);
        assert_eq!(line.input(), b"x");
        line.now = 0;
        line.interrupts = 0;
        line
    }

    /// A line on which others spoke until now.
    fn at_boot() -> Self {
        let device = D::new();
        let mut console = Console::EMPTY;
        console.open(D::driver(device), &BOARDS[0], 1_000_000);
        TestLine {
            console,
            device,
            log: Log::new(vec![Fault::EMPTY; 64].leak()),
            foreground: false,
            pressed: false,
            heard: Vec::new(),
            interrupts: 0,
            now: 0,
        }
    }

    /// Lets the line run until it is quiet, a few bytes at a time.
    fn run(&mut self) {
        loop {
            let sent = self.device.shift_out(3);
            if sent.is_empty() && !self.device.interrupts() {
                return;
            }
            self.heard.extend(sent);
            self.serve();
        }
    }

    fn serve(&mut self) {
        let mut in_a_row = 0;
        while self.device.interrupts() {
            self.interrupts += 1;
            in_a_row += 1;
            assert!(in_a_row < 100, "an interrupt that nothing clears");
            self.pressed |= self.console.interrupt(&self.log, self.now, self.foreground);
        }
    }

    /// Types without a pause, at most eight bytes between two looks of the kernel.
    fn type_in(&mut self, bytes: &[u8]) {
        for burst in bytes.chunks(8) {
            for &byte in burst {
                self.device.shift_in(byte);
            }
            self.device.rest();
            self.run();
        }
    }

    /// What a program would read after a while, all of it.
    fn input(&mut self) -> Vec<u8> {
        let deadline = self.console.deadline();
        if deadline != u64::MAX {
            self.console.tick(&self.log, deadline);
        }
        let (mut all, mut input) = (Vec::new(), [0; INPUT]);
        while self.console.has_input() {
            let used = self.console.peek(&mut input);
            self.console.consume(used);
            all.extend_from_slice(&input[..used]);
        }
        all
    }

    /// A program that writes whenever there is room.
    fn write_all(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(self.console.room()));
            self.console.write(now);
            bytes = later;
            self.run();
        }
    }

    fn fault(&mut self, va: u64) {
        let fault = Fault { va, ..Fault::EMPTY };
        self.log.push(&fault);
        self.console.fault_recorded(&self.log);
    }

    fn hello(&mut self) {
        let mut hello = [0; 32];
        let length = Request::encode_hello(wire::VERSION, 0, &mut hello).unwrap();
        self.type_in(&hello[..length]);
    }

    /// What the host makes of the line: text, addresses of faults, and how many greetings.
    fn on_the_host(&self) -> (Vec<u8>, Vec<u64>, usize) {
        let mut splitter = Splitter::<{ wire::LARGEST }>::new();
        let (mut text, mut told, mut greetings) = (Vec::new(), Vec::new(), 0);
        for &byte in &self.heard {
            match splitter.feed(byte) {
                Some(Split::Text(more)) => text.extend_from_slice(more),
                Some(Split::Bad(bytes)) => panic!("{bytes} bytes that are neither text nor frame"),
                Some(Split::Frame(frame)) => match Event::decode(&frame).unwrap() {
                    Event::Welcome(welcome) => {
                        assert_eq!(welcome.board, BOARDS[0].name);
                        greetings += 1;
                    }
                    Event::Faults(batch) => told.extend(batch.map(|(_, fault)| fault.va)),
                    other => panic!("{other:?}"),
                },
                None => {}
            }
        }
        (text, told, greetings)
    }
}

/// Runs a test over each device.
macro_rules! over_each_device {
    ($($name:ident)*) => {
        mod ns16550 {
            $(#[test] fn $name() { super::$name::<super::Ns16550Model>(); })*
        }
        mod bl808 {
            $(#[test] fn $name() { super::$name::<super::Bl808Model>(); })*
        }
    };
}

mod at_boot;
mod bystander;
mod session;

over_each_device! {
    all_that_is_written_comes_out_in_order
    all_that_is_typed_comes_in_in_order
    the_interrupt_key_keeps_its_place
    the_interrupt_key_ends_the_foreground_and_is_no_input
    a_zero_on_the_line_swallows_no_key
    a_host_that_says_hello_gets_all_between_the_text
    a_hello_in_the_middle_of_a_frame_is_answered
    frames_of_a_newer_host_are_no_keys
    a_line_that_lives_again_is_waited_for
    flushing_leaves_nothing
}

fn all_that_is_written_comes_out_in_order<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    let text: Vec<u8> = (0..20_000).map(|n| b' ' + (n % 95) as u8).collect();
    line.write_all(&text);
    assert_eq!(line.heard, text);
    assert!(
        line.interrupts <= text.len() / 4,
        "{} interrupts for {} bytes",
        line.interrupts,
        text.len()
    );
    line.heard.clear();
    line.write_all(b"one\ntwo\n");
    assert_eq!(line.heard, b"one\r\ntwo\r\n");
}

fn all_that_is_typed_comes_in_in_order<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    line.type_in(b"p");
    assert_eq!(line.input(), b"p", "a single key is received");
    let text: Vec<u8> = (0..400).map(|n| b' ' + (n % 95) as u8).collect();
    line.type_in(&text);
    assert_eq!(line.input(), text);
}

fn the_interrupt_key_keeps_its_place<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    line.type_in(b"junk\x03ps\r");
    assert_eq!(
        (line.input(), line.pressed),
        (b"junk\x03ps\r".into(), false)
    );
}

fn the_interrupt_key_ends_the_foreground_and_is_no_input<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    line.foreground = true;
    line.type_in(b"a\x03b");
    assert_eq!((line.input(), line.pressed), (b"ab".into(), true));
}

/// A break on the line, as when a cable is plugged in, arrives as a zero.
fn a_zero_on_the_line_swallows_no_key<D: DeviceModel>()
where
    &'static D: Registers,
{
    for keys in [&b"ps\r"[..], b"\x03\x03\r", b"\x15ps\r", b"\x7f\x7fps\r"] {
        let mut line = TestLine::<D>::new();
        line.type_in(&[0]);
        line.type_in(keys);
        assert_eq!(line.input(), keys);
    }
    let mut line = TestLine::<D>::new();
    line.foreground = true;
    line.type_in(b"\0\x03\r");
    assert_eq!((line.input(), line.pressed), (b"\r".into(), true));
}

fn a_host_that_says_hello_gets_all_between_the_text<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    (0..5).for_each(|n| line.fault(n));
    line.write_all(b"text only\n");
    assert!(!line.heard.contains(&0), "no frame before a hello");
    line.hello();
    let text: Vec<u8> = (0..9_000).map(|n| b' ' + (n % 95) as u8).collect();
    for (n, piece) in text.chunks(200).enumerate() {
        line.fault(5 + n as u64);
        line.write_all(piece);
    }
    line.console.drain(&line.log);
    line.run();
    let (said, told, greetings) = line.on_the_host();
    assert_eq!((told, greetings), ((0..50).collect(), 1));
    assert_eq!(said, [b"text only\r\n", &text[..]].concat());
    assert_eq!(line.input(), b"", "a hello is no input");
}

fn a_hello_in_the_middle_of_a_frame_is_answered<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    line.console.begin_frames();
    line.console.drain(&line.log);
    line.run();
    (0..30).for_each(|n| line.fault(n));
    assert!(!line.console.outgoing.is_free(), "a frame is under way");
    line.hello();
    let (_, told, greetings) = line.on_the_host();
    assert_eq!(greetings, 2);
    assert!(told.ends_with(&(0..30).collect::<Vec<u64>>()), "{told:?}");
}

fn frames_of_a_newer_host_are_no_keys<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    let payload: Vec<u8> = (0..wire::frame::MAX_PAYLOAD).map(|n| n as u8).collect();
    for length in [0, 1, 20, 100, payload.len()] {
        let frame = Frame {
            kind: 0xd7,
            sequence: 1,
            payload: &payload[..length],
        };
        let mut bytes = [0; wire::LARGEST];
        let used = frame.encode(&mut bytes).unwrap();
        line.type_in(&bytes[..used]);
        line.type_in(b"ps\r");
        assert_eq!(
            line.input(),
            b"ps\r",
            "after {length} bytes of something new"
        );
    }
}

fn a_line_that_lives_again_is_waited_for<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    while !line.console.stuck {
        writeln!(line.console, "filling up").unwrap();
    }
    line.run();
    line.heard.clear();
    writeln!(line.console, "and here we are").unwrap();
    assert!(!line.console.stuck);
    line.run();
    assert_eq!(line.heard, b"and here we are\r\n");
}

fn flushing_leaves_nothing<D: DeviceModel>()
where
    &'static D: Registers,
{
    let mut line = TestLine::<D>::new();
    let polled = Polled {
        device: line.device,
        sent: Rc::default(),
    };
    let sent = polled.sent.clone();
    let mut console = Console::EMPTY;
    console.open(D::driver(polled), &BOARDS[0], 1_000_000);
    console.begin_frames();
    (0..40).for_each(|va| line.log.push(&Fault { va, ..Fault::EMPTY }));
    let text = vec![b'x'; console.room()];
    console.write(&text);
    console.flush(&line.log);
    line.heard = sent.take();
    line.heard.extend(line.device.shift_out(64));
    let (said, told, greetings) = line.on_the_host();
    assert_eq!((said, told, greetings), (text, (0..40).collect(), 1));
}

/// A line that moves on whenever the kernel looks.
struct Polled<D: 'static> {
    device: &'static D,
    sent: Rc<RefCell<Vec<u8>>>,
}

impl<D: DeviceModel> Registers for Polled<D>
where
    &'static D: Registers,
{
    fn read(&self, offset: usize) -> u32 {
        self.sent.borrow_mut().extend(self.device.shift_out(1));
        self.device.read(offset)
    }

    fn write(&self, offset: usize, value: u32) {
        self.device.write(offset, value);
    }
}

/// A sender that never has room, and how often anybody looked.
#[derive(Clone, Default)]
struct Dead(Rc<Cell<usize>>);

impl Registers for Dead {
    fn read(&self, _: usize) -> u32 {
        self.0.set(self.0.get() + 1);
        0
    }

    fn write(&self, _: usize, _: u32) {}
}

#[test]
fn a_dead_line_costs_one_wait() {
    let dead = Dead::default();
    for uart in [Uart::ns16550(dead.clone()), Uart::bl808(dead.clone())] {
        dead.0.set(0);
        let mut console = Console::EMPTY;
        console.open(uart, &BOARDS[0], 1_000_000);
        for _ in 0..200 {
            writeln!(console, "this is never read, however often it is printed").unwrap();
        }
        console.flush(&Log::new(&mut []));
        let looks = dead.0.get();
        assert!(looks < 3 * PATIENCE, "{looks} looks at a line that is dead");
    }
}
