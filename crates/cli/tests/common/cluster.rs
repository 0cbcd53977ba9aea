//! Tests that need more than a program: several machines, or a batch system.

use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

/// What there is not, of what some tests need.
#[derive(Clone, Debug)]
pub struct Lack {
    /// In words, with the mend.
    pub what: String,
    /// Whether CI may lack it, too.
    pub is_excused: bool,
}

/// Runs `tests` one after the other, as `cargo test` does. With a `lack` they are reported as ignored and it is said why; unless
/// it is one without an excuse and TESSERA_REQUIRE_CLUSTER is set, as CI sets it: then they fail.
pub fn run(lack: Option<Lack>, tests: &[(&str, fn())]) {
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    let required = std::env::var_os("TESSERA_REQUIRE_CLUSTER").is_some();
    let ignored = lack.as_ref().is_some_and(|lack| lack.is_excused || !required);
    if let (Some(lack), false) = (&lack, arguments.list) {
        eprintln!("{}", lack.what);
    }
    let trials = tests.iter().map(|&(name, test)| {
        let lack = lack.clone();
        let run = move || match lack {
            Some(lack) => Err(Failed::from(lack.what)),
            None => {
                test();
                Ok(())
            }
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

/// That the tests run as root and `programs` are installed.
pub fn lacks(why_root: &str, programs: &[&str]) -> Option<Lack> {
    let needed = |what: String| Some(Lack { what, is_excused: false });
    if !rustix::process::getuid().is_root() {
        return needed(format!("these tests must run as root, to {why_root}"));
    }
    let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"];
    let there = |program: &&str| folders.iter().any(|folder| Path::new(folder).join(program).exists());
    let missing = programs.iter().find(|program| !there(program))?;
    needed(format!("{missing} must be installed; scripts/install.sh --cluster does it"))
}

/// A file of `cluster/`.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cluster").join(name)
}
