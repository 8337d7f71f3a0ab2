//! Defects that other kernels had with pages of messages, and that this one must not have.

use abi::message::MessageKind;
use abi::{Call, Error};
use pagetable::{Mode, PAGE_BYTES};
use sim::Quirks;

use super::kernel::{Kernel, TEXT};
use super::lends::{
    WRITE, ask_and_stay, pages, pair, pair_beside_first, read, receive, send, write,
};
use super::servers::{ask, running, switch_to};
use crate::mm::layout::kernel_start;
use crate::mm::tests::both;
use crate::mm::tests::machine::TestMachine;
use crate::task::exec;

both! {
    a_lender_that_is_killed_before_its_message_is_received_leaves_no_page
    what_is_lent_cannot_be_unmapped_and_comes_back_to_where_it_was
    an_address_that_is_a_frames_number_is_not_taken_for_it
    no_call_takes_a_table_over_by_its_address
}

fn a_lender_that_is_killed_before_its_message_is_received_leaves_no_page<M: TestMachine>(
    quirks: Quirks,
) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let first = running(&kernel);
    let (server, number, client, to) = pair(&mut kernel);
    switch_to(&mut kernel, server);
    let space = |kernel: &Kernel<M>| {
        let space = kernel.system.tasks.space(server);
        (space.resident(), space.regions().len())
    };
    let before = space(&kernel);
    switch_to(&mut kernel, client);
    let at = pages(&mut kernel, &[1, 2, 3]);
    send(&mut kernel, to, WRITE, (at, 3));
    assert_ne!(space(&kernel), before);
    switch_to(&mut kernel, first);
    exec::exit_process(&mut kernel.system, client, 255);
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(space(&kernel), before, "before anybody receives");
    assert!(kernel.system.tasks.lends.all().is_empty());
    switch_to(&mut kernel, server);
    let received = kernel.call(Call::Receive, [number, 0, 0, 0, 0]).result;
    assert_eq!(received, Err(Error::TimedOut), "the message went with it");
    kernel.must_be_sound("a lender that was killed");
}

/// Xous' kernel panics when a page comes back to where its lender has unmapped it.
fn what_is_lent_cannot_be_unmapped_and_comes_back_to_where_it_was<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let (server, number, client, to) = pair(&mut kernel);
    let at = pages(&mut kernel, &[1, 2, 3]);
    ask(
        &mut kernel,
        Call::ThreadCreate,
        [TEXT, 0, PAGE_BYTES, 100, 0],
    );
    let threads = kernel.system.tasks.siblings(client);
    let thread = threads.map(|(slot, _)| slot).find(|slot| *slot != client);
    let thread = thread.expect("a second thread");
    send(&mut kernel, to, WRITE, (at + PAGE_BYTES, 1));
    switch_to(&mut kernel, thread);
    let calls = [
        (Call::Munmap, [at, 3 * PAGE_BYTES, 0, 0, 0]),
        (Call::Munmap, [at + PAGE_BYTES, PAGE_BYTES, 0, 0, 0]),
        (Call::Protect, [at, 3 * PAGE_BYTES, 1, 0, 0]),
        (Call::Advise, [at + PAGE_BYTES, PAGE_BYTES, 3, 0, 0]),
    ];
    for (call, arguments) in calls {
        let refused = kernel.call(call, arguments).result;
        assert_eq!(refused, Err(Error::ShareViolation), "{call:?}");
    }
    switch_to(&mut kernel, server);
    let (message, seen) = receive(&mut kernel, number);
    write(&mut kernel, seen, 22).expect("it may");
    let returned = ask_and_stay(&mut kernel, Call::Return, [message, 0, 0, 0, 0]);
    assert_eq!(returned, Ok(0));
    for (page, word) in [(0, 1), (1, 22), (2, 3)] {
        assert_eq!(read(&mut kernel, client, at + page * PAGE_BYTES), Ok(word));
    }
    kernel.must_be_sound("a page that could not be unmapped");
}

