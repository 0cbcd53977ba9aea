//! The verifier: whether a program keeps every law that transformations and engines rely on.
//!
//! Of every graph it checks that
//! - `graph-1` inputs have names of their own;
//! - `graph-2` every operand is an input or a result of an earlier node;
//! - `graph-3` there is at least one output and every output is a value of the graph;
//! - `graph-4` every node's operation accepts its operands, and the recorded result types are those
//!   it infers (a broken constraint of the operation is reported with the operation's own id);
//! - `graph-5` the table of values says of each value what the inputs and nodes say;
//! - `graph-6` a tangent is of an earlier input, of a float, and has its type;
//! - `type-2` no type is too large;
//!
//! and of a program that
//! - `program-1` each module stands under its own name, after the modules it calls, and each call
//!   is of the module that the program holds under that name;
//! - `ad-2` to `ad-6`, `taylor-1` every transformation statement has the clauses of its kind and names a module, inputs
//!   of it, as many directions, and a new target; where its source is made by an earlier statement, only the names
//!   of modules can be checked before that is carried out.
//!
//! It reports everything it finds. It is meant to run after every transformation.

use crate::ad::problems::{self, Problem};
use crate::diagnostic::{Diagnostic, Law, nearest};
use crate::ir::{Graph, Origin, Program, Type, Value};
use indexmap::IndexSet;
use std::collections::HashSet;
use std::sync::Arc;

/// Names that are listed, or looked through for a similar one.
pub(crate) const SHOWN_MAX: usize = 16;

const fn law(id: &'static str, law: &'static str, mend: &'static str, example: &'static str) -> Law {
    Law { id, law, mend, example }
}

/// The laws of graphs; a text that is read keeps them, so a broken one is an error of a
/// transformation or of a program that builds graphs.
pub const CONSTRAINTS: &[Law] = &[
    law(
        "graph-1",
        "inputs have names, each its own",
        "give the builder's inputs different names",
        "let x = b.input(\"x\", ty);",
    ),
    law(
        "graph-2",
        "every operand is an input or a result of an earlier node",
        "use values only with the builder that made them",
        "let y = b.sin(x);",
    ),
    law(
        "graph-3",
        "a graph has one or more outputs, each a value of it",
        "finish the builder with its own values",
        "let graph = b.finish(vec![y]);",
    ),
    law(
        "graph-4",
        "recorded result types are those the operation infers",
        "build nodes with the builder, which infers them",
        "let y = b.push(op, &[x])?;",
    ),
    law(
        "graph-5",
        "the table of values agrees with inputs and nodes",
        "build graphs with the builder",
        "let y = b.sin(x);",
    ),
    law(
        "graph-6",
        "a tangent is of an earlier float input, and has its type",
        "make tangents with `tangent_input`",
        "let dx = b.tangent_input(\"dx\", x);",
    ),
    law(
        "program-1",
        "a module stands under its own name, after those it calls, and calls are of modules of the program",
        "insert callees before their callers, under their names",
        "tgraph.module @m { ... }",
    ),
];

