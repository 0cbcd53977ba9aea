//! Every mode, for every operation of the table: statements are carried out, verified, printed and read
//! back, and what they made is compared with differences and with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tessera_core::ad::check::{Options, Verdict, check_statement, draw_inputs};
use tessera_core::diagnostic::Source;
use tessera_core::exec::plan::{Plan, Step};
use tessera_core::exec::{Backend, Function, cpu, lower};
use tessera_core::ir::{Clause, Graph, Program, Transform, TransformKind};
use tessera_core::{Extent, Tensor, Type, ad, ops, text, verify};
use tessera_testing::data::with_specials;
use tessera_testing::generate::numbered;
use tessera_testing::samples::all;

/// The operations of the table that give no derivatives: constants, shapes, integers and truth values, random numbers, and
/// what stops them.
const WITHOUT_DERIVATIVES: &[&str] = &[
    "not",
    "rem",
    "and",
    "or",
    "xor",
    "shift_left",
    "shift_right",
    "compare",
    "is_nan",
    "is_finite",
    "all",
    "any",
    "iota",
    "one_hot",
    "argsort",
    "argmax",
    "argmin",
    "size",
    "condition",
    "random.bits",
    "random.uniform",
    "random.normal",
    "random.exponential",
    "random.permutation",
    "stop_gradient",
];

/// A statement of each kind for `graph`, with all its float inputs.
fn statements(graph: &Graph) -> Vec<Transform> {
    let inputs = graph.inputs().iter().map(|input| input.value);
    let floats = inputs.filter(|&v| graph.ty(v).dtype.is_float()).filter_map(|v| graph.name(v));
    let wrt: Vec<String> = floats.map(str::to_string).collect();
    let statement = |kind: TransformKind| {
        let has = |clause| kind.options().contains(&clause);
        let target = format!("{}_{}", graph.name, kind.name());
        let direction = |x: &String| format!("{target}_{x}");
        let dir = if has(Clause::Dir) { wrt.iter().map(direction).collect() } else { vec![] };
        let (own, none) = (wrt.clone(), vec![]);
        let (wrt, over) = if kind == TransformKind::Vmap { (none, own) } else { (own, none) };
        let linear = (kind == TransformKind::Linearize).then(|| format!("{target}_linear"));
        let order = has(Clause::Order).then_some(2);
        Transform { wrt, over, dir, linear, order, ..Transform::new(kind, &graph.name, &target) }
    };
    TransformKind::ALL.into_iter().map(statement).collect()
}

/// `graph` with a statement of each kind, carried out.
fn expanded(graph: &Graph, statements: Vec<Transform>) -> Program {
    let modules = [(graph.name.clone(), Arc::new(graph.clone()))].into_iter().collect();
    let program = Program { modules, transforms: statements, ..Program::default() };
    let expanded = ad::expand(&program).unwrap_or_else(|errors| panic!("{errors:?}\n{program}"));
    verify::verify(&expanded).unwrap_or_else(|errors| panic!("{errors:?}\n{expanded}"));
    let printed = text::print(&expanded);
    let again =
        text::check(&Source::new("printed", printed.as_str())).unwrap_or_else(|e| panic!("{e}\n{printed}"));
    assert_eq!(text::print(&again), printed);
    expanded
}

