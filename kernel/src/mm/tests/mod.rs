//! Memory management on the simulated machine: every test runs as Sv39 and as Sv32, and on
//! harts with and without their quirks.

mod bootmap;
pub(crate) mod chance;
mod cow;
mod elsewhere;
mod entries;
mod evicted;
mod fails;
mod fork;
mod large;
pub(crate) mod machine;
mod oracle;
mod pages;
mod peeks;
mod regions;
mod shortage;
mod walkers;
mod whole;
mod world;

/// Makes a generic test one for each mode.
macro_rules! both {
    ($($name:ident)*) => {
        $(
            mod $name {
                #[test]
                fn sv39() {
                    crate::mm::tests::machine::on_every_hart(super::$name::<crate::mm::tests::machine::Sv39>);
                }

                #[test]
                fn sv32() {
                    crate::mm::tests::machine::on_every_hart(super::$name::<crate::mm::tests::machine::Sv32>);
                }
            }
        )*
    };
}
pub(crate) use both;
