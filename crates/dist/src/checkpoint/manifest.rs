//! The manifest: one line of text for every thing that a run file holds.
//!
//! ```text
//! header numericsVersion 1
//! text case <sha256>
//! attribute learningRate f64 0x3f50624dd2f1a9fc
//! dataset parameters/layer0/weight <sha256>
//! ```
//!
//! A reader builds the manifest of what it read and compares it with the stored one: a line that
//! differs names what was altered, a line without a partner what is missing or was added. SHA-256
//! of the text is the content digest, so the order of the lines is content, too.

use super::{Attribute, Cause, Checkpoint, sha256};
use indexmap::IndexSet;
use std::collections::HashMap;
use tessera_core::tensor::canonical_bits_f64;

/// Top-level names that the format itself uses.
const RESERVED: [&str; 2] = ["tessera", "provenance"];

/// The manifests of a checkpoint.
pub(super) struct Manifest {
    /// What equal runs have in common.
    pub compared: Lines,
    /// What may differ between equal runs.
    pub provenance: Lines,
}

/// The lines of one manifest, in order.
#[derive(Default)]
pub(super) struct Lines(Vec<Line>);

/// One line: what is listed, and its value or digest.
struct Line {
    key: String,
    value: String,
}

impl Manifest {
    /// The manifests of `checkpoint`.
    pub fn of(checkpoint: &Checkpoint) -> Manifest {
        let header = &checkpoint.header;
        let mut compared = Lines::default();
        compared.push("header numericsVersion", header.numerics_version.to_string());
        compared.push("header seed", header.seed.to_string());
        compared.push("header step", header.step.to_string());
        compared.push("header caseSha256", header.case_sha256());
        compared.push("text case", sha256(header.case.as_bytes()));
        compared.push("text program", sha256(header.program.as_bytes()));
        for (name, attribute) in &checkpoint.attributes {
            compared.push(format!("attribute {name}"), value(attribute));
        }
        let mut provenance = Lines::default();
        let origin = &checkpoint.provenance;
        provenance.push("attribute softwareVersion", sha256(origin.software_version.as_bytes()));
        provenance.push("attribute date", sha256(origin.date.as_bytes()));
        provenance.push("attribute machine", sha256(origin.machine.as_bytes()));
        for (name, attribute) in &origin.entries {
            provenance.push(format!("attribute {name}"), value(attribute));
        }
        let mut manifest = Manifest { compared, provenance };
        checkpoint.datasets.iter().for_each(|(path, tensor)| manifest.list(path, tensor.digest()));
        manifest
    }

    /// Lists one more dataset.
    pub fn list(&mut self, path: &str, digest: String) {
        let lines = if is_provenance(path) { &mut self.provenance } else { &mut self.compared };
        lines.push(format!("dataset {path}"), digest);
    }
}

impl Lines {
    fn push(&mut self, key: impl Into<String>, value: String) {
        self.0.push(Line { key: key.into(), value });
    }

    /// The stored text: `kind name value`, a line each.
    pub fn text(&self) -> String {
        self.0.iter().map(|line| format!("{} {}\n", line.key, line.value)).collect()
    }

    /// The digest of the text.
    pub fn digest(&self) -> String {
        sha256(self.text().as_bytes())
    }

    /// The lines of a stored text.
    pub fn parse(text: &str) -> Result<Lines, String> {
        let line = |line: &str| {
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some(kind), Some(name), Some(value)) => {
                    Ok(Line { key: format!("{kind} {name}"), value: value.to_owned() })
                }
                _ => Err(format!("manifest line {line:?} must be `kind name value`")),
            }
        };
        text.lines().map(line).collect::<Result<_, _>>().map(Lines)
    }

    /// The names listed under `kind`, in order.
    pub fn names<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |line| line.key.strip_prefix(kind)?.strip_prefix(' '))
    }

    /// What differs between what is listed (`self`) and what was `found`, one line for each.
    /// `missing` names what the reader has already reported.
    pub fn differences(&self, found: &Lines, missing: &[String]) -> Vec<String> {
        let values: HashMap<&str, &str> =
            found.0.iter().map(|line| (line.key.as_str(), line.value.as_str())).collect();
        let listed = self.0.iter().filter(|line| !missing.contains(&line.key));
        listed
            .filter_map(|line| match values.get(line.key.as_str()) {
                Some(value) if *value == line.value => None,
                Some(value) => Some(format!("{} must be {}, got {value}", line.key, line.value)),
                None => Some(format!("{} is missing", line.key)),
            })
            .collect()
    }
}

