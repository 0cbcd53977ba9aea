//! `tessera compare`: are two runs equal, bit for bit?

use super::{BOLD_GREEN, BOLD_RED, Error, RESET, Report, json};
use crate::exit::Exit;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use tessera_dist::checkpoint::read;
use tessera_dist::compare::{Comparison, Kind};
use tessera_dist::{Checkpoint, compare};

/// Compare two run files bit for bit, and name what differs
///
/// Everything is compared but the provenance (date, machine, threads, times). Every NaN counts as
/// the same, and zeros of different sign differ.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera compare one-thread.h5 eight-threads.h5
  tessera compare a.h5 b.h5 --json | jq .equal

Exit code 0 if equal, 1 if different, 2 if a file cannot be read.")]
pub struct Compare {
    /// One run file
    left: PathBuf,
    /// The other
    right: PathBuf,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let left = read(&self.left)?;
        let right = read(&self.right)?;
        let comparison = compare(&left, &right);
        let text = if self.json {
            json(&to_json(&comparison, &left, &right))
        } else {
            let colour = if comparison.is_equal() { BOLD_GREEN } else { BOLD_RED };
            let text = comparison.to_string();
            let (verdict, rest) = text.split_at(text.find(['\n', ',', ' ']).unwrap_or(text.len()));
            format!("{colour}{verdict}{RESET}{}\n", rest.trim_end())
        };
        let exit = if comparison.is_equal() { Exit::Done } else { Exit::Failed };
        Ok(Report { exit, ..Report::done(text) })
    }
}

fn to_json(comparison: &Comparison, left: &Checkpoint, right: &Checkpoint) -> Value {
    let attributes: Vec<Value> = comparison
        .attributes
        .iter()
        .map(|d| json!({ "name": d.name, "left": d.left, "right": d.right }))
        .collect();
    let datasets: Vec<Value> = comparison
        .datasets
        .iter()
        .map(|d| match &d.kind {
            Kind::Type { left, right } => json!({ "path": d.path, "left_type": left, "right_type": right }),
            Kind::Elements { count, len, first, ulp_max } => json!({
                "path": d.path,
                "elements": len,
                "different": count,
                "ulp_max": ulp_max,
                "first": { "index": first.index, "left": first.left, "right": first.right, "ulp": first.ulp },
            }),
        })
        .collect();
    json!({
        "equal": comparison.is_equal(),
        "left_digest": left.digest(),
        "right_digest": right.digest(),
        "equal_datasets": comparison.equal_datasets,
        "attributes": attributes,
        "datasets": datasets,
        "only_left": comparison.only_left,
        "only_right": comparison.only_right,
        "reordered": comparison.reordered,
    })
}
