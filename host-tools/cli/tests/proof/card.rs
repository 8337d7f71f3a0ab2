//! A packed card, read back by other people's tools.

use std::path::{Path, PathBuf};

use crate::tools::{path, tool};

/// One image and where its boot partition lies, as sfdisk sees it.
pub struct Card {
    image: PathBuf,
    /// The kind of partition table: `dos` or `gpt`.
    pub label: String,
    /// The partition's type as sfdisk writes it: `c`, or a GUID.
    pub kind: String,
    /// Whether a firmware looking for something to boot looks here.
    pub bootable: bool,
    /// First byte and length of the partition.
    pub start: u64,
    pub size: u64,
}

impl Card {
    /// Reads the partition table; there must be exactly one partition.
    #[track_caller]
    pub fn open(image: &Path) -> Self {
        let said = tool("sfdisk", &["--json", path(image)], b"");
        let said: serde_json::Value = serde_json::from_slice(&said).expect("sfdisk writes JSON");
        let table = &said["partitiontable"];
        let sector = table["sectorsize"].as_u64().unwrap_or(512);
        let partitions = table["partitions"]
            .as_array()
            .expect("a list of partitions");
        assert_eq!(partitions.len(), 1, "{said:#}");
        let first = &partitions[0];
        Self {
            image: image.to_owned(),
            label: table["label"].as_str().expect("a label").to_owned(),
            kind: first["type"].as_str().expect("a type").to_owned(),
            bootable: first["bootable"].as_bool().unwrap_or(false)
                || first["attrs"]
                    .as_str()
                    .is_some_and(|attrs| attrs.contains("LegacyBIOSBootable")),
            start: first["start"].as_u64().expect("a start") * sector,
            size: first["size"].as_u64().expect("a size") * sector,
        }
    }

    /// Every file on the card by its full path, as mtools lists them.
    #[track_caller]
    pub fn files(&self) -> Vec<String> {
        let listing = tool("mdir", &["-/", "-b", "-i", &self.partition(), "::"], b"");
        let listing = String::from_utf8(listing).expect("names are UTF-8");
        let mut names: Vec<String> = listing
            .lines()
            .filter_map(|line| line.strip_prefix("::"))
            .filter(|name| !name.ends_with('/'))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    /// The content of one file, as mtools reads it.
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        tool(
            "mcopy",
            &["-n", "-i", &self.partition(), &format!("::{name}"), "-"],
            b"",
        )
    }

    /// The verdict of fsck.fat, which must have nothing to say about the partition.
    #[track_caller]
    pub fn check(&self) {
        let folder = tempfile::tempdir().expect("a folder for the partition");
        let alone = folder.path().join("partition.fat");
        tool(
            "dd",
            &[
                "status=none",
                "conv=sparse",
                "iflag=skip_bytes,count_bytes",
                "bs=1M",
                &format!("skip={}", self.start),
                &format!("count={}", self.size),
                &format!("if={}", path(&self.image)),
                &format!("of={}", path(&alone)),
            ],
            b"",
        );
        let file = std::fs::File::options()
            .write(true)
            .open(&alone)
            .expect("the partition alone");
        file.set_len(self.size)
            .expect("room for the partition's last zeroes");
        let said = tool("fsck.fat", &["-n", path(&alone)], b"");
        let said = String::from_utf8_lossy(&said);
        // Its own name, then its count of files: any complaint is a line more.
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.contains(" files, "), "{said}");
    }

    /// The partition in the words of mtools.
    fn partition(&self) -> String {
        format!("{}@@{}", path(&self.image), self.start)
    }
}
