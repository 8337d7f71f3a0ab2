//! Mappings of a Linux process, with the names that /proc/PID/maps has.

use super::super::layouts::{Layouts, offset};
use super::super::part::Part;
use super::super::{KernelReader, OsError, OsTask, VirtArea, Virtual};
use super::Linux;
use super::maple::Maple;

/// Most directories of one path, and most bytes of a name: NAME_MAX.
const MOST_PARTS: usize = 256;
const NAME_BYTES: usize = 256;

/// Offsets of the members that lead from a process to its files' names.
#[derive(Clone, Debug)]
pub(super) struct MappingFields {
    mm: u64,
    tree: u64,
    maple: Maple,
    start: u64,
    end: u64,
    file: u64,
    private: u64,
    ops: u64,
    brk: (u64, u64),
    stack: u64,
    path: u64,
    mount: u64,
    dentry: u64,
    parent: u64,
    name: u64,
    length: u64,
    mount_in: u64,
    mount_parent: u64,
    mount_point: u64,
    mount_root: u64,
    special_name: u64,
}

impl MappingFields {
    /// `None` for a kernel before 6.1, whose mappings are in another kind of tree.
    pub fn of(layouts: &impl Layouts) -> Option<MappingFields> {
        let at = |of, path| offset(layouts, of, path).ok();
        let vma = |path| at("vm_area_struct", path);
        let mm = |path| at("mm_struct", path);
        Some(MappingFields {
            mm: at("task_struct", "mm")?,
            tree: mm("mm_mt")?,
            maple: Maple::of(layouts)?,
            start: vma("vm_start")?,
            end: vma("vm_end")?,
            file: vma("vm_file")?,
            private: vma("vm_private_data")?,
            ops: vma("vm_ops")?,
            brk: (mm("start_brk")?, mm("brk")?),
            stack: mm("start_stack")?,
            path: at("file", "f_path").or_else(|| at("file", "__f_path"))?,
            mount: at("path", "mnt")?,
            dentry: at("path", "dentry")?,
            parent: at("dentry", "d_parent")?,
            name: at("dentry", "d_name.name").or_else(|| at("dentry", "__d_name.name"))?,
            length: at("dentry", "d_name.len").or_else(|| at("dentry", "__d_name.len"))?,
            mount_in: at("mount", "mnt")?,
            mount_parent: at("mount", "mnt_parent")?,
            mount_point: at("mount", "mnt_mountpoint")?,
            mount_root: at("vfsmount", "mnt_root")?,
            special_name: at("vm_special_mapping", "name")?,
        })
    }
}

/// The mappings of a task; none for a thread of the kernel, or a kernel whose tree is not known.
pub(super) fn read(
    linux: &Linux,
    memory: &mut dyn KernelReader,
    task: &OsTask,
) -> Result<Vec<VirtArea>, OsError> {
    let Some(fields) = linux.mappings.as_ref().filter(|_| task.satp.is_some()) else {
        return Ok(Vec::new());
    };
    let mut virt = Virtual::new(memory, linux.kernel);
    let mm = virt.word("task_struct", task.record.wrapping_add(fields.mm))?;
    if mm == 0 {
        return Ok(Vec::new());
    }
    let mut reader = MappingReader {
        fields,
        brk: (
            virt.word("mm_struct", mm.wrapping_add(fields.brk.0))?,
            virt.word("mm_struct", mm.wrapping_add(fields.brk.1))?,
        ),
        stack: virt.word("mm_struct", mm.wrapping_add(fields.stack))?,
        special: linux.symbol("special_mapping_vmops").ok(),
        names: Default::default(),
        virt,
    };
    let tree = mm.wrapping_add(fields.tree);
    let entries = fields.maple.entries(&mut reader.virt, tree)?;
    let mut areas = Vec::new();
    for entry in entries {
        areas.push(reader.area(entry)?);
    }
    areas.retain(|area| area.bounds.0 < area.bounds.1);
    areas.sort_by_key(|area| area.bounds);
    Ok(areas)
}

