//! Runs every file under `filetests/`; `BLESS=1` rewrites what they expect.

use libtest_mimic::{Arguments, Trial};
use std::path::Path;
use tessera_testing::filetest::{self, Mode};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filetests");
    let mode = match std::env::var_os("BLESS") {
        Some(value) if value != "0" => Mode::Bless,
        _ => Mode::Check,
    };
    let files = filetest::discover(&root).expect("the folder filetests/ can be read");
    assert!(!files.is_empty(), "there must be file tests in {}", root.display());
    let trials = files.into_iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        Trial::test(name, move || Ok(filetest::run_file(&path, mode)?))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}
