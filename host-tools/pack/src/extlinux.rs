//! Parses an extlinux.conf the way U-Boot does.

/// The default entry of an extlinux.conf, or its first entry.
#[derive(Debug, Default)]
pub struct BootMenu {
    /// Path of the kernel, from the root of the volume.
    pub kernel: Option<String>,
    /// Path of the device tree, from the root of the volume.
    pub fdt: Option<String>,
    /// Whether the entry has an INITRD line.
    pub initrd: bool,
}

impl BootMenu {
    /// Parses the text of the file at `path` on its volume.
    pub fn read(text: &str, path: &str) -> BootMenu {
        let words = |line: &str| -> Option<(String, String)> {
            let (key, value) = line.trim().split_once(char::is_whitespace)?;
            Some((key.to_lowercase(), value.trim().to_owned()))
        };
        let lines: Vec<(String, String)> = text.lines().filter_map(words).collect();
        let default = lines
            .iter()
            .find(|(key, _)| key == "default")
            .map(|(_, value)| value.clone());
        let is_default = |at: &usize| Some(&lines[*at].1) == default.as_ref();
        let labels: Vec<usize> = (0..lines.len())
            .filter(|&at| lines[at].0 == "label")
            .collect();
        // U-Boot takes the first entry where no entry has the default's name.
        let Some(chosen) = labels
            .iter()
            .copied()
            .find(is_default)
            .or(labels.first().copied())
        else {
            return BootMenu::default();
        };
        let entry = lines[chosen + 1..]
            .iter()
            .take_while(|(key, _)| key != "label");
        let mut extlinux = BootMenu::default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (key, value) in entry {
            match key.as_str() {
                "kernel" | "linux" => extlinux.kernel = Some(absolute(folder, value)),
                "fdt" | "devicetree" => extlinux.fdt = Some(absolute(folder, value)),
                "initrd" => extlinux.initrd = true,
                _ => {}
            }
        }
        extlinux
    }
}

/// `../Image` in `/extlinux` is `/Image`.
fn absolute(folder: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from
        .split('/')
        .chain(path.split('/'))
        .filter(|part| !part.is_empty() && *part != ".")
    {
        match part {
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extlinux_entry_is_found_as_u_boot_finds_it() {
        let text = "default Pine64 OX64 Kernel\nlabel Pine64 0X64 Kernel\n  kernel ../Image\n  fdt ../ox64.dtb\nlabel other\n kernel /b\n initrd /c\n";
        let first = BootMenu::read(text, "/extlinux/extlinux.conf");
        assert_eq!(
            (first.kernel.as_deref(), first.fdt.as_deref(), first.initrd),
            (Some("/Image"), Some("/ox64.dtb"), false)
        );
        let other = BootMenu::read(
            &text.replace("default Pine64 OX64 Kernel", "DEFAULT other"),
            "/extlinux/extlinux.conf",
        );
        assert_eq!((other.kernel.as_deref(), other.initrd), (Some("/b"), true));
        assert!(BootMenu::read("", "/x").kernel.is_none());
    }
}