/// Whether `graph` keeps the laws; graphs that it calls are checked too.
///
/// # Errors
/// Everything that is wrong with it.
pub fn verify_graph(graph: &Graph) -> Result<(), Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    let mut callees: Vec<Arc<Graph>> = Vec::new();
    check_graph(graph, &mut errors);
    regions(graph, &mut callees);
    while let Some(callee) = callees.pop() {
        if seen.insert(Arc::as_ptr(&callee)) {
            check_graph(&callee, &mut errors);
            regions(&callee, &mut callees);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Whether `program` keeps the laws.
///
/// # Errors
/// Everything that is wrong with it.
pub fn verify(program: &Program) -> Result<(), Vec<Diagnostic>> {
    let errors = verify_except(program, &|_| false);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What is wrong with `program`, saying nothing of modules that are missing because they are
/// `broken`: their errors have been reported.
pub(crate) fn verify_except(program: &Program, broken: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let mut errors = Vec::new();
    for (i, (name, graph)) in program.modules.iter().enumerate() {
        if *name != graph.name {
            let message = format!("module @{} must stand under its name, got @{name}", graph.name);
            errors.push(Diagnostic::new("program-1", message));
        }
        check_calls(program, i, graph, &mut errors);
        check_graph(graph, &mut errors);
    }
    program.made.values().for_each(|graph| check_graph(graph, &mut errors));
    check_transforms(program, broken, &mut errors);
    errors
}

fn regions(graph: &Graph, out: &mut Vec<Arc<Graph>>) {
    out.extend(graph.nodes().iter().flat_map(|node| node.op.regions().iter().cloned()));
}

// ------------------------------------------------------------------------------------- graphs

fn check_graph(graph: &Graph, errors: &mut Vec<Diagnostic>) {
    let whose = format!("of @{}", graph.name);
    let exists = |value: Value| value.index() < graph.value_count();
    let mut names = HashSet::new();
    let mut defined = vec![false; graph.value_count()];
    for (i, input) in graph.inputs().iter().enumerate() {
        if !exists(input.value) || graph.origin(input.value) != Origin::Input(i) {
            let message = format!("the table of values {whose} must know input {i}");
            errors.push(Diagnostic::new("graph-5", message));
            continue;
        }
        match graph.name(input.value).unwrap_or("") {
            "" => errors.push(Diagnostic::new("graph-1", format!("input {i} {whose} must have a name"))),
            name if !names.insert(name) => {
                let message = format!("inputs {whose} must have names of their own, got %{name} again");
                errors.push(Diagnostic::new("graph-1", message));
            }
            _ => {}
        }
        if let Some(of) = input.tangent_of {
            let fits = exists(of) && defined[of.index()] && graph.ty(of) == graph.ty(input.value);
            if !fits || !graph.ty(of).dtype.is_float() {
                let message =
                    format!("tangent input {i} {whose} must have the type of an earlier float input");
                errors.push(Diagnostic::new("graph-6", message));
            }
        }
        defined[input.value.index()] = true;
    }
    for node in 0..graph.nodes().len() {
        check_node(graph, node, &mut defined, errors);
    }
    if graph.outputs().is_empty() {
        errors.push(Diagnostic::new("graph-3", format!("outputs {whose} must be one or more, got none")));
    }
    for (i, &output) in graph.outputs().iter().enumerate() {
        if !exists(output) || !defined[output.index()] {
            let message =
                format!("output {i} {whose} must be a value of the graph, got value {}", output.index());
            errors.push(Diagnostic::new("graph-3", message));
        }
    }
    if let Some(value) = defined.iter().position(|defined| !defined) {
        let message = format!("every value {whose} must be an input or a result, got value {value}");
        errors.push(Diagnostic::new("graph-5", message));
    }
}

fn check_node(graph: &Graph, index: usize, defined: &mut [bool], errors: &mut Vec<Diagnostic>) {
    let node = &graph.nodes()[index];
    let name = format!("`{}` (node {index} of @{})", node.op.name(), graph.name);
    let before = errors.len();
    for operand in &node.operands {
        if !defined.get(operand.index()).copied().unwrap_or(false) {
            let message =
                format!("operands of {name} must be defined before it, got value {}", operand.index());
            errors.push(Diagnostic::new("graph-2", message).located(node.location));
        }
    }
    for (result, value) in node.results.iter().enumerate() {
        let known = value.index() < defined.len()
            && !defined[value.index()]
            && graph.origin(*value) == Origin::Node { node: index, result };
        if known {
            defined[value.index()] = true;
        } else {
            let message = format!("the table of values must know result {result} of {name}");
            errors.push(Diagnostic::new("graph-5", message).located(node.location));
        }
    }
    if errors.len() > before {
        return; // Types of values that are not there cannot be compared.
    }
    let types: Vec<&Type> = node.operands.iter().map(|&v| graph.ty(v)).collect();
    let recorded: Vec<&Type> = node.results.iter().map(|&v| graph.ty(v)).collect();
    match node.op.infer(&types) {
        Err(violation) => errors.push(Diagnostic::from(violation).located(node.location)),
        Ok(inferred) if inferred.iter().ne(recorded.iter().copied()) => {
            let text = |types: &[&Type]| types.iter().map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ");
            let inferred = text(&inferred.iter().collect::<Vec<_>>());
            let message = format!("results of {name} must be {inferred}, got {}", text(&recorded));
            errors.push(Diagnostic::new("graph-4", message).located(node.location));
        }
        Ok(inferred) => {
            for violation in inferred.iter().filter_map(|ty| ty.check_extents().err()) {
                errors.push(Diagnostic::from(violation).located(node.location));
            }
        }
    }
}

// ----------------------------------------------------------------------------------- programs

/// That calls of module `i` are of modules that stand before it.
fn check_calls(program: &Program, i: usize, graph: &Graph, errors: &mut Vec<Diagnostic>) {
    for node in graph.nodes() {
        for callee in node.op.regions() {
            let held = program.modules.get_full(&callee.name);
            let is_before = held.is_some_and(|(at, _, held)| at < i && Arc::ptr_eq(held, callee));
            let is_made = program.made.get(&callee.name).is_some_and(|made| Arc::ptr_eq(made, callee));
            if !is_before && !is_made {
                let message = format!(
                    "@{} must call modules that the program holds before it, got @{}",
                    graph.name, callee.name
                );
                errors.push(Diagnostic::new("program-1", message).located(node.location));
            }
        }
    }
}

fn check_transforms(program: &Program, broken: &dyn Fn(&str) -> bool, errors: &mut Vec<Diagnostic>) {
    let mut targets: IndexSet<&str> = IndexSet::new();
    for statement in &program.transforms {
        let source = statement.source.as_str();
        errors.extend(problems::of_form(statement).into_iter().map(|problem| problem.diagnostic(statement)));
        match program.modules.get(source).or_else(|| program.made.get(source)) {
            Some(graph) => {
                let problems = problems::of_source(statement, graph).into_iter();
                errors.extend(problems.map(|problem| problem.diagnostic(statement)));
            }
            None if targets.contains(source) || broken(source) => {}
            None => {
                let known =
                    program.modules.keys().map(String::as_str).chain(targets.iter().copied()).take(SHOWN_MAX);
                let help =
                    nearest(source, known).map(|known| format!("a module with a similar name is @{known}"));
                errors.push(Problem { help, ..problems::no_source(statement) }.diagnostic(statement));
            }
        }
        for target in statement.targets() {
            let taken = program.modules.contains_key(target) || targets.contains(target) || broken(target);
            if taken {
                let message = format!("the target must be a new name, got @{target}");
                errors.push(Diagnostic::new("ad-5", message).located(statement.location));
            }
            targets.insert(target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Builder, DType, Location};
    use crate::ops::{Call, Elementwise, Function};

    fn scalar() -> Type {
        Type::scalar(DType::F64)
    }

    /// y = sin x.
    fn sine(name: &str) -> Graph {
        let mut b = Builder::new(name);
        let x = b.input("x", scalar());
        let y = b.sin(x);
        b.finish(vec![y])
    }

    fn ids(graph: &Graph) -> Vec<&'static str> {
        match verify_graph(graph) {
            Ok(()) => vec![],
            Err(errors) => errors.iter().map(|error| error.id).collect(),
        }
    }

    fn sin(graph: &mut Graph, operand: Value, ty: Type) -> Value {
        graph.add_node(Arc::new(Elementwise(Function::Sin)), vec![operand], vec![ty], Location::Derived)[0]
    }

    #[test]
    fn what_the_builder_makes_is_right() {
        assert_eq!(ids(&sine("m")), Vec::<&str>::new());
    }

    #[test]
    fn every_law_of_graphs_is_asked() {
        let mut same_names = Builder::new("m");
        let x = same_names.input("x", scalar());
        same_names.input("x", scalar());
        same_names.input("", scalar());
        assert_eq!(ids(&same_names.finish(vec![x])), ["graph-1", "graph-1"]);

        let mut foreign = sine("m");
        let y = sin(&mut foreign, Value(7), scalar());
        foreign.set_outputs(vec![y]);
        assert_eq!(ids(&foreign), ["graph-2"]);

        let mut own_operand = sine("m");
        let y = sin(&mut own_operand, Value(2), scalar());
        own_operand.set_outputs(vec![y]);
        assert_eq!(ids(&own_operand), ["graph-2"]);

        let mut no_output = sine("m");
        no_output.set_outputs(vec![]);
        assert_eq!(ids(&no_output), ["graph-3"]);
        no_output.set_outputs(vec![Value(2)]);
        assert_eq!(ids(&no_output), ["graph-3"]);

        let mut wrong_type = sine("m");
        let y = sin(&mut wrong_type, Value(0), Type::scalar(DType::F32));
        wrong_type.set_outputs(vec![y]);
        assert_eq!(ids(&wrong_type), ["graph-4"]);

        let mut wrong_operand = Builder::new("m");
        let i = wrong_operand.input("i", Type::scalar(DType::I64));
        let mut wrong_operand = wrong_operand.finish(vec![i]);
        sin(&mut wrong_operand, i, scalar());
        assert_eq!(ids(&wrong_operand), ["elementwise-2"]);

        let mut tangent = Graph::new("m");
        let x = tangent.add_input(scalar(), None);
        let dx = tangent.add_input(Type::scalar(DType::F32), Some(x));
        tangent.set_name(x, "x");
        tangent.set_name(dx, "dx");
        tangent.set_outputs(vec![x]);
        assert_eq!(ids(&tangent), ["graph-6"]);
    }

    #[test]
    fn calls_are_of_modules_of_the_program() {
        let callee = Arc::new(sine("f"));
        let mut b = Builder::new("g");
        let x = b.input("x", scalar());
        let y = b.apply(Arc::new(Call::new(callee.clone())), &[x]);
        let caller = Arc::new(b.finish(vec![y]));
        let program = |modules: &[&Arc<Graph>]| Program {
            modules: modules.iter().map(|&graph| (graph.name.clone(), graph.clone())).collect(),
            ..Program::default()
        };
        verify(&program(&[&callee, &caller])).unwrap();
        let other = Arc::new(sine("f"));
        for modules in [vec![&caller, &callee], vec![&caller], vec![&other, &caller]] {
            let errors = verify(&program(&modules)).unwrap_err();
            assert_eq!(errors[0].id, "program-1");
        }
        let mut renamed = program(&[&callee]);
        renamed.modules.insert("h".to_string(), other);
        assert_eq!(verify(&renamed).unwrap_err()[0].id, "program-1");
    }
}