/// Whether the dataset at `path` is provenance, which is never compared.
pub(super) fn is_provenance(path: &str) -> bool {
    path.starts_with("provenance/")
}

/// A value as the manifest shows it: type and exact value, or the digest of a text.
fn value(attribute: &Attribute) -> String {
    match attribute {
        Attribute::U64(value) => format!("u64 {value}"),
        Attribute::F64(value) => format!("f64 0x{:016x}", canonical_bits_f64(*value)),
        Attribute::Text(value) => format!("text {}", sha256(value.as_bytes())),
    }
}

/// Checks that a file can hold `checkpoint` and datasets at the paths `more`: their names and texts.
pub(super) fn validate<'a>(
    checkpoint: &'a Checkpoint,
    more: impl IntoIterator<Item = &'a str>,
) -> Result<(), Cause> {
    let header = &checkpoint.header;
    let origin = &checkpoint.provenance;
    let texts = [
        ("the case", &header.case),
        ("the program", &header.program),
        ("the software version", &origin.software_version),
        ("the date", &origin.date),
        ("the machine", &origin.machine),
    ];
    for (what, text) in texts {
        validate_text(what, text)?;
    }
    for (name, attribute) in checkpoint.attributes.iter().chain(&origin.entries) {
        if !is_name(name) {
            return Err(Cause::Content(format!(
                "an attribute's name must have no white space, control character or `/`, got {name:?}"
            )));
        }
        if let Attribute::Text(text) = attribute {
            validate_text(&format!("attribute {name:?}"), text)?;
        }
    }
    if let Some(name) =
        ["softwareVersion", "date", "machine", "sha256"].iter().find(|n| origin.entries.contains_key(**n))
    {
        return Err(Cause::Content(format!(
            "a provenance entry must not take the format's own name {name:?}"
        )));
    }
    let mut paths: IndexSet<&str> = checkpoint.datasets.keys().map(String::as_str).collect();
    for path in more {
        if !paths.insert(path) {
            return Err(Cause::Content(format!("a path must be that of one dataset, got two at {path:?}")));
        }
    }
    paths.iter().try_for_each(|path| validate_path(&paths, path))
}

fn validate_path(paths: &IndexSet<&str>, path: &str) -> Result<(), Cause> {
    if !path.split('/').all(is_name) {
        return Err(Cause::Content(format!(
            "a dataset's path must be names joined by single `/`, without white space, got {path:?}"
        )));
    }
    let inner = path.strip_prefix("provenance/");
    if inner == Some("manifest")
        || (inner.is_none() && RESERVED.contains(&path.split('/').next().unwrap_or(path)))
    {
        return Err(Cause::Content(format!("a dataset's path must not be the format's own, got {path:?}")));
    }
    let ancestors = path.match_indices('/').map(|(end, _)| &path[..end]);
    for ancestor in ancestors {
        if paths.contains(ancestor) {
            return Err(Cause::Content(format!(
                "a path must be a dataset or a group, but {ancestor:?} is a dataset and holds {path:?}"
            )));
        }
    }
    Ok(())
}

fn validate_text(what: &str, text: &str) -> Result<(), Cause> {
    if text.contains('\0') {
        return Err(Cause::Content(format!("{what} must not contain a NUL character")));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
}
