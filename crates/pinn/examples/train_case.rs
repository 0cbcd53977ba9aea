//! Trains a case and prints how it goes:
//!
//!     cargo run --release -p tessera-pinn --example train_case -- cases/burgers.toml [THREADS]

use std::error::Error;
use std::path::Path;
use std::time::Instant;
use tessera_core::exec::Backend;
use tessera_core::exec::cpu::Options;
use tessera_pinn::case::Case;
use tessera_pinn::trainer::Trainer;

/// Lines of progress for a stage, at most.
const LINES: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("the case file must be given")?;
    let threads = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let start = Instant::now();
    let seconds = || start.elapsed().as_secs_f64();
    let case = Case::read(Path::new(&path))?;
    let folder = Path::new(&path).parent().unwrap_or(Path::new("."));
    let backend = Backend::Cpu(Options { threads, ..Options::default() });
    let mut trainer = Trainer::new(&case, folder, backend)?;
    println!("{} in {:.3} s", case.title, seconds());
    let every = trainer.total_steps().div_ceil(LINES);
    let mut evaluations = 0;
    while !trainer.is_done() {
        let report = trainer.step()?;
        evaluations += report.evaluations;
        if report.step == 1 || report.step % every == 0 || report.end.is_some() {
            let terms: Vec<String> =
                report.terms.iter().map(|(name, loss)| format!("{name} {loss:.2e}")).collect();
            println!(
                "{:>6} {:>7.2} s  total {:.3e}  ({})  |g| {:.1e}  length {:.1e}  {evaluations} evaluations{}",
                report.step,
                seconds(),
                report.total,
                terms.join(", "),
                report.gradient_norm,
                report.length,
                report.end.map_or(String::new(), |end| format!("  ended: {}", end.name())),
            );
            if report.step % (4 * every) == 0 || report.end.is_some() {
                let at = seconds();
                println!("        {:?} in {:.3} s", trainer.score(), seconds() - at);
            }
        }
    }
    Ok(())
}
