//! What `--version` states: version, commit, target, and the features that this program was built with.

/// One line each, after the program's name.
pub fn long() -> String {
    format!(
        "{}\ncommit    {}\ntarget    {}\nfeatures  {}",
        env!("CARGO_PKG_VERSION"),
        env!("PAGEWALK_COMMIT"),
        env!("PAGEWALK_TARGET"),
        features()
    )
}

/// The features by their names in the manifest; without `full` it is the program that makes cards.
fn features() -> String {
    let all = [
        ("full", cfg!(feature = "full")),
        ("web", cfg!(feature = "web")),
        ("probe", cfg!(feature = "probe")),
        ("export", cfg!(feature = "export")),
    ];
    let names: Vec<&str> = all
        .iter()
        .filter_map(|(name, is_on)| is_on.then_some(*name))
        .collect();
    match names.is_empty() {
        true => "none: cards only".to_owned(),
        false => names.join(", "),
    }
}

/// What stands below the help of the program: what it says by then, and what this build lacks of it.
#[cfg(feature = "full")]
pub fn after_help(said: &str) -> String {
    let lacks = [
        ("`dash --web`", cfg!(feature = "web")),
        ("`probe` and --from probe", cfg!(feature = "probe")),
        ("`export`, `report`, `collect`", cfg!(feature = "export")),
    ];
    let lacks: Vec<&str> = lacks
        .iter()
        .filter_map(|(what, is_on)| (!is_on).then_some(*what))
        .collect();
    match lacks.is_empty() {
        true => said.to_owned(),
        false => format!(
            "{said}\n\nThis build is without {}; that of `just install` has everything.",
            lacks.join(", ")
        ),
    }
}
