//! `tessera check`: does a program keep every law, and are its derivatives right?

use super::{BOLD_GREEN, BOLD_RED, Error, RESET, Report, json};
use crate::exit::Exit;
use crate::program::{LoadError, Loaded, load};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use tessera_core::ad::check::{GradientReport, Options, Verdict, check_statement, draw_inputs};
use tessera_core::diagnostic::{Colour, Diagnostics};

/// Verify a program and, if asked, its derivatives
///
/// Every module is read and verified, every statement carried out, and what comes of it verified
/// again. With --gradients each derivative is compared with central finite differences at inputs
/// drawn by the law of random numbers, reverse with forward mode by ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩, second
/// derivatives with each other by ⟨u, H v⟩ = ⟨v, H u⟩, and each position of a batch with the module
/// alone; the table shows the error of the worst element and the bound it must keep.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("derivatives").multiple(true))]
#[command(after_help = "Examples:
  tessera check heat.mlir
  tessera check heat.mlir --gradients
  tessera check heat.mlir --gradients --extent 8 --range 0.5,2
  tessera check heat.mlir --find-nan          # the same, and where NaN and infinities come from

Exit code 0 if all is well, 1 if a law is broken or a derivative is wrong, 2 if the file cannot be read.")]
pub struct Check {
    /// The program; - for stdin
    file: PathBuf,
    /// Compare every derivative with finite differences
    #[arg(long, group = "derivatives")]
    gradients: bool,
    /// What every `?` extent is while derivatives are checked
    #[arg(long, value_name = "N", default_value_t = 3, requires = "derivatives",
          value_parser = clap::value_parser!(u16).range(1..))]
    extent: u16,
    /// The seed of inputs and directions
    #[arg(long, value_name = "N", default_value_t = 0, requires = "derivatives")]
    seed: u64,
    /// Where float inputs lie [default: -1,1, or 0.25,1.25 where that is outside a domain]
    #[arg(long, value_name = "LOW,HIGH", requires = "derivatives", value_parser = range, allow_hyphen_values = true)]
    range: Option<(f64, f64)>,
    /// Check derivatives, and where one is not finite name the operation that NaN or the infinity comes from
    #[arg(long, group = "derivatives")]
    find_nan: bool,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<(f64, f64), String> {
    let ends = text
        .split_once(',')
        .and_then(|(low, high)| Some((low.trim().parse::<f64>().ok()?, high.trim().parse::<f64>().ok()?)));
    match ends {
        Some((low, high)) if low < high && (high - low).is_finite() => Ok((low, high)),
        _ => Err("must be two numbers such as 0.5,2, the smaller one first".to_owned()),
    }
}

impl Check {
    pub(super) fn run(&self) -> Result<Report, Error> {
        let loaded = match load(&self.file) {
            Ok(loaded) => loaded,
            Err(LoadError::Wrong(diagnostics)) => return Ok(self.broken(&diagnostics)),
            Err(error) => return Err(error.into()),
        };
        let reports = if self.checks_derivatives() { self.gradients(&loaded)? } else { Vec::new() };
        let passed = reports.iter().all(GradientReport::passed);
        let exit = if passed { Exit::Done } else { Exit::Failed };
        let text = if self.json {
            let reports: Vec<Value> = reports.iter().map(report_json).collect();
            json(&json!({ "passed": passed, "errors": [], "derivatives": reports }))
        } else {
            self.text(&loaded, &reports, passed)
        };
        let problems = if self.find_nan { self.origins(&loaded, &reports)? } else { String::new() };
        Ok(Report { exit, problems, ..Report::done(text) })
    }

    fn checks_derivatives(&self) -> bool {
        self.gradients || self.find_nan
    }

