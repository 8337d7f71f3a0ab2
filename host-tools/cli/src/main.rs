//! The pagewalk program: one file per subcommand.

fn main() {}
