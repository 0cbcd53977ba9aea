//! Whatever the text, reading it ends, soon, in a program or in errors.

use super::*;
use crate::diagnostic::{Colour, explain};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A text that uses all of the grammar.
const WHOLE: &str = r#"/* all of
   the grammar */
tgraph.module @f { // calls stand before what they call
  %x, %dx = tgraph.arg, tgraph.tangent : tensor<2x?xf64>
  %d2 = tgraph.tangent %x
  %k = tgraph.constant {value = [0x1.8p+1, -inf, nan, -0.0, 1e-300]} : tensor<5xf64>
  %i = tgraph.constant {value = [[1, -2], [3, 4]]} : tensor<2x2xi32>
  %b = tgraph.constant {value = true} : bool
  %a, %c = tgraph.call @g(%x, %dx) : tensor<2x?xf64>, f64
  %m = tgraph.reduce %a {op = "sum", axes = [0, 1]} : tensor<2x?xf64> -> f64
  %s = tgraph.add %c,
    %m : (f64, f64) -> (f64)
  tgraph.return %s, %d2
}

tgraph.module @g {
  %p = tgraph.arg : tensor<2x?xf64>
  %q = tgraph.arg : tensor<2x?xf64>
  %t = tgraph.matmul %p, %q {transpose_b = true}
  %u = tgraph.reduce %t {op = "max"}
  tgraph.return %p, %u : tensor<2x?xf64>, f64
}

tgraph.adjoint @g wrt(%p, %q) -> @g_grad
tgraph.jvp @g wrt(%p) -> @g_jvp
"#;

fn errors(text: &str) -> Vec<String> {
    let errors = check(&Source::new("t", text)).expect_err(text);
    errors.list().iter().map(|error| error.to_string()).collect()
}

/// Reads `text`; what can be read must print and read back the same.
fn survive(text: &str) {
    let source = Source::new("t", text);
    match check(&source) {
        Ok(program) => {
            let printed = print(&program);
            let again = parse(&Source::new("printed", printed.as_str()))
                .unwrap_or_else(|errors| panic!("{text}\nprinted as\n{printed}\n{errors}"));
            assert_eq!(print(&again), printed);
        }
        Err(errors) => {
            assert!(!errors.list().is_empty());
            errors.render(Colour::Always);
            for error in errors.list() {
                assert!(explain(error.id).is_some(), "{}", error.id);
            }
        }
    }
}

#[test]
fn all_of_the_grammar_is_read() {
    let program = check(&Source::new("t", WHOLE)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(program.modules.keys().collect::<Vec<_>>(), ["g", "f"], "callees come first");
    assert_eq!(program.transforms.len(), 2);
    survive(WHOLE);
}

#[test]
fn every_id_is_a_law_and_every_law_is_asked() {
    let sources = [
        include_str!("../diagnostic.rs"),
        include_str!("../exec/function.rs"),
        include_str!("../ir/types.rs"),
        include_str!("../verify.rs"),
        include_str!("lexer.rs"),
        include_str!("literal.rs"),
        include_str!("lower.rs"),
        include_str!("mod.rs"),
        include_str!("parser.rs"),
        include_str!("statement.rs"),
    ];
    let mut used = BTreeSet::new();
    for (i, part) in sources.iter().flat_map(|source| source.split('"')).enumerate() {
        let is_id = part.split_once('-').is_some_and(|(word, number)| {
            !word.is_empty()
                && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        });
        if is_id {
            assert!(explain(part).is_some(), "{part} (part {i}) must be explained");
            used.insert(part);
        }
    }
    let mut known = BTreeSet::new();
    for law in CONSTRAINTS.iter().chain(verify::CONSTRAINTS) {
        assert!(known.insert(law.id), "{} must be unique", law.id);
        assert!(used.contains(law.id), "{} must be asked somewhere", law.id);
    }
}

#[test]
fn a_law_of_an_operation_is_explained_with_an_example() {
    let text = explain("elementwise-2").unwrap();
    assert!(text.contains("example:\n  %y = tgraph.neg %x"), "{text}");
    assert!(explain("ad-4").unwrap().contains("mend: "));
    assert!(explain("call-1").is_some());
    assert_eq!(explain("nothing-1"), None);
}

#[test]
fn an_error_does_not_breed_others() {
    // %y is poisoned with its written type, so only the second error of the chain shows.
    let text = "tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %y = tgraph.sinn %x : tensor<2xf64>
  %z = tgraph.cos %y
  %w = tgraph.matmul %z, %z
  %v = tgraph.sin %w
  %u = tgraph.sin (%v)
  %t = tgraph.sin %u
  tgraph.return %t
}";
    let got = errors(text);
    assert_eq!(got.len(), 3, "{got:#?}");
    for (got, id) in got.iter().zip(["op-1", "matmul-1", "text-5"]) {
        assert!(got.starts_with(&format!("error[{id}]")), "{got}");
    }
}

#[test]
fn nesting_ends_in_an_error_not_in_the_stack() {
    let lists = format!("tgraph.module @m {{\n%c = tgraph.constant {{value = {}", "[".repeat(200_000));
    assert!(errors(&lists).iter().any(|error| error.contains("text-6")));
    survive(&"(".repeat(200_000));
    survive(&"tgraph.module @m {\n".repeat(20_000));
    survive(&"/*".repeat(200_000));
    survive(&format!("tgraph.adjoint @m wrt({}", "%x, ".repeat(100_000)));
}

