//! Properties of the text form for random programs made from the op table.

use proptest::prelude::*;
use std::collections::BTreeSet;
use tessera_core::diagnostic::Source;
use tessera_core::ops;
use tessera_core::text::{self, Floats, Style};
use tessera_core::verify::verify;
use tessera_testing::generate::{self, Choices};

fn numbers() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..300)
}

proptest! {
    #[test]
    fn printing_and_reading_give_the_same_program(numbers in numbers()) {
        let program = generate::program(&mut Choices::new(&numbers));
        if let Err(errors) = verify(&program) {
            return Err(TestCaseError::fail(format!("{errors:?}")));
        }
        for floats in [Floats::Decimal, Floats::Hex] {
            let style = Style { floats, ..Style::default() };
            let printed = text::print_styled(&program, style);
            let again = match text::check(&Source::new("printed", printed.as_str())) {
                Ok(again) => again,
                Err(errors) => return Err(TestCaseError::fail(format!("{errors}\n{printed}"))),
            };
            prop_assert!(program.modules.keys().eq(again.modules.keys()));
            for (a, b) in program.modules.values().zip(again.modules.values()) {
                prop_assert_eq!(generate::difference(a, b), None, "{}", printed);
            }
            prop_assert_eq!(text::print_styled(&again, style), printed);
        }
    }
}

#[test]
fn random_programs_use_every_operation() {
    let mut missing: BTreeSet<&str> = ops::entries().iter().map(|entry| entry.name).collect();
    // A fixed walk over numbers: the linear congruential generator of Numerical Recipes.
    let mut state = 1u32;
    for _ in 0..200_000 {
        if missing.is_empty() {
            break;
        }
        let numbers: Vec<u32> = (0..200)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 8
            })
            .collect();
        let program = generate::program(&mut Choices::new(&numbers));
        for node in program.modules.values().flat_map(|graph| graph.nodes()) {
            missing.remove(node.op.name());
        }
    }
    assert!(missing.is_empty(), "the generator must learn to make {missing:?}");
}

#[test]
fn examples_of_the_table_read() {
    for entry in ops::entries() {
        let example = entry.example.replace("FUNCTION", entry.name);
        let text = format!(
            "tgraph.module @m {{\n%unused = tgraph.arg : f64\n{example}\ntgraph.return %unused\n}}\n"
        );
        // Operands and modules are not defined; nothing else may be wrong.
        if let Err(errors) = text::check(&Source::new(entry.name, text.as_str())) {
            let others: Vec<_> =
                errors.list().iter().filter(|error| !["value-1", "module-3"].contains(&error.id)).collect();
            assert!(others.is_empty(), "{}: {others:#?}", entry.name);
        }
    }
}
