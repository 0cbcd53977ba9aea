//! How far a training is: a bar on a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};
use tessera_pinn::trainer::Report;

/// Plain lines for a whole training, give or take those at the ends of stages.
const LINES: u64 = 20;
/// Time between changes of the bar's text.
const REFRESH: Duration = Duration::from_millis(100);
/// How often the bar is drawn, in 1/s.
const DRAW_HZ: u8 = 10;

/// Shows steps on stderr.
pub struct Progress {
    display: Display,
    /// The kind of each stage.
    stages: Vec<&'static str>,
    total: u64,
}

enum Display {
    Bar { bar: ProgressBar, changed: Option<Instant> },
    Lines { every: u64, step: u64, at: Instant },
    Quiet,
}

impl Progress {
    /// Of a training of `total` steps that has done `done`, in `stages`.
    pub fn new(total: u64, done: u64, stages: Vec<&'static str>, quiet: bool) -> Progress {
        let display = if quiet {
            Display::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(DRAW_HZ));
            let style = "{bar:30.cyan} {pos}/{len}  {msg}  {per_sec:.dim}  {eta} left";
            bar.set_style(ProgressStyle::with_template(style).expect("a template of known words"));
            bar.set_position(done);
            bar.reset_eta();
            Display::Bar { bar, changed: None }
        } else {
            Display::Lines { every: total.div_ceil(LINES).max(1), step: done, at: Instant::now() }
        };
        Progress { display, stages, total }
    }

    /// Shows a step.
    pub fn step(&mut self, report: &Report) {
        let kind = self.stages.get(report.stage).copied().unwrap_or("");
        let total = self.total;
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar { bar, changed } => {
                bar.set_position(report.step);
                if changed.is_none_or(|at| at.elapsed() >= REFRESH) {
                    bar.set_message(format!("{kind}  loss {:.3e}", report.total));
                    *changed = Some(Instant::now());
                }
            }
            Display::Lines { every, step, at } => {
                let due = report.step == 1 || report.step.is_multiple_of(*every) || report.end.is_some();
                if due {
                    let rate = (report.step - *step) as f64 / at.elapsed().as_secs_f64();
                    let left = (total - report.step.min(total)) as f64 / rate;
                    (*step, *at) = (report.step, Instant::now());
                    let terms: Vec<String> =
                        report.terms.iter().map(|(name, loss)| format!("{name} {loss:.2e}")).collect();
                    let terms =
                        if terms.len() > 1 { format!(" ({})", terms.join(", ")) } else { String::new() };
                    say(&format!(
                        "{:>8}/{total}  {kind:<5}  loss {:.3e}{terms}  {rate:.1} steps/s  {left:.0} s left",
                        report.step, report.total
                    ));
                }
            }
        }
        if let Some(end) = report.end
            && report.step < total
        {
            self.say(&format!("{kind} ended at step {}: {}", report.step, end.name()));
        }
    }

    /// Says something beside the progress, unless asked to be quiet.
    pub fn say(&self, line: &str) {
        if !matches!(self.display, Display::Quiet) {
            self.warn(line);
        }
    }

    /// Says something that must be heard.
    pub fn warn(&self, line: &str) {
        match &self.display {
            Display::Bar { bar, .. } => bar.suspend(|| say(line)),
            _ => say(line),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Display::Bar { bar, .. } = &self.display {
            bar.finish_and_clear();
        }
    }
}

/// Writes a line to stderr; where that is closed, nobody listens.
fn say(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
