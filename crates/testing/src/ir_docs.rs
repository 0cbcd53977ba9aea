//! The generated part of `docs/ir.md`: every operation and every law, from their tables.

use std::fmt::Write;
use tessera_core::diagnostic::Law;
use tessera_core::ops::{self, Constraint, Entry};
use tessera_core::{ad, text, verify};

/// What stands in `docs/ir.md` before the generated part.
pub const MARK: &str =
    "<!-- Generated from the op table; `BLESS=1 cargo test -p tessera-testing --test docs` renews it. -->\n";

/// The generated part.
pub fn generated() -> String {
    let mut out = String::from("\n## Operations\n\n");
    let anchored = |entry: &Entry| format!("[`{}`](#{})", entry.name, entry.name.replace('.', ""));
    let names: Vec<String> = ops::entries().iter().map(anchored).collect();
    let _ = writeln!(out, "{}.\n", names.join(", "));
    for entry in ops::entries() {
        operation(entry, &mut out);
    }
    out.push_str("\n## Laws of the text\n\n");
    laws(text::CONSTRAINTS, &mut out);
    out.push_str("## Laws of graphs\n\nWhat the verifier asks after every transformation.\n\n");
    laws(verify::CONSTRAINTS, &mut out);
    out.push_str("## Laws of differentiation\n\n");
    for law in ad::CONSTRAINTS {
        constraint(law, &mut out);
    }
    out
}

fn operation(entry: &Entry, out: &mut String) {
    let example = entry.example.replace("FUNCTION", entry.name);
    let _ =
        writeln!(out, "### {}\n\n{}.\n\n```mlir\n{example}\n```\n", entry.name, capitalised(entry.summary));
    for law in entry.constraints {
        constraint(law, out);
    }
    out.push('\n');
}

fn constraint(law: &Constraint, out: &mut String) {
    let _ = writeln!(out, "- **{}** {}. Mend: {}.", law.id, law.law, law.mend);
}

fn laws(laws: &[Law], out: &mut String) {
    for law in laws {
        let _ = writeln!(out, "- **{}** {}. Mend: {}.", law.id, law.law, law.mend);
    }
    out.push('\n');
}

/// `text` with a capital where it begins with a word.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // A formula, such as `x + y`, stays as it is.
        Some(first)
            if first.is_ascii_lowercase() && chars.as_str().starts_with(|c: char| c.is_ascii_lowercase()) =>
        {
            format!("{}{}", first.to_ascii_uppercase(), chars.as_str())
        }
        _ => text.to_string(),
    }
}