    /// Where NaN and infinities come from in the targets of `reports` that are not finite.
    fn origins(&self, loaded: &Loaded, reports: &[GradientReport]) -> Result<String, Error> {
        let mut text = String::new();
        for report in reports.iter().filter(|report| !report.finite) {
            let graph = loaded.module(Some(&report.target))?;
            let options = Options { range: Some(report.range), ..self.options() };
            if let Some(found) = loaded.find_nan(graph, &draw_inputs(graph, &options))? {
                text.push_str(&format!("{}\n", found.render(Some(&loaded.source), Colour::Always)));
            }
        }
        Ok(text)
    }

    fn options(&self) -> Options {
        let extent = usize::from(self.extent);
        Options { seed: self.seed, extent, range: self.range, ..Options::default() }
    }

    /// The text breaks laws.
    fn broken(&self, diagnostics: &Diagnostics) -> Report {
        if !self.json {
            let problems = format!("{}\n", diagnostics.render(Colour::Always));
            return Report { problems, exit: Exit::Failed, ..Report::done("") };
        }
        let errors: Vec<Value> = diagnostics
            .list()
            .iter()
            .map(|error| {
                let (line, column) = error.position(diagnostics.source()).unzip();
                json!({
                    "id": error.id,
                    "message": error.message,
                    "line": line,
                    "column": column,
                    "help": error.help,
                })
            })
            .collect();
        let text = json(&json!({ "passed": false, "errors": errors, "derivatives": [] }));
        Report { exit: Exit::Failed, ..Report::done(text) }
    }

    fn gradients(&self, loaded: &Loaded) -> Result<Vec<GradientReport>, Error> {
        let options = self.options();
        let statements = loaded.written.transforms.iter();
        let reports = statements.map(|statement| {
            check_statement(&loaded.expanded, statement, &options).map_err(|error| {
                let target = &statement.target;
                let extent = self.extent;
                format!(
                    "cannot check @{target} with every `?` as {extent}: {error}\nhelp: choose another --extent"
                )
                .into()
            })
        });
        reports.collect()
    }

    fn text(&self, loaded: &Loaded, reports: &[GradientReport], passed: bool) -> String {
        let mut text = String::new();
        for report in reports {
            text.push_str(&coloured(&report.to_string()));
            text.push('\n');
        }
        let (modules, statements) = (loaded.written.modules.len(), loaded.written.transforms.len());
        let counts = format!("{} and {}", counted(modules, "module"), counted(statements, "derivative"));
        let verdict = match (passed, self.checks_derivatives()) {
            (true, true) if statements == 0 => "well formed; no statement asks for a derivative".to_owned(),
            (true, true) => {
                let unclear = reports.iter().flat_map(|r| &r.checks).any(|c| c.verdict() == Verdict::Unclear);
                let but = if unclear { ", but not all of it could be judged" } else { "" };
                format!("derivatives agree with differences{but}")
            }
            (true, false) => "well formed".to_owned(),
            (false, _) => "a derivative is wrong".to_owned(),
        };
        let colour = if passed { BOLD_GREEN } else { BOLD_RED };
        text + &format!("{}: {counts}, {colour}{verdict}{RESET}\n", self.file.display())
    }
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The table with its verdicts in colour.
fn coloured(table: &str) -> String {
    let colour = |line: &str| {
        line.replace("  differs", &format!("  {BOLD_RED}differs{RESET}"))
            .replace("  agrees", &format!("  {BOLD_GREEN}agrees{RESET}"))
    };
    table.lines().map(|line| colour(line) + "\n").collect()
}

fn report_json(report: &GradientReport) -> Value {
    let number = |x: f64| if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    let checks: Vec<Value> = report
        .checks
        .iter()
        .map(|check| {
            json!({
                "what": check.what,
                "elements": check.elements,
                "total": check.total,
                "error": number(check.error),
                "bound": number(check.bound),
                "differing": check.differing,
                "unclear": check.unclear,
                "verdict": check.verdict().to_string(),
            })
        })
        .collect();
    json!({
        "source": report.source,
        "target": report.target,
        "range": [report.range.0, report.range.1],
        "passed": report.passed(),
        "checks": checks,
    })
}
