//! Documentation that is made from tables agrees with them.

use std::path::Path;
use tessera_core::ad::check::{Options, check_statement};
use tessera_testing::ir_docs;

#[test]
fn the_ir_document_is_that_of_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ir.md");
    let document = std::fs::read_to_string(&path).expect("docs/ir.md can be read");
    let renewed = ir_docs::renewed(&document).unwrap_or_else(|problem| panic!("{problem}"));
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        std::fs::write(&path, renewed).expect("docs/ir.md can be written");
        return;
    }
    assert!(document == renewed, "docs/ir.md must be that of the op table; BLESS=1 renews it");
}

/// Each listing is read and its statements are carried out; what they made agrees with differences.
#[test]
fn every_program_of_the_documents_reads_and_is_transformed() {
    for name in ["ir.md", "autodiff.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let document = std::fs::read_to_string(&path).expect("the document can be read");
        let hand_written = document.split(ir_docs::MARK).next().unwrap_or("");
        let programs: Vec<&str> =
            hand_written.split("```mlir\n").skip(1).filter_map(|part| part.split("```").next()).collect();
        assert!(!programs.is_empty(), "docs/{name} must show programs");
        for program in programs {
            let source = tessera_core::diagnostic::Source::new(name, program);
            let program = tessera_core::text::check(&source).unwrap_or_else(|errors| panic!("{errors}"));
            let expanded = tessera_core::ad::expand(&program);
            let expanded = expanded.unwrap_or_else(|errors| panic!("docs/{name}: {errors:?}"));
            for statement in &program.transforms {
                let report = check_statement(&expanded, statement, &Options::default());
                let report = report.unwrap_or_else(|error| panic!("docs/{name}: {error}"));
                assert!(report.passed(), "docs/{name}: {report}");
            }
        }
    }
}
