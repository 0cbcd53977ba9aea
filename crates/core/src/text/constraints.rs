//! The laws of the text form, by number.

use crate::diagnostic::Law;

const fn law(id: &'static str, law: &'static str, mend: &'static str, example: &'static str) -> Law {
    Law { id, law, mend, example }
}

/// The laws of the text form; operations add their own.
pub const CONSTRAINTS: &[Law] = &[
    law(
        "text-1",
        "a text is UTF-8 and smaller than 4 GiB",
        "save the file as UTF-8; keep large data in .npy files and pass it as an argument",
        "tgraph.module @m { ... }",
    ),
    law(
        "text-2",
        "outside comments and strings there are only names, numbers and the marks `% @ { } ( ) [ ] , : = - ->`",
        "remove the character",
        "%y = tgraph.sin %x : f64",
    ),
    law(
        "text-3",
        "a string closes on its line; its escapes are \\\" \\\\ \\n \\t and \\u{…} with hex digits",
        "close the string with `\"`",
        "%s = tgraph.reduce %x {op = \"sum\"} : f64",
    ),
    law("text-4", "a comment that opens with `/*` closes with `*/`", "add `*/`", "/* a comment */"),
    law(
        "text-5",
        "statements have the form of the grammar in docs/ir.md",
        "write what the message asks for",
        "%z = tgraph.add %x, %y : tensor<?xf64>",
    ),
    law(
        "text-6",
        "lists nest at most 64 deep",
        "reshape a constant with fewer axes",
        "%c = tgraph.constant {value = [[1.0], [2.0]]} : tensor<2x1xf64>",
    ),
    law(
        "op-1",
        "an operation is one of the table, written `tgraph.NAME`",
        "correct the name; docs/ir.md lists all operations",
        "%y = tgraph.sin %x : f64",
    ),
    law("module-1", "no two modules have one name", "rename one of them", "tgraph.module @loss { ... }"),
    law(
        "module-2",
        "the last statement of a module, and no other, is `tgraph.return`, of one or more values",
        "end the module with `tgraph.return` and its outputs",
        "tgraph.return %y, %dy",
    ),
    law(
        "module-3",
        "a call names a module of the same text, written out or made by a statement, before or after",
        "correct the name",
        "%y = tgraph.call @f(%x) : f64",
    ),
    law(
        "module-4",
        "no module calls itself, directly or through others",
        "unroll the recursion, or pass what the inner call gives as an argument",
        "tgraph.module @g {\n  %x = tgraph.arg : f64\n  %y = tgraph.call @f(%x) : f64\n  tgraph.return %y\n}",
    ),
    law(
        "module-5",
        "calls nest at most 64 deep, and all calls of a program, written out, have at most 4194304 operations",
        "merge modules, or call them less often",
        "%y = tgraph.call @f(%x) : f64",
    ),
    law(
        "module-6",
        "modules stand behind operations that apply some: call, checkpoint, cond, while, scan",
        "write operands without parentheses: `tgraph.sin %x`",
        "%y = tgraph.call @f(%x) : f64",
    ),
    law(
        "value-1",
        "a value is defined before it is used, in the same module",
        "correct the name, or define the value in a line above",
        "%y = tgraph.sin %x : f64",
    ),
    law(
        "value-2",
        "a value is defined once",
        "give the second value a name of its own",
        "%y = tgraph.sin %x : f64",
    ),
    law(
        "value-3",
        "left of `=` stands one name for each result",
        "write as many names as the operation has results",
        "%a, %b = tgraph.call @f(%x) : f64, f64",
    ),
    law(
        "input-1",
        "a tangent belongs to an input: the one it names, or the argument before it in its statement, whose type it has",
        "write `tgraph.arg, tgraph.tangent`, or name the argument: `tgraph.tangent %x`",
        "%x, %dx = tgraph.arg, tgraph.tangent : tensor<?xf32>",
    ),
    law(
        "type-1",
        "a type is a dtype or `tensor<EXTENTSxDTYPE>`; dtypes are f64, f32, i64, i32, u64, u32 and bool, an extent is a number or `?`",
        "write the type in this form",
        "%x = tgraph.arg : tensor<2x?xf64>",
    ),
    law(
        "type-2",
        "a tensor has at most 64 axes and, in its known extents, at most 2^48 elements",
        "split the tensor",
        "%x = tgraph.arg : tensor<1000000x64xf64>",
    ),
    law(
        "type-3",
        "a written type agrees with the inferred one: the same, or with `?` for a known extent",
        "correct the type or leave it out; the printer writes the inferred one",
        "%s = tgraph.reduce %x {op = \"sum\"} : tensor<?xf32> -> f32",
    ),
    law(
        "type-4",
        "an input has a written type",
        "write the type behind a colon",
        "%x = tgraph.arg : tensor<?xf32>",
    ),
    law(
        "type-5",
        "a result has the type that was inferred for it also when all extents are known: a matrix of `?` rows counts as one with at least as many rows as columns",
        "write the extents where the input is declared",
        "%a = tgraph.arg : tensor<2x5xf64>",
    ),
    law(
        "attribute-1",
        "an attribute is given once",
        "remove one of the two",
        "%s = tgraph.reduce %x {op = \"sum\", axes = [0]} : f64",
    ),
    law(
        "attribute-2",
        "a number fits its dtype: integers in range, hex floats exact, decimals finite after rounding; infinity is written `inf`",
        "write a number of the dtype",
        "%c = tgraph.constant {value = [0x1.8p+1, -inf, nan]} : tensor<3xf64>",
    ),
    law(
        "attribute-3",
        "an attribute is true or false, an integer, a list of integers, a string or a dtype, as its operation asks",
        "write the kind of attribute that docs/ir.md shows for the operation",
        "%y = tgraph.matmul %a, %b {transpose_b = true} : tensor<?x64xf64>",
    ),
    law(
        "attribute-4",
        "the lists of `value` nest as the written type has axes, with as many entries as each extent",
        "correct the type or the lists",
        "%c = tgraph.constant {value = [[1, 2], [3, 4]]} : tensor<2x2xi64>",
    ),
];
