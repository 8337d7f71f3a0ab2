//! `layout_low`: says where its parts are, linked for the layout of that name.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, layout};

user::main!(run);
user::layout!("low");

fn run(_: Arguments) -> u8 {
    layout::show("layout_low")
}