/// Every mode of every operation that has derivatives is compared, at one extent at least, and found right.
#[test]
fn every_mode_is_right_for_every_operation() {
    let (mut agree, mut unclear) = (0, 0);
    let mut right: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sample in all().into_iter().filter(|sample| sample.smooth) {
        if !sample.graph.output_types().iter().all(|ty| ty.dtype.is_float()) {
            continue;
        }
        let statements = statements(&sample.graph);
        let program = expanded(&sample.graph, statements.clone());
        let right = right.entry(sample.op).or_default();
        for extent in [1, 4] {
            for statement in &statements {
                let options =
                    Options { extent, elements_max: 8, range: Some(sample.range), ..Options::default() };
                // Some samples have an extent that their `?` must fit.
                let Ok(report) = check_statement(&program, statement, &options) else { continue };
                assert!(report.passed(), "{} by {}\n{report}", sample.what, statement.kind.name());
                for check in &report.checks {
                    let agrees = check.verdict() == Verdict::Agrees;
                    *(if agrees { &mut agree } else { &mut unclear }) += 1;
                    if agrees {
                        right.insert(statement.kind.name());
                    }
                }
            }
        }
    }
    assert!(agree > 10 * unclear, "{agree} agree, {unclear} are unclear");
    let kinds: BTreeSet<&str> = TransformKind::ALL.into_iter().map(TransformKind::name).collect();
    let partly: Vec<_> = right.iter().filter(|(_, right)| **right != kinds).collect();
    assert!(partly.is_empty(), "not every mode was found right for {partly:?}");
    let missing: Vec<&str> =
        ops::entries().iter().map(|entry| entry.name).filter(|name| !right.contains_key(name)).collect();
    assert_eq!(missing, WITHOUT_DERIVATIVES);
}

/// What every mode makes of every operation has the reference's bits on the engine, for zeros of both signs,
/// infinities, NaN and subnormals too, and for axes of extent 0 and 1.
#[test]
fn every_mode_has_the_reference_bits_for_every_operation() {
    let mut compared = 0;
    for sample in all().into_iter().filter(|sample| sample.smooth) {
        if !sample.graph.output_types().iter().all(|ty| ty.dtype.is_float()) {
            continue;
        }
        let program = expanded(&sample.graph, statements(&sample.graph));
        for graph in program.modules.values() {
            for extent in [0, 1, 5] {
                let options = Options { extent, range: Some(sample.range), ..Options::default() };
                let inputs = with_specials(draw_inputs(graph, &options));
                compared += usize::from(assert_engine_is_reference(&sample.what, graph, &inputs));
            }
        }
    }
    assert!(compared > 2500, "{compared}");
}

/// Whether `graph` takes the inputs; then the engine has the reference's bits.
fn assert_engine_is_reference(what: &str, graph: &Arc<Graph>, inputs: &[Tensor]) -> bool {
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let run = |backend| Function::new(graph.clone(), backend).call(&inputs);
    let Ok(want) = run(Backend::Reference) else { return false };
    let got = run(Backend::Cpu(cpu::Options { threads: 2, ..Default::default() })).expect("as before");
    for (want, got) in want.iter().zip(&got) {
        assert!(want.same_bits(got), "{what}\n{graph}\nwant {want:?}\ngot  {got:?}");
    }
    true
}

/// Whether derivatives may differ from differences: they are stopped, or there are jumps, over which differences may reach.
fn is_rough(graph: &Graph) -> bool {
    let rough = ["stop_gradient", "floor", "ceil", "round", "trunc", "sign"];
    let holds = |region: &Arc<Graph>| is_rough(region);
    graph.nodes().iter().any(|node| rough.contains(&node.op.name()) || node.op.regions().iter().any(holds))
}

/// Random programs: a statement is carried out or refused, never wrong.
#[test]
fn every_mode_of_a_random_program_is_right_or_refused() {
    let (mut right, mut refused) = (0, 0);
    for k in 0..300 {
        let program = numbered(k);
        for graph in program.modules.values() {
            for statement in statements(graph) {
                let program = Program { transforms: vec![statement.clone()], ..program.clone() };
                if verify::verify(&program).is_err() {
                    continue; // Without float inputs, or with outputs of integers.
                }
                let Ok(expanded) = ad::expand(&program) else {
                    refused += 1;
                    continue;
                };
                verify::verify(&expanded).unwrap_or_else(|errors| panic!("{errors:?}\n{expanded}"));
                let target = &expanded.modules[&statement.target];
                let inputs = draw_inputs(target, &Options { seed: k, ..Options::default() });
                let what = format!("program {k}\n{program}");
                right += usize::from(assert_engine_is_reference(&what, target, &inputs));
                let options = Options { seed: k, elements_max: 4, ..Options::default() };
                if let Ok(report) = check_statement(&expanded, &statement, &options) {
                    // At a point such as sqrt(0) a derivative is not finite where the values are.
                    let singular = !report.finite || report.checks.iter().any(|check| check.error.is_nan());
                    assert!(singular || is_rough(graph) || report.passed(), "{what}\n{report}");
                }
            }
        }
    }
    assert!(right > 1000 && refused < right / 10, "{right} right, {refused} refused");
}

