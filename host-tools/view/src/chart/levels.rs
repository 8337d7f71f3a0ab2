//! The tree of page tables: one row per level, each table as wide as the tables below it.
//!
//! Adjacent tables without a valid entry share a box, and so do tables that are too many to draw one by one.

use model::AddressSpace;
use model::space::TableUse;
use pagetable::PAGE_BYTES;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{BLACK, Color, IntoFont, RGBColor};

use super::font::FAMILY;
use super::strip::{GREY, WIDTH, paint_legend, text};
use super::{PaintError, Picture, Tips};
use crate::words::{self, ExactSize, counted};

/// Maximum number of boxes in a row.
const MOST_COLUMNS: usize = 42;
const HEAD: i32 = 120;
const ROW: i32 = 84;
const FOOT: i32 = 24;
/// Left and right edge of the boxes; level names are to the left.
const BOXES: (i32, i32) = (110, 985);

const EMPTY: RGBColor = RGBColor(240, 240, 240);
const SPARSE: (f64, f64, f64) = (214.0, 232.0, 245.0);
const FULL: (f64, f64, f64) = (0.0, 90.0, 150.0);

/// A table, or several drawn as one box.
struct TableNode {
    tables: u64,
    empty: u64,
    valid: u64,
    first: TableUse,
    children: Vec<TableNode>,
}

impl TableNode {
    fn of(table: &TableUse) -> TableNode {
        TableNode {
            tables: 1,
            empty: u64::from(table.valid == 0),
            valid: u64::from(table.valid),
            first: *table,
            children: Vec::new(),
        }
    }

    fn columns(&self) -> usize {
        self.children
            .iter()
            .map(TableNode::columns)
            .sum::<usize>()
            .max(1)
    }

    /// Merges the next table and its subtree into this box.
    fn absorb(&mut self, other: TableNode) {
        self.tables += other.tables;
        self.empty += other.empty;
        self.valid += other.valid;
        self.children.extend(other.children);
    }

    /// Merges runs of adjacent boxes for which `joins` is true.
    fn join(&mut self, joins: &impl Fn(&TableNode, &TableNode) -> bool) {
        let mut joined: Vec<TableNode> = Vec::new();
        for child in std::mem::take(&mut self.children) {
            match joined.last_mut() {
                Some(last) if joins(last, &child) => last.absorb(child),
                _ => joined.push(child),
            }
        }
        self.children = joined;
        self.children.iter_mut().for_each(|child| child.join(joins));
    }
}

/// Tree of the tables of a space.
pub struct Levels<'a> {
    space: &'a AddressSpace,
    origin: &'a str,
    root: Option<TableNode>,
}

impl<'a> Levels<'a> {
    /// The tree of `space`; `origin` is the source of the data, for the heading.
    pub fn new(space: &'a AddressSpace, origin: &'a str) -> Self {
        let tables = space.tables();
        let top = tables.iter().find(|table| table.pointer.is_none());
        let mut root = top.map(|table| grow(&tables, table));
        if let Some(root) = &mut root {
            let is_empty = |node: &TableNode| node.empty == node.tables && node.children.is_empty();
            root.join(&|one, other| is_empty(one) && is_empty(other));
            if root.columns() > MOST_COLUMNS {
                root.join(&|one, other| {
                    one.children.is_empty()
                        && other.children.is_empty()
                        && is_empty(one) == is_empty(other)
                });
            }
            if root.columns() > MOST_COLUMNS {
                root.join(&|_, _| true);
            }
        }
        Levels {
            space,
            origin,
            root,
        }
    }
}

/// Builds the node of a table and its children; recursion depth is the number of levels.
fn grow(tables: &[TableUse], table: &TableUse) -> TableNode {
    let mut node = TableNode::of(table);
    if table.level > 0 {
        let is_below = |it: &&TableUse| {
            let from = it.pointer.map(|(at, _)| at.align_down(PAGE_BYTES));
            it.level + 1 == table.level && from == Some(table.at)
        };
        let below = tables.iter().filter(is_below);
        node.children = below.map(|it| grow(tables, it)).collect();
    }
    node
}

fn colour(share: f64) -> RGBColor {
    let mix = |from: f64, to: f64| (from + (to - from) * share).round() as u8;
    RGBColor(
        mix(SPARSE.0, FULL.0),
        mix(SPARSE.1, FULL.1),
        mix(SPARSE.2, FULL.2),
    )
}

impl Picture for Levels<'_> {
    fn size(&self) -> (u32, u32) {
        let rows = i32::from(self.space.mode().levels().max(1));
        (WIDTH, (HEAD + ROW * rows + FOOT) as u32)
    }

    fn paint<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let satp = self.space.satp();
        let title = format!(
            "Tables of {:#x} ({}): {}",
            satp.encode(satp.mode.xlen()),
            satp.mode.name(),
            self.origin
        );
        canvas.draw(&Text::new(title, (16, 12), text(24)))?;
        let legend = [
            (EMPTY, "no valid entry".to_owned()),
            (colour(0.02), "few entries valid".to_owned()),
            (colour(0.5), "half".to_owned()),
            (colour(1.0), "all".to_owned()),
        ];
        paint_legend(canvas, 48, &legend)?;
        let note = "a box is a table, or neighbours drawn as one; below it are those that it points \
                    to; low addresses left; 5x: five tables drawn as one";
        canvas.draw(&Text::new(note, (18, 78), text(14)))?;
        self.paint_rows(canvas)?;
        match &self.root {
            Some(root) => self.paint_node(canvas, root, BOXES, tips),
            None => Ok(canvas.draw(&Text::new("no tables", (BOXES.0, HEAD), text(16)))?),
        }
    }
}

