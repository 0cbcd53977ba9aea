//! The files of `cluster/` as far as they can be checked without a cluster or a builder of images: scripts parse and can be run, recipes
//! copy what there is, and install what `scripts/install.sh` and the program need.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

#[test]
fn scripts_parse_and_can_be_run() {
    let scripts: Vec<_> = ["cluster", "scripts"].into_iter().flat_map(files).collect();
    let scripts = scripts.iter().filter(|path| path.extension().is_some_and(|e| e == "sh" || e == "sbatch"));
    let mut count = 0;
    for script in scripts {
        let parsed = Command::new("bash").arg("-n").arg(script).output().unwrap();
        assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
        let mode = script.metadata().unwrap().permissions().mode();
        // Slurm takes a copy of a batch file, and runs that.
        let is_batch = script.extension().is_some_and(|extension| extension == "sbatch");
        assert!(is_batch || mode & 0o111 != 0, "{} must be executable", script.display());
        count += 1;
    }
    assert!(count >= 14, "{count} scripts");
}

/// Scripts ask for what they need, and say how they are used.
#[test]
fn a_script_without_arguments_says_how_it_is_used() {
    for name in [
        "hosts-up.sh",
        "hosts-mpirun.sh",
        "hosts-down.sh",
        "launch.sh",
        "train.sbatch",
        "chain.sbatch",
        "slurm-up.sh",
    ] {
        let output = Command::new("bash").arg(root().join("cluster").join(name)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("usage: "), "{name}: {said}");
    }
}

#[test]
fn recipes_of_images_copy_what_there_is() {
    let manifest = read("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    for name in ["cluster/Containerfile", "cluster/apptainer.def"] {
        let recipe = read(name);
        assert!(
            recipe.contains(&format!("rust:{version}-bookworm")),
            "{name} must build with Rust {version}"
        );
        assert!(recipe.contains("scripts/install.sh"), "{name}");
        assert!(recipe.contains("cargo build --release --locked -p tessera-cli --features mpi"), "{name}");
        assert!(recipe.contains("/source/target/release/tessera /usr/local/bin/tessera"), "{name}");
        // What the program is linked with, and mpirun.
        assert!(recipe.contains("--no-install-recommends libhdf5-103-1 openmpi-bin"), "{name}");
    }
    let cli = read("crates/cli/Cargo.toml");
    assert!(
        cli.contains("name = \"tessera-cli\"")
            && cli.contains("name = \"tessera\"")
            && cli.contains("\nmpi = ")
    );
    // The context of an image is the repository without what was built in it.
    assert!(read(".containerignore").lines().any(|line| line == "/target"));
}

/// The program of this build needs no library that the images' packages do not bring. Where Debian's tools are not there, or this
/// machine has another build of HDF5, nothing can be said.
#[test]
fn images_have_the_libraries_of_the_program() {
    let lines = |program: &str, arguments: &[&str]| -> Vec<String> {
        let output = Command::new(program).args(arguments).output();
        let text =
            output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
        text.lines().map(str::to_owned).collect()
    };
    let brought = [
        "--recurse",
        "--no-recommends",
        "--no-suggests",
        "--no-conflicts",
        "--no-breaks",
        "--no-replaces",
        "--no-enhances",
    ];
    let brought =
        lines("apt-cache", &[&["depends"], &brought[..], &["libhdf5-103-1", "openmpi-bin"]].concat());
    let needed = lines("ldd", &[env!("CARGO_BIN_EXE_tessera")]);
    if brought.is_empty() || needed.is_empty() {
        eprintln!("skipped: apt-cache and ldd are not both there");
        return;
    }
    for path in
        needed.iter().filter_map(|line| line.split_whitespace().nth(2)).filter(|path| path.starts_with('/'))
    {
        let path = std::fs::canonicalize(path).unwrap();
        let path = path.to_str().unwrap();
        // Packages may name a file by its path before /usr was merged.
        let owner = [path, path.trim_start_matches("/usr")]
            .into_iter()
            .find_map(|path| lines("dpkg", &["-S", path]).pop());
        let Some(owner) = owner else { continue };
        let owner = owner.split(':').next().unwrap().to_owned();
        let is_brought = brought.iter().any(|package| package.trim() == owner);
        if !is_brought && owner.starts_with("libhdf5") {
            eprintln!("skipped: this program is linked with {owner}, another HDF5 than the images'");
            return;
        }
        assert!(is_brought, "{owner}, which has {path}, must be installed");
    }
}

#[test]
fn the_module_sets_what_the_batch_files_read() {
    let module = read("cluster/modules/tessera");
    assert!(module.starts_with("#%Module"));
    assert!(module.contains("setenv       TESSERA       $root/bin/tessera"));
    for batch in ["train", "array", "chain"] {
        assert!(read(&format!("cluster/{batch}.sbatch")).contains("${TESSERA:-tessera}"), "{batch}");
    }
}
