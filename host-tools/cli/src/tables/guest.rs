//! `--vsatp` and `--hgatp`: a guest's tables, and the second stage below them.

use link::gdb::Stub;
use pagetable::{Dialect, GuestRoot, Hgatp, Mode, Root, Satp, Xlen};

use super::{OpenTables, SpaceArgs, TablesArgs, decode_satp, number};
use crate::exit::UsageError;

/// Roots of a guest.
#[derive(clap::Args, Clone, Default)]
pub struct GuestArgs {
    /// Second stage of a hypervisor: value of hgatp. Addresses are then a guest's
    #[arg(help_heading = "With a guest", long, value_name = "VALUE", value_parser = number,
          conflicts_with_all = ["satp", "root", "task", "all_roots"])]
    hgatp: Option<u64>,
    /// The guest's own root: value of vsatp, a guest physical address. Without it addresses are guest
    /// physical ones
    #[arg(help_heading = "With a guest", long, value_name = "VALUE", value_parser = number,
          requires = "hgatp")]
    vsatp: Option<u64>,
}

/// Both roots of a guest, decoded.
pub struct GuestRoots {
    /// The guest's own root.
    pub vsatp: Satp,
    /// The root of the second stage.
    pub hgatp: Hgatp,
}

impl GuestRoots {
    /// The guest's own tables.
    pub fn first(&self, dialect: Dialect) -> Root {
        self.vsatp.tree(dialect)
    }

    /// The second stage's tables.
    pub fn second(&self, dialect: Dialect) -> GuestRoot {
        self.hgatp.tree(dialect)
    }
}

impl GuestArgs {
    /// The guest's registers at a stub that has them, unless options say which: no options where it has none.
    pub fn or_of(&self, stub: &mut Stub) -> GuestArgs {
        if self.is_given() {
            return self.clone();
        }
        let hgatp = stub.register("hgatp").ok().filter(|raw| *raw != 0);
        GuestArgs {
            hgatp,
            vsatp: hgatp.and_then(|_| stub.register("vsatp").ok()),
        }
    }

    /// Whether a second stage was given.
    pub fn is_given(&self) -> bool {
        self.hgatp.is_some()
    }

    fn decode(&self, xlen: Xlen) -> anyhow::Result<GuestRoots> {
        let raw = self.hgatp.unwrap_or_default();
        if xlen == Xlen::Rv32 && raw >> 32 != 0 {
            return Err(UsageError(format!("hgatp {raw:#x} has more than 32 bits")).into());
        }
        let hgatp = Hgatp::decode(raw, xlen)
            .map_err(|error| UsageError(format!("hgatp: {error}, each as x4")))?;
        let vsatp = decode_satp(self.vsatp.unwrap_or_default(), xlen, None)?;
        Ok(GuestRoots { vsatp, hgatp })
    }

    /// The register whose mode says how wide entries are.
    fn leading(&self, xlen: Xlen) -> anyhow::Result<u64> {
        let roots = self.decode(xlen)?;
        Ok(match roots.hgatp.mode {
            Mode::Bare => self.vsatp,
            _ => self.hgatp,
        }
        .unwrap_or_default())
    }
}

impl SpaceArgs {
    /// The same options with the guest's second stage as the root, so that sources know its mode.
    pub fn with_guest(&self, guest: &GuestArgs) -> anyhow::Result<SpaceArgs> {
        let xlen = self.pte.xlen()?.unwrap_or(Xlen::Rv64);
        let mut args = self.clone();
        args.root_args.satp = vec![guest.leading(xlen)?];
        Ok(args)
    }
}

impl OpenTables {
    /// The guest's roots, as the machine decodes them.
    pub fn guest_roots(&self, guest: &GuestArgs) -> anyhow::Result<GuestRoots> {
        guest.decode(self.xlen)
    }
}

impl TablesArgs {
    /// Opens the memory for a guest's tables.
    pub fn open_guest(&self, guest: &GuestArgs) -> anyhow::Result<OpenTables> {
        let origins = self.from.origins();
        self.roots.check_wires(&origins)?;
        self.roots.with(&self.plan).with_guest(guest)?.open(origins)
    }
}
