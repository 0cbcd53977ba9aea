//! `tessera show`: what is in a run file.

use super::{BOLD, Error, RESET, Report, json};
use clap::Args;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use tessera_core::Tensor;
use tessera_core::tensor::Data;
use tessera_dist::checkpoint::{read, read_latest};
use tessera_dist::{Attribute, Checkpoint};

/// Show what is in a run file, after verifying every digest in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera show run.h5
  tessera show run.h5 --json | jq .header.step

Exit code 0 if the file is whole, 2 if it cannot be read or was altered.")]
pub struct Show {
    /// The run file
    run: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let run = read(&self.run).map_err(|error| match read_latest(&self.run) {
            Ok(latest) => {
                let good = latest.path.display();
                format!("{error}\nhelp: a file kept before it is good: {good}").into()
            }
            Err(_) => Error::from(error),
        })?;
        let bytes = std::fs::metadata(&self.run).map(|metadata| metadata.len()).unwrap_or(0);
        let text = if self.json {
            json(&to_json(&run, bytes))
        } else {
            to_text(&run, bytes, &self.run.to_string_lossy())
        };
        Ok(Report::done(text))
    }
}

fn to_text(run: &Checkpoint, bytes: u64, name: &str) -> String {
    let header = &run.header;
    let origin = &run.provenance;
    let mut text = format!("{BOLD}{name}{RESET}  {}, every digest agrees\n", size(bytes));
    // Writing to a string cannot fail.
    let mut field = |key: &str, value: &str| {
        let _ = writeln!(text, "  {key:<15} {value}");
    };
    field("step", &header.step.to_string());
    field("seed", &header.seed.to_string());
    field("numerics", &format!("version {}", header.numerics_version));
    field("case", &format!("{} lines, sha256 {}", header.case.lines().count(), header.case_sha256()));
    field("program", &format!("{} lines", header.program.lines().count()));
    field("content digest", &run.digest());
    field(
        "written",
        &format!("{} by tessera {} on {}", origin.date, origin.software_version, origin.machine),
    );
    for (name, value) in &origin.entries {
        field(name, &value.to_string());
    }
    if !run.attributes.is_empty() {
        let _ = writeln!(text, "\n{BOLD}attributes{RESET}");
        for (name, value) in &run.attributes {
            let _ = writeln!(text, "  {name:<24} {value}");
        }
    }
    let losses: Vec<_> = losses(run).collect();
    if !losses.is_empty() {
        let _ =
            writeln!(text, "\n{BOLD}{:<26} {:>12} {:>12} {:>12}{RESET}", "losses", "first", "last", "least");
        for loss in losses {
            let _ = writeln!(
                text,
                "  {:<24} {:>12.4e} {:>12.4e} {:>12.4e}",
                loss.name, loss.first, loss.last, loss.least
            );
        }
    }
    let _ = writeln!(text, "\n{BOLD}{:<40} {:<20} {:<12} range{RESET}", "datasets", "type", "sha256");
    for (path, tensor) in &run.datasets {
        let range = range(tensor).map(|(low, high)| format!("{low:.4e} … {high:.4e}")).unwrap_or_default();
        let row = format!("  {path:<38} {:<20} {:.12} {range}", tensor.ty().to_string(), tensor.digest());
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

fn to_json(run: &Checkpoint, bytes: u64) -> Value {
    let header = &run.header;
    let origin = &run.provenance;
    let attributes = |map: &mut dyn Iterator<Item = (&String, &Attribute)>| -> Map<String, Value> {
        map.map(|(name, value)| (name.clone(), attribute(value))).collect()
    };
    let losses: Map<String, Value> = losses(run)
        .map(|loss| {
            (loss.name.to_owned(), json!({ "first": loss.first, "last": loss.last, "least": loss.least }))
        })
        .collect();
    let datasets: Map<String, Value> = run
        .datasets
        .iter()
        .map(|(path, tensor)| {
            let range = range(tensor).map(|(low, high)| json!([low, high]));
            let value = json!({
                "dtype": tensor.dtype().name(),
                "shape": tensor.shape(),
                "sha256": tensor.digest(),
                "range": range,
            });
            (path.clone(), value)
        })
        .collect();
    json!({
        "bytes": bytes,
        "digest": run.digest(),
        "header": {
            "numerics_version": header.numerics_version,
            "seed": header.seed,
            "step": header.step,
            "case_sha256": header.case_sha256(),
            "case": header.case,
            "program": header.program,
        },
        "provenance": {
            "software_version": origin.software_version,
            "date": origin.date,
            "machine": origin.machine,
            "entries": attributes(&mut origin.entries.iter()),
        },
        "attributes": attributes(&mut run.attributes.iter()),
        "losses": losses,
        "datasets": datasets,
    })
}

/// A value; JSON has no NaN and no infinity, which become texts.
fn attribute(attribute: &Attribute) -> Value {
    match attribute {
        Attribute::U64(value) => json!(value),
        Attribute::F64(value) if value.is_finite() => json!(value),
        Attribute::F64(value) => json!(value.to_string()),
        Attribute::Text(value) => json!(value),
    }
}

/// A loss term's way.
struct Loss<'a> {
    name: &'a str,
    first: f64,
    last: f64,
    least: f64,
}

fn losses(run: &Checkpoint) -> impl Iterator<Item = Loss<'_>> {
    let terms = run.group("history").filter(|(name, _)| !matches!(*name, "step" | "stage"));
    terms.filter_map(|(name, tensor)| match tensor.data() {
        Data::F64(values) if tensor.ndim() == 1 => {
            let least = values.iter().copied().reduce(f64::min)?;
            Some(Loss { name, first: *values.first()?, last: *values.last()?, least })
        }
        _ => None,
    })
}

/// The least and the greatest element of a tensor of finite floats.
fn range(tensor: &Tensor) -> Option<(f64, f64)> {
    let values: Vec<f64> = match tensor.data() {
        Data::F64(values) => values.clone(),
        Data::F32(values) => values.iter().map(|&x| x.into()).collect(),
        _ => return None,
    };
    let finite = values.iter().all(|x| x.is_finite());
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    finite.then_some((low, high))
}

/// A number of bytes for reading.
fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e3 => format!("{bytes} bytes"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.2} GB", b / 1e9),
    }
}
