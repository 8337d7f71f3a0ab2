//! `touch_test PAGES`: one store to each of that many fresh pages, and what each fault cost.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, Counter, NOT_COUNTED, call, println};

user::main!(run);

const PAGE: usize = 4096;

fn run(arguments: Arguments) -> u8 {
    let Some(pages) = arguments.number(1).filter(|&pages| pages > 0) else {
        println!("usage: touch_test PAGES");
        return 2;
    };
    let memory = match call::map(pages.saturating_mul(PAGE)) {
        Ok(memory) => memory,
        Err(error) => {
            println!("touch_test: {pages} pages: {error}");
            return 1;
        }
    };
    match arguments.counter() {
        Some(counter) => touch_counted(counter, memory),
        None => {
            for page in memory.chunks_exact_mut(PAGE) {
                page[0] = 1;
            }
            println!("touch_test: {pages} pages; {NOT_COUNTED}");
        }
    }
    let dirty = memory
        .chunks_exact(PAGE)
        .filter(|page| page[1..].iter().any(|&byte| byte != 0))
        .count();
    if dirty > 0 {
        println!("touch_test: {dirty} pages were not zero");
        return 1;
    }
    0
}

fn touch_counted(counter: Counter, memory: &mut [u8]) {
    let pages = memory.len() / PAGE;
    let (mut least, mut most, mut sum) = (usize::MAX, 0, 0);
    for page in memory.chunks_exact_mut(PAGE) {
        let before = counter.read();
        page[0] = 1;
        let cost = counter.read() - before;
        least = least.min(cost);
        most = most.max(cost);
        sum += cost;
    }
    println!(
        "touch_test: {pages} pages, instructions per touch: min {least} avg {} max {most}",
        sum / pages
    );
}
