//! What the ids of case files' errors mean, for `tessera explain`.

use tessera_core::diagnostic::Law;

const fn law(id: &'static str, law: &'static str, mend: &'static str, example: &'static str) -> Law {
    Law { id, law, mend, example }
}

/// The laws of case files and of the expressions in them.
pub const LAWS: &[Law] = &[
    law(
        "case-syntax",
        "a case file is TOML",
        "correct the line that the error points at; texts stand in quotes",
        "title = \"Burgers' equation\"",
    ),
    law(
        "case-field",
        "every field of a table is known, and those without a default are there",
        "correct the name, or add the field; docs/cases.md lists all fields",
        "[network]\nhidden = [32, 32]",
    ),
    law(
        "case-value",
        "a field holds a value of its kind and range",
        "write what the message asks for",
        "learning_rate = 2e-3",
    ),
    law(
        "case-name",
        "coordinates, unknowns and parameters have different names, each a word that is no function, no `pi` and no derivative of another",
        "rename one of them",
        "unknowns = [\"u\", \"v\"]",
    ),
    law(
        "case-where",
        "`where` fixes coordinates at ends of their intervals",
        "name a side as `x = 0`, a corner as `t = 0, x = 1`, and several of them in a list",
        "where = [\"x = 0\", \"x = 1\"]",
    ),
    law(
        "case-data",
        "`columns` names an array for each coordinate and for at least one unknown",
        "add the missing column",
        "columns = { t = \"time\", x = \"position\", u = \"temperature\" }",
    ),
    law(
        "expression-syntax",
        "an expression is made of numbers, names, + - * / ^, parentheses and calls, with at most one `=` in an equation",
        "write products with `*` and close every parenthesis",
        "text = \"u_t + u*u_x = nu*u_xx\"",
    ),
    law(
        "expression-name",
        "a name is a coordinate, an unknown, a parameter or `pi`",
        "correct the name, or declare it",
        "text = \"u_t = kappa*u_xx\"",
    ),
    law(
        "expression-derivative",
        "a derivative is an unknown, `_`, and the coordinates it is differentiated by",
        "write the coordinates' names one after the other behind `_`",
        "text = \"u_xx + u_xy\"",
    ),
    law(
        "expression-function",
        "a function is one of sin cos tan sinh cosh tanh exp log sqrt abs min max, with its arguments in parentheses",
        "correct the name or the number of arguments",
        "text = \"u = exp(-t)*sin(pi*x)\"",
    ),
    law(
        "expression-depth",
        "expressions nest no deeper than a fixed limit",
        "split the sum or product by parentheses, or name a part of it as a parameter",
        "text = \"(a + b) + (c + d) = 0\"",
    ),
];

/// What the law `id` asks, how to mend a text that breaks it, and an example that keeps it.
pub fn explain(id: &str) -> Option<String> {
    let Law { id, law, mend, example } = LAWS.iter().find(|law| law.id == id)?;
    Some(format!("{id}: {law}\nmend: {mend}\nexample:\n  {}\n", example.replace('\n', "\n  ")))
}
