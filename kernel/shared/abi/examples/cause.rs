//! What exception codes of `scause` mean.
//!
//! `cargo run --example cause -- 13 15`

use abi::Cause;

fn main() {
    for word in std::env::args().skip(1) {
        let Ok(number) = word.parse() else {
            eprintln!("`{word}` is not an exception code, 0 to 255");
            continue;
        };
        let cause = Cause::decode(number);
        let kind = match cause.is_page_fault() {
            true => "; the page tables do not permit it",
            false => "",
        };
        println!("{number}: {}{kind}", cause.text());
    }
}