#[test]
fn calls_end_in_an_error_not_in_the_stack_or_in_centuries() {
    let module = |name: usize, body: &str| {
        format!("tgraph.module @m{name} {{\n%x = tgraph.arg : f64\n{body}\ntgraph.return %x\n}}\n")
    };
    // A chain of 20000 calls.
    let chain: String =
        (0..20_000).map(|i| module(i, &format!("%y = tgraph.call @m{}(%x)", i + 1))).collect();
    let chain = chain + &module(20_000, "%y = tgraph.sin %x");
    assert!(errors(&chain).iter().any(|error| error.contains("at most 64 deep")));
    // Every module calls the next one twice: 2^60 operations.
    let twice = |i| format!("%y = tgraph.call @m{i}(%x)\n%z = tgraph.call @m{i}(%y)", i = i + 1);
    let doubling: String = (0..60).map(|i| module(i, &twice(i))).collect();
    let doubling = doubling + &module(60, "%y = tgraph.sin %x");
    assert!(errors(&doubling).iter().any(|error| error.contains("at most 4194304 operations")));
    // A cycle of 20000.
    let cycle: String =
        (0..20_000).map(|i| module(i, &format!("%y = tgraph.call @m{}(%x)", (i + 1) % 20_000))).collect();
    assert!(errors(&cycle).iter().any(|error| error.contains("module-4")));
}

#[test]
fn long_texts_take_time_in_proportion() {
    let many = |line: &dyn Fn(usize) -> String| (0..100_000).map(line).collect::<String>();
    let module =
        |body: &str| format!("tgraph.module @m {{\n%x = tgraph.arg : f64\n{body}\ntgraph.return %x\n}}\n");
    let texts = [
        module(&many(&|i| format!("%v{i} = tgraph.sin %w{i}\n"))),
        module(&many(&|i| format!("%v{i} = tgraph.call @w{i}(%x)\n"))),
        module(&many(&|_| "%x = tgraph.sin %x ".to_string())),
        module(&many(&|_| "%a\n".to_string())),
        module(&many(&|_| "%a ".to_string())),
        module(&format!("%y = tgraph.sin %x {{{} a = 1}}", many(&|i| format!("a{i} = 1, ")))),
        module("") + &many(&|i| format!("tgraph.jvp @m{i} wrt(%y) -> @n{i}\n")),
        module("") + &format!("tgraph.jvp @m wrt({} %x) -> @n", many(&|i| format!("%y{i}, "))),
        module(&many(&|i| format!("%y{i} = tgraph.arg : f64\n")))
            + &format!("tgraph.jvp @m wrt({} %x) -> @n", many(&|i| format!("%z{i}, "))),
    ];
    for text in texts {
        survive(&text);
    }
}

#[test]
fn large_extents_take_no_memory() {
    for ty in ["tensor<99999999999999x9xf64>", "tensor<18446744073709551616xf64>", "tensor<-1xf64>"] {
        let text = format!("tgraph.module @m {{\n%x = tgraph.arg : {ty}\ntgraph.return %x\n}}");
        assert_eq!(errors(&text).len(), 1, "{ty}");
    }
    let most = "tensor<281474976710656x0xf64>";
    survive(&format!(
        "tgraph.module @m {{\n%x = tgraph.constant {{value = []}} : {most}\ntgraph.return %x\n}}"
    ));
    let n = i64::MAX;
    for op in [
        format!("pad %x {{low = [{n}], high = [{n}], interior = [{n}]}}"),
        format!("broadcast %x {{dims = [1], shape = [{n}, 2]}}"),
        format!("reshape %x {{shape = [{n}, {n}]}}"),
        format!("slice %x {{starts = [0], limits = [{n}], strides = [{n}]}}"),
        format!("iota {{axis = {n}}} : tensor<2xf64>"),
        format!("transpose %x {{permutation = [{n}]}}"),
        format!("concat %x, %x {{axis = {n}}}"),
        "pad %x {low = [-9223372036854775808]}".to_string(),
    ] {
        let text = format!(
            "tgraph.module @m {{\n%x = tgraph.arg : tensor<2xf64>\n%y = tgraph.{op}\ntgraph.return %y\n}}"
        );
        assert_eq!(errors(&text).len(), 1, "{op}");
    }
}

/// Pieces that random texts are made of.
fn piece() -> impl Strategy<Value = String> {
    let words = WHOLE.split_inclusive([' ', '\n', ',', '(', '[', '<', '{']).map(str::to_string);
    let words: Vec<String> =
        words.chain(["\u{e9}", "\"", "0x", "99999999999999999999"].map(String::from)).collect();
    prop_oneof![8 => proptest::sample::select(words), 1 => any::<char>().prop_map(String::from)]
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        match Source::from_bytes("t", bytes) {
            Ok(source) => survive(source.text()),
            Err(errors) => { errors.render(Colour::Never); }
        }
    }

    #[test]
    fn any_pieces_are_survived(pieces in proptest::collection::vec(piece(), 0..60)) {
        survive(&pieces.concat());
    }

    #[test]
    fn a_changed_program_is_survived(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..4, piece()), 1..4)
    ) {
        let mut text = WHOLE.to_string();
        for (at, len, piece) in changes {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + len * 3).min(text.len())).max(start);
            text.replace_range(start..end, &piece);
        }
        survive(&text);
    }
}
