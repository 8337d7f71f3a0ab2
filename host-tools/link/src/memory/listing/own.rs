//! What `pagewalk map` wrote, as JSON or CSV.
//!
//! Schemas `pagewalk.map/1` and `pagewalk.maps/1`, and the rows of CSV with their headings.

use pagetable::Mode;
use serde::Deserialize;

use super::printed::{PrintedRange, PrintedSpace, hex, letters};

#[derive(Deserialize)]
struct MapFile {
    schema: String,
    #[serde(flatten)]
    only: Option<MapSpace>,
    #[serde(default)]
    spaces: Vec<MapSpace>,
}

#[derive(Deserialize)]
struct MapSpace {
    #[serde(default)]
    name: String,
    satp: String,
    ranges: Vec<MapRange>,
}

#[derive(Deserialize)]
struct MapRange {
    va: String,
    pa: String,
    size: u64,
    perms: String,
    page_size: u64,
    #[serde(default)]
    pbmt: String,
    #[serde(default)]
    thead: Option<MapTHead>,
    #[serde(default)]
    napot: bool,
    #[serde(default)]
    rsw: u64,
    #[serde(default)]
    pieces: Option<u32>,
}

#[derive(Deserialize)]
struct MapTHead {
    so: bool,
    c: bool,
    b: bool,
    sh: bool,
    sec: bool,
}

/// The spaces of a map as JSON; none of any other JSON.
pub(super) fn read_json(text: &str) -> Vec<PrintedSpace> {
    if !text.trim_start().starts_with('{') || !text.contains("pagewalk.map") {
        return Vec::new();
    }
    let Ok(file) = serde_json::from_str::<MapFile>(text) else {
        return Vec::new();
    };
    if !matches!(&file.schema[..], "pagewalk.map/1" | "pagewalk.maps/1") {
        return Vec::new();
    }
    let spaces = file.only.into_iter().chain(file.spaces);
    spaces.filter_map(json_space).collect()
}

fn json_space(space: MapSpace) -> Option<PrintedSpace> {
    let ranges = space.ranges.iter().map(|range| {
        // Where pieces lie behind the first is not in the file.
        if range.pieces.is_some_and(|pieces| pieces > 1) {
            return None;
        }
        let thead = range.thead.as_ref().map_or(0, |it| {
            let bits = [
                (it.sec, 59),
                (it.sh, 60),
                (it.b, 61),
                (it.c, 62),
                (it.so, 63),
            ];
            bits.into_iter()
                .map(|(is_set, bit)| u64::from(is_set) << bit)
                .sum()
        });
        Some(PrintedRange {
            va: hex(&range.va)?,
            pa: hex(&range.pa)?,
            bytes: range.size,
            flags: letters(&range.perms)?
                | memory(&range.pbmt)?
                | thead
                | (range.rsw & 3) << 8
                | napot(range.napot),
            page: Some(range.page_size),
        })
    });
    let ranges = ranges.collect::<Option<Vec<_>>>()?;
    spaced(space.name, hex(&space.satp)?, ranges)
}

/// The spaces of a map as CSV, by the names of its columns.
pub(super) fn read_csv(text: &str) -> Vec<PrintedSpace> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains("va,pa,size,perms"));
    let Some(heading) = lines.next() else {
        return Vec::new();
    };
    let names: Vec<&str> = heading.trim().split(',').collect();
    let mut spaces: Vec<(u64, Vec<PrintedRange>)> = Vec::new();
    for line in lines {
        let cells: Vec<&str> = line.trim().split(',').collect();
        let cell = |name: &str| {
            let at = names.iter().position(|it| *it == name)?;
            cells.get(at).copied()
        };
        let row = || {
            let range = PrintedRange {
                va: hex(cell("va")?)?,
                pa: hex(cell("pa")?)?,
                bytes: cell("size")?.parse().ok()?,
                flags: letters(cell("perms")?)?
                    | memory(cell("memory").unwrap_or_default())?
                    | cell("rsw")
                        .and_then(|it| it.parse::<u64>().ok())
                        .unwrap_or(0)
                        << 8
                        & 0x300
                    | napot(cell("napot") == Some("true")),
                page: Some(cell("page_size")?.parse().ok()?),
            };
            Some((cell("satp").and_then(hex).unwrap_or(0), range))
        };
        let Some((satp, range)) = row() else {
            continue;
        };
        match spaces.last_mut() {
            Some((last, ranges)) if *last == satp => ranges.push(range),
            _ => spaces.push((satp, vec![range])),
        }
    }
    let spaces = spaces.into_iter();
    spaces
        .filter_map(|(satp, ranges)| spaced(String::new(), satp, ranges))
        .collect()
}

fn spaced(name: String, satp: u64, ranges: Vec<PrintedRange>) -> Option<PrintedSpace> {
    // A mode in the upper four bits is of 64, one in bit 31 of 32.
    let is_32 = satp >> 32 == 0 && satp >> 31 == 1 && ranges.iter().all(|it| it.va >> 32 == 0);
    Some(PrintedSpace {
        name,
        satp: (satp != 0).then_some(satp),
        mode: is_32.then_some(Mode::Sv32),
        is_32,
        ranges,
        ..PrintedSpace::default()
    })
}

fn napot(is_napot: bool) -> u64 {
    u64::from(is_napot) << 63
}

/// The bits of a memory type: Svpbmt's names, T-Head's bits joined by `+`.
fn memory(word: &str) -> Option<u64> {
    let mut bits = 0;
    for part in word.split('+').filter(|part| !part.is_empty()) {
        bits |= match &part.to_ascii_lowercase()[..] {
            "pma" => 0,
            "nc" => 1 << 61,
            "io" => 2 << 61,
            "so" => 1 << 63,
            "c" => 1 << 62,
            "b" => 1 << 61,
            "sh" => 1 << 60,
            "sec" => 1 << 59,
            "-" | "none" => 0,
            _ => return None,
        };
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_csv_say_the_same() {
        let json = r#"{"schema":"pagewalk.map/1","satp":"0x8000000000050407","mode":"sv39","asid":0,
            "root_pa":"0x50407000","ranges":[{"va":"0x10000","pa":"0x80338000","size":16384,"perms":"r-xu-a-",
            "page_size":4096,"level":0,"pbmt":"NC","napot":false,"rsw":1}],"problems":[]}"#;
        let csv = "satp,va,pa,size,perms,page_size,level,memory,napot,rsw\n\
                   0x8000000000050407,0x10000,0x80338000,16384,r-xu-a-,4096,0,NC,false,1\n";
        let from_json = read_json(json);
        assert_eq!(from_json.len(), 1);
        assert_eq!(from_json, read_csv(csv));
        assert_eq!(from_json[0].ranges[0].flags, 0x5a | 1 << 61 | 1 << 8);
        for other in [
            "{}",
            "{\"schema\":\"pagewalk.snapshot/1\"}",
            "{\"schema\":\"pagewalk.map/9\",\"ranges\":[]}",
            "a,b",
        ] {
            assert!(
                read_json(other).is_empty() && read_csv(other).is_empty(),
                "{other}"
            );
        }
    }
}