struct MappingReader<'a, 'm> {
    fields: &'a MappingFields,
    brk: (u64, u64),
    stack: u64,
    special: Option<u64>,
    /// Names of files by the address of `struct file`: a program has its file in several mappings.
    names: std::collections::HashMap<u64, String>,
    virt: Virtual<'m>,
}

impl MappingReader<'_, '_> {
    fn area(&mut self, vma: u64) -> Result<VirtArea, OsError> {
        let MappingFields {
            start,
            end,
            file,
            private,
            ops,
            ..
        } = *self.fields;
        let members = [start, end, file, private, ops].map(|at| (at, 8));
        let part = Part::read(&mut self.virt, "vm_area_struct", vma, &members)?;
        let (from, end) = (part.word(start), part.word(end));
        let file = part.word(file);
        let name = if file != 0 {
            self.file(file)?
        } else if self.special.is_some_and(|it| it == part.word(ops)) {
            let at = part.word(private).wrapping_add(self.fields.special_name);
            let name = self.virt.word("vm_special_mapping", at)?;
            self.text("vm_special_mapping", name)?
        } else if (from..end).contains(&self.stack) {
            "[stack]".to_owned()
        } else if from < self.brk.1 && end > self.brk.0 {
            "[heap]".to_owned()
        } else {
            String::new()
        };
        Ok(VirtArea {
            bounds: (from, end.wrapping_sub(1)),
            name,
        })
    }

    /// Text up to its zero; as much of it as is mapped.
    fn text(&mut self, what: &'static str, at: u64) -> Result<String, OsError> {
        let bytes = NAME_BYTES.min(4096 - (at % 4096) as usize);
        let text = self.virt.bytes(what, at, bytes)?;
        let end = text.iter().position(|byte| *byte == 0);
        Ok(String::from_utf8_lossy(&text[..end.unwrap_or(text.len())]).into_owned())
    }

    fn file(&mut self, file: u64) -> Result<String, OsError> {
        if let Some(name) = self.names.get(&file) {
            return Ok(name.clone());
        }
        let at = file.wrapping_add(self.fields.path);
        let mount = self.virt.word("path", at.wrapping_add(self.fields.mount))?;
        let dentry = self
            .virt
            .word("path", at.wrapping_add(self.fields.dentry))?;
        let name = self.path(mount, dentry)?;
        self.names.insert(file, name.clone());
        Ok(name)
    }

    /// The path of a file from the root of its namespace: names of directories upwards, and where a file system
    /// ends, on from where it is mounted.
    fn path(&mut self, vfsmount: u64, dentry: u64) -> Result<String, OsError> {
        let fields = self.fields;
        let (mut mount, mut dentry) = (vfsmount.wrapping_sub(fields.mount_in), dentry);
        let mut parts = Vec::new();
        for _ in 0..MOST_PARTS {
            let root = mount.wrapping_add(fields.mount_in + fields.mount_root);
            if dentry == self.virt.word("mount", root)? {
                let above = self
                    .virt
                    .word("mount", mount.wrapping_add(fields.mount_parent))?;
                if above == mount {
                    break;
                }
                let point = mount.wrapping_add(fields.mount_point);
                (dentry, mount) = (self.virt.word("mount", point)?, above);
                continue;
            }
            let members = [(fields.parent, 8), (fields.name, 8), (fields.length, 4)];
            let part = Part::read(&mut self.virt, "dentry", dentry, &members)?;
            let parent = part.word(fields.parent);
            let length = (part.word32(fields.length) as usize).min(NAME_BYTES);
            let name = self.virt.bytes("dentry", part.word(fields.name), length)?;
            parts.push(String::from_utf8_lossy(&name).into_owned());
            // A root of a file system that is not mounted: a pipe, memfd.
            if parent == dentry {
                break;
            }
            dentry = parent;
        }
        parts.reverse();
        let path = parts.join("/");
        Ok(match path.starts_with('/') {
            true => path,
            false => format!("/{path}"),
        })
    }
}