impl Levels<'_> {
    fn top(&self, level: u8) -> i32 {
        HEAD + ROW * i32::from(self.space.mode().root_level() - level)
    }

    /// Paints the summary of each level at the left.
    fn paint_rows<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let mode = self.space.mode();
        let all = self.space.tables();
        for level in 0..mode.levels() {
            let tables = all.iter().filter(|table| table.level == level);
            let empty = tables.clone().filter(|table| table.valid == 0).count();
            let top = self.top(level);
            canvas.draw(&Text::new(
                format!("level {level}"),
                (18, top + 4),
                text(16),
            ))?;
            let label = (FAMILY, 14).into_font().color(&GREY);
            let count = tables.count();
            let lines = [
                counted(count, "table", "tables"),
                format!("{empty} empty"),
                format!("{} a page", ExactSize(mode.leaf_bytes(level))),
            ];
            for (line, words) in (0..).zip(lines) {
                canvas.draw(&Text::new(words, (18, top + 24 + 16 * line), label.clone()))?;
            }
        }
        Ok(())
    }

    fn paint_node<B: DrawingBackend>(
        &self,
        canvas: &DrawingArea<B, Shift>,
        node: &TableNode,
        (left, right): (i32, i32),
        tips: &mut Tips,
    ) -> Result<(), PaintError>
    where
        B::ErrorType: 'static,
    {
        let mode = self.space.mode();
        let top = self.top(node.first.level);
        let corners = [(left, top), (right - 2, top + ROW - 12)];
        let room = node.tables * mode.entries() as u64;
        let share = node.valid as f64 / room as f64;
        let fill = if node.valid == 0 {
            EMPTY
        } else {
            colour(share)
        };
        canvas.draw(&Rectangle::new(corners, fill.filled()))?;
        canvas.draw(&Rectangle::new(corners, BLACK.mix(0.6)))?;
        let ink = if share > 0.5 {
            RGBColor(255, 255, 255)
        } else {
            BLACK
        };
        let style = (FAMILY, 14).into_font().color(&ink);
        let tip = format!(
            "{} at {}, for va {} and up: {} of {room} entries valid",
            counted(node.tables as usize, "table", "tables"),
            words::pa(mode, node.first.at),
            words::va(mode, mode.sign_extend(node.first.va.raw())),
            node.valid
        );
        tips.add(corners, tip);
        let width = right - left - 8;
        // The longest form of each line that fits the width, and the lines that fit the height.
        let mut lines = Vec::new();
        if node.tables > 1 {
            let what = if node.empty == node.tables {
                "empty"
            } else {
                "tables"
            };
            lines.push(vec![
                format!("{} {what}", node.tables),
                format!("{}x", node.tables),
            ]);
        }
        if node.valid > 0 {
            lines.push(vec![
                format!("{} valid", node.valid),
                node.valid.to_string(),
            ]);
        }
        lines.push(vec![
            words::pa(mode, node.first.at),
            format!("{:#x}", node.first.at),
        ]);
        lines.push(vec![format!("va {:#x}", node.first.va)]);
        let mut line_top = top + 5;
        for forms in lines {
            for line in forms {
                let (wide, _) = canvas.estimate_text_size(&line, &style)?;
                if i32::try_from(wide)? <= width && line_top + 14 <= corners[1].1 {
                    canvas.draw(&Text::new(line, (left + 5, line_top), style.clone()))?;
                    line_top += 17;
                    break;
                }
            }
        }
        let columns = node.columns() as f64;
        let mut at = f64::from(left);
        for child in &node.children {
            let wide = f64::from(right - left) * child.columns() as f64 / columns;
            let edges = (at.round() as i32, (at + wide).round() as i32);
            self.paint_node(canvas, child, edges, tips)?;
            at += wide;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pagetable::{Dialect, Memory, Mode, PhysAddr, Pte, Satp};

    use super::super::{ImageKind, write};
    use super::*;

    /// A root with 300 tables below it; the first one maps three pages, the others are empty.
    struct TwoTables;

    impl Memory for TwoTables {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let index = at.offset(4096) / 8;
            Ok(match (at.frame(), index) {
                (1, 0..300) => Pte::pointer(Mode::Sv39, PhysAddr::from_frame(2 + index)).raw(),
                (2, 0..3) => Pte::leaf(Mode::Sv39, PhysAddr::new(index << 30), Pte::READ).raw(),
                _ => 0,
            })
        }
    }

    #[test]
    fn empty_neighbours_are_one_box() {
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(0x1000),
        };
        let space = AddressSpace::read(&mut TwoTables, satp, Dialect::None);
        let picture = Levels::new(&space, "ram.bin");
        let mut svg = Vec::new();
        write(&picture, ImageKind::Svg, &mut svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        for words in [
            "Tables of 0x8000000000000001 (sv39): ram.bin",
            "300 valid",
            "299 empty",
            "3 valid",
            "300 tables",
        ] {
            assert!(svg.contains(words), "{words}");
        }
    }
}
