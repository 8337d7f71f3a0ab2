//! `layout_ox64`: says where its parts are, linked for the layout of that name.
#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Arguments, layout};

user::main!(run);
user::layout!("ox64");

fn run(_: Arguments) -> u8 {
    layout::show("layout_ox64")
}
