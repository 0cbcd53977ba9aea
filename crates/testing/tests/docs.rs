//! Documentation that is made from tables agrees with them, and its listings are right.

use std::path::{Path, PathBuf};
use tessera_core::ad::check::{Options, check_statement};
use tessera_core::diagnostic::Source;
use tessera_core::{ad, text, verify};
use tessera_testing::{ad_docs, ir_docs};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

fn document(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("docs/{name} can be read: {error}"))
}

/// That what stands behind `mark` is `generated`; `BLESS=1` renews it.
fn assert_generated(name: &str, mark: &str, generated: String) {
    let document = document(name);
    let at = document.find(mark).unwrap_or_else(|| panic!("docs/{name} must hold the line\n{mark}"));
    let renewed = format!("{}{mark}{generated}", &document[..at]);
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        std::fs::write(path(name), renewed)
            .unwrap_or_else(|error| panic!("docs/{name} can be written: {error}"));
        return;
    }
    assert!(document == renewed, "docs/{name} must be that of the op table; BLESS=1 renews it");
}

/// The programs of a document, before `mark`.
fn listings<'d>(document: &'d str, mark: &str) -> Vec<&'d str> {
    let written = document.split(mark).next().unwrap_or("");
    let listings: Vec<&str> =
        written.split("```mlir\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    assert!(!listings.is_empty(), "the document must show programs");
    listings
}

/// Rust listings of the documents are tests of their own, in the crate `tessera`.
#[test]
fn the_ir_document_is_that_of_the_tables() {
    assert_generated("ir.md", ir_docs::MARK, ir_docs::generated());
}

#[test]
fn the_table_of_modes_is_that_of_the_operations() {
    assert_generated("autodiff.md", ad_docs::MARK, ad_docs::generated());
}

#[test]
fn every_example_of_the_ir_document_reads() {
    for program in listings(&document("ir.md"), ir_docs::MARK) {
        if let Err(errors) = text::check(&Source::new("docs/ir.md", program)) {
            panic!("{errors}");
        }
    }
}

/// Each listing is read and carried out, and what its statements made is right.
#[test]
fn every_listing_of_the_autodiff_document_is_right() {
    for listing in listings(&document("autodiff.md"), ad_docs::MARK) {
        let source = Source::new("docs/autodiff.md", listing);
        let program = text::check(&source).unwrap_or_else(|errors| panic!("{errors}"));
        let expanded = ad::expand(&program).unwrap_or_else(|errors| panic!("{errors:?}\n{listing}"));
        verify::verify(&expanded).unwrap_or_else(|errors| panic!("{errors:?}\n{listing}"));
        assert!(!program.transforms.is_empty(), "a listing must ask for a derivative\n{listing}");
        for statement in &program.transforms {
            let report = check_statement(&expanded, statement, &Options::default());
            let report = report.unwrap_or_else(|error| panic!("{error}\n{listing}"));
            assert!(report.passed() && report.finite, "{report}\n{listing}");
        }
    }
}
