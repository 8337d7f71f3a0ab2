//! Options that select a part of the mappings.

use link::memory::PhysRange;
use model::space::{Attribute, Bounds, Filter};
use pagetable::Pte;

use crate::exit::UsageError;
use crate::tables::span;

/// Conditions on mappings; all must hold.
#[derive(clap::Args)]
pub struct FilterArgs {
    /// Only pages accessible to user mode
    #[arg(long, conflicts_with = "kernel")]
    user: bool,
    /// Only pages of the supervisor
    #[arg(long)]
    kernel: bool,
    /// Only writable pages
    #[arg(long)]
    write: bool,
    /// Only executable pages
    #[arg(long)]
    exec: bool,
    /// Only these virtual addresses, as 0x10000-0x20000 or 0x10000+64K; may be repeated
    #[arg(long, value_name = "START-END", value_parser = span)]
    range: Vec<PhysRange>,
    /// Only these physical addresses; may be repeated
    #[arg(long, value_name = "START-END", value_parser = span)]
    pa: Vec<PhysRange>,
    /// Only pages mapped at this level; may be repeated
    #[arg(long, value_name = "LEVEL")]
    level: Vec<u8>,
    /// Only pages with these attributes, or without them with no- in front: r w x u g a d rsw napot pma nc io
    /// ram noncacheable device
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    attr: Vec<String>,
}

impl FilterArgs {
    /// A filter by mode and virtual address.
    pub fn only(is_user: bool, is_kernel: bool, range: &[PhysRange]) -> Filter {
        Filter {
            is_user: match (is_user, is_kernel) {
                (false, false) => None,
                (is_user, _) => Some(is_user),
            },
            va: range.iter().map(|it| bounds(*it)).collect(),
            ..Filter::default()
        }
    }

    /// Whether any condition was given.
    pub fn is_given(&self) -> bool {
        let is_any = [self.user, self.kernel, self.write, self.exec].contains(&true);
        let lists = [
            self.range.len(),
            self.pa.len(),
            self.level.len(),
            self.attr.len(),
        ];
        is_any || lists.iter().sum::<usize>() > 0
    }

    /// The filter as the model defines it.
    pub fn filter(&self) -> anyhow::Result<Filter> {
        let mut attributes = Vec::new();
        for (is_given, flag) in [(self.write, Pte::WRITE), (self.exec, Pte::EXEC)] {
            attributes.extend(is_given.then_some((Attribute::Flag(flag), true)));
        }
        for word in &self.attr {
            attributes.push(attribute(word)?);
        }
        Ok(Filter {
            pa: self.pa.iter().map(|it| bounds(*it)).collect(),
            levels: self.level.clone(),
            attributes,
            ..FilterArgs::only(self.user, self.kernel, &self.range)
        })
    }
}

/// A range of addresses as the model defines it.
pub fn bounds(span: PhysRange) -> Bounds {
    Bounds {
        first: span.first,
        last: span.last,
    }
}

fn attribute(word: &str) -> anyhow::Result<(Attribute, bool)> {
    let (name, has) = match word.strip_prefix("no-") {
        Some(name) => (name, false),
        None => (word, true),
    };
    let known = Attribute::ALL
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((_, attribute)) = known else {
        let names: Vec<&str> = Attribute::ALL.iter().map(|(name, _)| *name).collect();
        let misuse = format!("no attribute `{name}`; there is {}", names.join(", "));
        return Err(UsageError(misuse).into());
    };
    Ok((*attribute, has))
}