/// Statements on the results of statements: each pair of kinds, of a function with every kind of rule.
#[test]
fn every_mode_applies_to_the_result_of_every_other() {
    let source = Source::new(
        "m",
        "tgraph.module @m {
           %x = tgraph.arg : tensor<2x3xf64>
           %w = tgraph.arg : tensor<3x2xf64>
           %z = tgraph.matmul %x, %w
           %p = tgraph.softmax %z
           %e = tgraph.exp %p
           %s = tgraph.reduce %e {op = \"sum\", axes = [1]}
           %t = tgraph.tanh %s
           tgraph.return %t
         }",
    );
    let program = text::check(&source).unwrap_or_else(|e| panic!("{e}"));
    let module = &program.modules["m"];
    let first = expanded(module, statements(module));
    let steps_are_in_order = |graph: &Graph| {
        let types: Vec<Type> = graph.input_types().into_iter().map(|ty| bound(ty, 2)).collect();
        assert_steps_in_order(&Plan::new(lower(graph, &types).expect("the types fit"), 1));
    };
    for (name, graph) in first.modules.iter().filter(|(name, _)| *name != "m") {
        let statements = statements(graph);
        let second = expanded(graph, statements.clone());
        second.modules.values().for_each(|graph| steps_are_in_order(graph));
        for statement in &statements {
            let options = Options { extent: 2, elements_max: 4, ..Options::default() };
            let report = check_statement(&second, statement, &options).unwrap_or_else(|e| panic!("{e}"));
            assert!(report.passed(), "{} of @{name}\n{report}", statement.kind.name());
        }
    }
}

fn bound(ty: &Type, extent: usize) -> Type {
    Type::new(ty.dtype, ty.shape.iter().map(|e| Extent::Static(e.known().unwrap_or(extent))))
}

/// That every step of `plan` needs only what earlier steps have given.
fn assert_steps_in_order(plan: &Plan) {
    let graph = &plan.graph;
    let results =
        |nodes: &[usize]| nodes.iter().flat_map(|&i| graph.nodes()[i].results.clone()).collect::<Vec<_>>();
    let mut given = vec![false; graph.value_count()];
    graph.inputs().iter().for_each(|input| given[input.value.index()] = true);
    for step in &plan.steps {
        let (needs, gives) = match step {
            Step::Whole(i) => (graph.nodes()[*i].operands.clone(), results(&[*i])),
            Step::Nested(nested) => {
                nested.plans.iter().for_each(|plan| assert_steps_in_order(plan));
                (graph.nodes()[nested.node].operands.clone(), results(&[nested.node]))
            }
            Step::Product(product) => (product.operands.to_vec(), vec![product.result]),
            Step::Region(r) => {
                ([&r.inputs[..], &r.whole].concat(), [&r.stores[..], &results(&r.reductions)].concat())
            }
            Step::Batch(batch) => {
                assert_steps_in_order(&batch.plan);
                ([&batch.rows[..], &batch.whole].concat(), batch.stores.clone())
            }
        };
        for v in needs {
            assert!(given[v.index()], "a step must not need {v:?} before it is given\n{plan}");
        }
        gives.iter().for_each(|v| given[v.index()] = true);
    }
}