/// Xous asks by a physical address whether a page is lent when a process ends: a page that has that number as its virtual
/// address is taken for the lent one.
fn an_address_that_is_a_frames_number_is_not_taken_for_it<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let first = running(&kernel);
    let before = kernel.system.frames.counts().free();
    let (server, number, client, to) = pair_beside_first(&mut kernel);
    let at = pages(&mut kernel, &[7]);
    let frame = kernel.call(Call::Translate, [at, 0, 0, 0, 0]).result;
    let number_of_frame = frame.expect("it is there") as u64 * PAGE_BYTES;
    // Sv32 has the kernel there.
    let mapped = kernel.call(Call::Mmap, [PAGE_BYTES, 0, 1, number_of_frame, 0]);
    match mapped.result {
        Ok(own) => write(&mut kernel, own as u64, 8).expect("its own"),
        Err(error) => assert_eq!((M::MODE, error), (Mode::Sv32, Error::BadAddress)),
    }
    send(&mut kernel, to, WRITE, (at, 1));
    switch_to(&mut kernel, server);
    let (message, seen) = receive(&mut kernel, number);
    switch_to(&mut kernel, first);
    exec::exit_process(&mut kernel.system, client, 255);
    ask(&mut kernel, Call::Yield, [0; 5]);
    switch_to(&mut kernel, server);
    assert_eq!(read(&mut kernel, server, seen), Ok(7), "still lent");
    let returned = kernel.call(Call::Return, [message, 0, 0, 0, 0]).result;
    assert_eq!(returned, Ok(0));
    kernel.must_be_sound("its lender has ended");
    ask(&mut kernel, Call::Exit, [0; 5]);
    switch_to(&mut kernel, first);
    ask(&mut kernel, Call::Yield, [0; 5]);
    assert_eq!(kernel.system.frames.counts().free(), before);
}

/// In Xous a process could unmap the page that a table lies on, and had it as its own when it mapped the next one.
fn no_call_takes_a_table_over_by_its_address<M: TestMachine>(quirks: Quirks) {
    let mut kernel = Kernel::<M>::new(quirks, 512);
    let (_, _, client, to) = pair(&mut kernel);
    let at = pages(&mut kernel, &[1, 2, 3]);
    let root = kernel.system.tasks.space(client).root().raw();
    let kernels = kernel_start(M::MODE).raw();
    let places = [
        root,
        kernels,
        kernels + root % (1 << 29),
        root.wrapping_sub(1 << 31).wrapping_add(kernels),
        // Where Xous has its tables, and where the kernel of a target sees them.
        0xff40_0000,
        0xffff_ffc0_0000_0000_u64.wrapping_add(root),
    ];
    let before = kernel.system.frames.counts().free();
    for place in places {
        let page = place & !(PAGE_BYTES - 1);
        let calls = [
            (Call::Munmap, [page, PAGE_BYTES, 0, 0, 0]),
            (Call::Protect, [page, PAGE_BYTES, 3, 0, 0]),
            (Call::Advise, [page, PAGE_BYTES, 3, 0, 0]),
            (Call::ShareDetach, [page, 0, 0, 0, 0]),
            (
                Call::SendMemory,
                [to, MessageKind::Move.number() as u64, page, PAGE_BYTES, 0],
            ),
            (
                Call::SendMemory,
                [to, WRITE.number() as u64, page, PAGE_BYTES, 0],
            ),
        ];
        for (call, arguments) in calls {
            let refused = kernel.call(call, arguments).result;
            assert!(refused.is_err(), "{call:?} at {page:#x}: {refused:?}");
        }
    }
    assert_eq!(kernel.system.frames.counts().free(), before);
    assert_eq!(kernel.system.tasks.space(client).root().raw(), root);
    assert_eq!(read(&mut kernel, client, at + PAGE_BYTES), Ok(2));
    kernel.must_be_sound("calls on tables");
}
