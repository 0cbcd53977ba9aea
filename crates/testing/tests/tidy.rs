//! House rules that a machine can check, so that no reviewer has to: size of files, words that promise work for later,
//! crates' descriptions, and documents that keep up with the code. Every test names all that it found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 800;
const SOURCES: [&str; 6] = ["rs", "py", "sh", "cu", "inc", "mlir"];
/// Written in two halves, so that this file keeps its own rule.
const LEFT_OVER: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
/// Folders with a meaning of Cargo's that no map needs to explain.
const PLAIN_FOLDERS: [&str; 4] = ["src", "tests", "benches", "examples"];

#[test]
fn sources_are_short_and_promise_nothing() {
    let files = files();
    assert!(files.len() > 10, "the walk must find the project's files, found {files:?}");
    let faults = files
        .iter()
        .filter(|path| has_extension(path, &SOURCES))
        .flat_map(|path| faults_in(path, &read(path)));
    report(faults.collect());
}

#[test]
fn faults_are_found() {
    let path = Path::new("sample.rs");
    let long = "\n".repeat(LINES_MAX + 1);
    let word = format!("fn f() {{}} // {}: mend", LEFT_OVER[0]);
    assert_eq!(faults_in(path, &long).len(), 1);
    assert_eq!(faults_in(path, &word).len(), 1);
    assert_eq!(faults_in(path, &"\n".repeat(LINES_MAX)), Vec::<String>::new());
    assert_eq!(faults_in(path, "let mastodon = hackney;"), Vec::<String>::new());
    assert!(names("`core/src/ad/`: derivatives", "ad") && !names("load/", "ad"));
}

#[test]
fn every_crate_has_a_description() {
    let manifests =
        files().into_iter().filter(|path| path.ends_with("Cargo.toml")).map(|path| (read(&path), path));
    let faults = manifests
        .filter(|(text, _)| text.starts_with("[package]"))
        .filter(|(text, _)| !text.lines().any(|line| line.starts_with("description = \"")))
        .map(|(_, path)| format!("{}: [package] must have a description", path.display()));
    report(faults.collect());
}

#[test]
fn the_code_map_names_every_folder() {
    let map = read(Path::new("ARCHITECTURE.md"));
    let folders: BTreeSet<PathBuf> = files()
        .iter()
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|path| *path != "")
        .map(PathBuf::from)
        .collect();
    let faults = folders
        .iter()
        .filter(|folder| !PLAIN_FOLDERS.contains(&name(folder)) || folder.components().count() == 1)
        .filter(|folder| !names(&map, name(folder)))
        .map(|folder| format!("ARCHITECTURE.md: the code map must name {}/", folder.display()));
    report(faults.collect());
}

#[test]
fn every_dependency_has_its_reason() {
    let reasons = read(Path::new("docs/dependencies.md"));
    let manifest = read(Path::new("Cargo.toml"));
    let dependencies: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .filter(|(_, source)| !source.contains("path ="))
        .map(|(key, _)| key)
        .collect();
    assert!(dependencies.contains(&"rayon"), "the root manifest must be understood, got {dependencies:?}");
    let faults = dependencies
        .iter()
        .filter(|key| !reasons.contains(&format!("`{key}`")))
        .map(|key| format!("docs/dependencies.md: {key} must have a row with its job and why it was chosen"));
    report(faults.collect());
}

/// What is wrong with one source file.
fn faults_in(path: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{}: must have at most {LINES_MAX} lines, has {lines}", path.display()));
    }
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| LEFT_OVER.contains(word)) {
            let place = format!("{}:{}", path.display(), number + 1);
            faults.push(format!("{place}: must not say {word}; make it an issue, or an error that says so"));
        }
    }
    faults
}

/// Whether the map has `folder/` as a word of its own: "load/" does not name "ad/".
fn names(map: &str, folder: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    map.match_indices(&format!("{folder}/")).any(|(at, _)| !map[..at].ends_with(in_word))
}

fn report(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} to mend\n{}", faults.len(), faults.join("\n"));
}

/// Every file of the project, relative to its root and sorted: no hidden ones, nothing that is built.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder that was listed must be readable") {
            let entry = entry.expect("a folder's entry must be readable");
            let path = folder.join(entry.file_name());
            if name(&path).starts_with('.') || ["target", "__pycache__"].contains(&name(&path)) {
                continue;
            }
            match entry.file_type().expect("a file must have a type") {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() => found.push(path),
                _ => {} // A link leads to what is checked elsewhere, or is not ours.
            }
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|e| extensions.contains(&e))
}
