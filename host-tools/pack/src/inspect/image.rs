//! Inspects an Image: its header, its record, its code, its initrd.

use boards::Board;
use model::ImageLayout;
use model::layout::ImagePart;
use romfs::Romfs;
use romfs::record::{self, Record};

/// Problems of an Image that do not depend on the board.
pub(crate) fn problems(image: &[u8]) -> Vec<String> {
    let mut layout = ImageLayout::default();
    kernel(image, 0, None, &mut layout);
    layout.problems
}

/// Inspects an Image: its header, its record, its initrd.
pub(super) fn kernel(bytes: &[u8], at: u64, board: Option<&Board>, layout: &mut ImageLayout) {
    let Some(head) = bytes
        .get(..64)
        .filter(|head| head[0x38..0x3c] == *b"RSC\x05")
    else {
        layout.problems.push(
            "the kernel has no Linux Image header: booti says \"Bad Linux RISCV Image magic!\""
                .into(),
        );
        return;
    };
    let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap_or_default());
    let (text_offset, image_size, size) = (long(0x08), long(0x10), bytes.len() as u64);
    layout
        .facts
        .push(("text_offset".into(), format!("{text_offset:#x}")));
    layout.facts.push((
        "image_size".into(),
        format!("{image_size} of {size} bytes in the file"),
    ));
    if image_size == 0 {
        layout
            .problems
            .push("image_size is 0: booti says \"Image lacks image_size field, error!\"".into());
    } else if image_size < size {
        let lost = size - image_size;
        layout.problems.push(format!(
            "image_size leaves out the file's last {}: a loader that moves the Image loses them",
            model::counted(lost, "byte", "bytes")
        ));
    }
    // The memory behind the file's end is for variables that begin as zeros: a fraction of a kernel.
    if image_size / 2 > size {
        layout.problems.push(format!(
            "the Image is truncated: its header claims {image_size} bytes, and {} missing",
            model::counted(image_size - size, "byte is", "bytes are")
        ));
    }
    if let Some(board) = board {
        if text_offset != board.boot.text_offset {
            let wanted = board.boot.text_offset;
            layout.problems.push(format!(
                "text_offset is {text_offset:#x}; {} runs it from {wanted:#x}",
                board.title
            ));
        }
        // The loader reserves image_size bytes, BSS included, from the load address.
        let size = size.max(image_size);
        if size > board.boot.max_image_bytes {
            let limit = board.boot.max_image_bytes;
            layout.problems.push(format!(
                "the Image has {size} bytes; more than {limit} overwrite what lies behind it"
            ));
        }
    }
    match find_record(bytes) {
        None => layout.facts.push((
            "record".into(),
            "none: not a Pagewalk kernel, or not packed".into(),
        )),
        Some(record) => {
            text(bytes, &record, layout);
            initrd(bytes, at, &record, layout);
        }
    }
}

/// Compares the CRC-32 of the kernel's code with the one in the record.
fn text(bytes: &[u8], record: &Record, layout: &mut ImageLayout) {
    let name = || "kernel text".to_owned();
    let Some(text) = usize::try_from(record.text_size)
        .ok()
        .filter(|size| *size > 0)
    else {
        let what = "no checksum: packed by an older pagewalk";
        layout.facts.push((name(), what.into()));
        return;
    };
    // A truncated file has its own message.
    let Some(text) = bytes.get(..text) else {
        return;
    };
    let fact = format!("{} bytes, crc32 {:08x}", text.len(), record.text_crc32);
    layout.facts.push((name(), fact));
    if crc32fast::hash(text) != record.text_crc32 {
        let problem = "the kernel is damaged: the CRC-32 of its text is not what the packer wrote";
        layout.problems.push(problem.into());
    }
}

/// Searches for the packer's record by magic and checksum; the flat file has no symbols.
fn find_record(bytes: &[u8]) -> Option<Record> {
    let chunks = bytes.chunks_exact(record::BYTES);
    chunks
        .filter_map(|chunk| Record::decode(chunk.try_into().ok()?).ok())
        .next()
}

fn initrd(bytes: &[u8], at: u64, record: &Record, layout: &mut ImageLayout) {
    let (offset, size) = (record.initrd_offset, record.initrd_size);
    layout.parts.push(ImagePart {
        what: "    kernel and its zeros".into(),
        at,
        size: offset,
    });
    layout.parts.push(ImagePart {
        what: "    initrd (ROMFS)".into(),
        at: at + offset,
        size,
    });
    if !record.ends_whole(bytes) || record.file_size != bytes.len() as u64 {
        let file = record.file_size;
        layout.problems.push(format!(
            "the Image is truncated: {} of {file} bytes, or its end is damaged",
            bytes.len()
        ));
    }
    let end = offset.saturating_add(size);
    let Some(initrd) = bytes.get(offset as usize..end as usize) else {
        layout
            .problems
            .push("the initrd lies beyond the end of the Image".into());
        return;
    };
    if crc32fast::hash(initrd) != record.initrd_crc32 {
        layout
            .problems
            .push("the initrd is damaged: its CRC-32 is not what the packer wrote".into());
    }
    match Romfs::new(initrd).and_then(|romfs| romfs.check().map(|()| romfs)) {
        Ok(romfs) => {
            let label = romfs
                .label()
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            layout.facts.push((
                "initrd".into(),
                format!("ROMFS `{label}`, crc32 {:08x}", record.initrd_crc32),
            ));
        }
        Err(error) => layout
            .problems
            .push(format!("the initrd is not a valid ROMFS image: {error}")),
    }
}
