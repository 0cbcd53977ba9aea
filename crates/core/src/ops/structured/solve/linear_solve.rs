//! `linear_solve`: x with A x = b, where A is a module.

use super::super::region::{check_operands, outputs_for, tangents};
use super::algebra::Map;
use super::linear::{ADJOINT_ATTRIBUTES, ATTRIBUTES, System};
use super::*;
use crate::ops::registry::only;
use std::sync::OnceLock;

pub(super) const ENTRY: Entry = Entry {
    name: "linear_solve",
    summary: "x with A x = b, for a module @A that is linear in its first input: its operands are b, x to begin with (0 if left out), and the module's other \
              inputs. A second module of the same inputs is a preconditioner: it takes a residual to an approximation of A⁻¹ of it. `method`: `lu`, \
              `cholesky` (symmetric and positive definite) and `qr` write the matrix out; `cg` (positive definite), `minres` (symmetric), `bicgstab` and \
              `gmres` (with `restart`) need only products; left out, it is `lu` up to 128 unknowns and `gmres` above. It ends when ‖b − A x‖ is at most `tol` ‖b‖ (1e-10; 1e-5 of f32) or `atol` (0), or after \
              `max_iter` steps (1000). Derivatives solve with the matrix, and its transpose, in the same way or as `adjoint`, `adjoint_tol`, \
              `adjoint_max_iter`, … say; with respect to x's first value they are 0 by definition, and status (0: converged), iterations and residual are \
              constants",
    example: "%x, %status, %iterations, %residual = tgraph.linear_solve @A(%b, %k) {method = \"cg\"} : tensor<?xf64>, i64, i64, f64",
    constraints: &[
        Constraint {
            id: "linear_solve-1",
            law: "a linear_solve names one module, or two, the second a preconditioner; `method` is \"lu\", \"cholesky\", \"qr\", \"cg\", \
                  \"minres\", \"bicgstab\" or \"gmres\", `tol` and `atol` are at least 0, `max_iter` and `restart` at least 1, `preconditioner` is \"identity\" or \"jacobi\"; the same behind \
                  `adjoint_`; `over` (`over_2`, …) holds the positions of the operands with a batch axis",
            mend: "write `tgraph.linear_solve @A(%b) {method = \"cg\", tol = 1e-8}`",
        },
        Constraint {
            id: "linear_solve-2",
            law: "operands are the right-hand side, x to begin with if it is given, and the module's inputs but the first",
            mend: "pass as many values as the module has inputs, or one more: the first x behind the right-hand side",
        },
        Constraint {
            id: "linear_solve-3",
            law: "the right-hand side is a float, and module and preconditioner take and return a value of its type: the matrix is square",
            mend: "return one value of the first input's type; for more equations than unknowns use `minimize` with `gauss_newton`",
        },
        Constraint {
            id: "linear_solve-4",
            law: "the module is linear in its first input: its tangent does not depend on it, but by the status of solves (what is added besides belongs to the right-hand side)",
            mend: "use `root` for an equation that is not linear",
        },
    ],
    parse: |name, attributes, _, regions| {
        let known: Vec<&str> = ATTRIBUTES.iter().chain(&ADJOINT_ATTRIBUTES).chain(&SHARED).copied().collect();
        only(name, "linear_solve-1", attributes, &known)?;
        if !(1..=2).contains(&regions.len()) {
            let got = format!("linear_solve must name one module or two, got {}", regions.len());
            return Err(Violation::new("linear_solve-1", got).help("write `tgraph.linear_solve @A(%b)`"));
        }
        let options = LinearOptions::read(name, "linear_solve-1", attributes, &ATTRIBUTES)?;
        let adjoint = LinearOptions::read(name, "linear_solve-1", attributes, &ADJOINT_ATTRIBUTES)?;
        let op = LinearSolve { regions: regions.to_vec(), options, adjoint, matrix: OnceLock::new() };
        Solve::read(op, attributes)
    },
};

/// A x = b.
#[derive(Clone, Debug)]
pub struct LinearSolve {
    /// A, and maybe a preconditioner.
    regions: Vec<Arc<Graph>>,
    options: LinearOptions,
    adjoint: LinearOptions,
    /// The part of A that is linear: of the vector and the constants.
    matrix: OnceLock<Result<Arc<Graph>, Violation>>,
}

impl LinearSolve {
    /// A x = b for `operator`, a graph of x and of constants.
    pub fn new(operator: Arc<Graph>) -> LinearSolve {
        LinearSolve {
            regions: vec![operator],
            options: LinearOptions::default(),
            adjoint: LinearOptions::default(),
            matrix: OnceLock::new(),
        }
    }

    /// With a graph of the operator's inputs that takes a residual to an approximation of A⁻¹ of it.
    pub fn preconditioned(mut self, preconditioner: Arc<Graph>) -> LinearSolve {
        self.regions.truncate(1);
        self.regions.push(preconditioner);
        self
    }

    /// Solved so.
    pub fn options(self, options: LinearOptions) -> LinearSolve {
        LinearSolve { options, ..self }
    }

    /// With derivatives solved so.
    pub fn adjoint(self, adjoint: LinearOptions) -> LinearSolve {
        LinearSolve { adjoint, ..self }
    }

    /// The equation that a derivative solves.
    pub(super) fn of(matrix: Graph, preconditioner: Option<Graph>, options: LinearOptions) -> LinearSolve {
        let op = LinearSolve::new(Arc::new(matrix)).options(options);
        match preconditioner {
            Some(preconditioner) => op.preconditioned(Arc::new(preconditioner)),
            None => op,
        }
    }

    fn operator(&self) -> &Graph {
        &self.regions[0]
    }

    /// Operands behind b and the first x.
    fn constants<'v, T>(&self, x: &'v [T]) -> &'v [T] {
        &x[x.len() - (self.operator().inputs().len() - 1)..]
    }

    /// The operator's tangent along its first input, of that tangent and the constants.
    fn matrix(&self) -> Result<&Arc<Graph>, Violation> {
        let made = self.matrix.get_or_init(|| {
            let operator = self.operator();
            let mut active = vec![false; operator.inputs().len()];
            active[0] = true;
            let bad = |message: String| Violation::new("linear_solve-4", message);
            let tangent = tangents(operator, &active, &[true]).map_err(|error| bad(error.message))?;
            let mut inputs = tangent.input_values();
            inputs.rotate_right(1);
            let point = inputs.remove(1);
            if depends_on(&tangent, point) {
                let got = format!(
                    "@{} must be linear in its first input, got a tangent that depends on it",
                    operator.name
                );
                return Err(bad(got).help("use `root` for an equation that is not linear"));
            }
            Ok(Arc::new(implicit::at_zero(&tangent, point, &inputs).map_err(|error| bad(error.message))?))
        });
        made.as_ref().map_err(Violation::clone)
    }
}

/// Whether an output of `graph` depends on its input `point`, other than by how solves of it end: these are linear where their equations are.
fn depends_on(graph: &Graph, point: Value) -> bool {
    let mut depends = vec![false; graph.value_count()];
    depends[point.index()] = true;
    for node in graph.nodes() {
        if node.operands.iter().any(|v| depends[v.index()]) {
            let results = &node.results[..node.op.status().unwrap_or(node.results.len())];
            results.iter().for_each(|result| depends[result.index()] = true);
        }
    }
    graph.outputs().iter().any(|output| depends[output.index()])
}

impl Problem for LinearSolve {
    fn name(&self) -> &'static str {
        "linear_solve"
    }

    fn law(&self) -> &'static str {
        "linear_solve-1"
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        self.options.write(&mut attributes, &ATTRIBUTES);
        self.adjoint.write(&mut attributes, &ADJOINT_ATTRIBUTES);
        attributes
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.regions
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> LinearSolve {
        LinearSolve { regions, matrix: OnceLock::new(), ..self.clone() }
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        let inputs = std::iter::once(&x[0]).chain(self.constants(x)).map(|&ty| ty.clone()).collect();
        vec![inputs; self.regions.len()]
    }

    fn infer(&self, x: &[&Type]) -> Result<Type, Violation> {
        self.options.check(self.name(), self.law(), &ATTRIBUTES)?;
        self.adjoint.check(self.name(), self.law(), &ADJOINT_ATTRIBUTES)?;
        let inputs = self.operator().inputs().len();
        if inputs == 0 || !(inputs..=inputs + 1).contains(&x.len()) {
            let got = format!(
                "linear_solve of @{} must have {inputs} operands, or {} with x to begin with, got {}",
                self.operator().name,
                inputs + 1,
                x.len()
            );
            return Err(Violation::new("linear_solve-2", got));
        }
        let types = self.region_inputs(x).remove(0);
        let unknown = x[0];
        let guessed = x.len() == inputs || x[1].agrees(unknown);
        if !unknown.dtype.is_float() || !guessed {
            let got = format!(
                "the right-hand side of linear_solve must be a float, and x of its type, got {unknown} and {}",
                x[x.len().min(2) - 1]
            );
            return Err(Violation::new("linear_solve-3", got));
        }
        for graph in &self.regions {
            let all: Vec<&Type> = types.iter().collect();
            check_operands("linear_solve", graph, &all, "linear_solve-2", "linear_solve-3")?;
            let outputs = outputs_for(graph, &types)?;
            if outputs.len() != 1 || !outputs[0].agrees(unknown) {
                let outputs: Vec<String> = outputs.iter().map(Type::to_string).collect();
                let got = format!(
                    "@{} must return a value of the type {unknown} of its first input, got {}",
                    graph.name,
                    outputs.join(", ")
                );
                return Err(Violation::new("linear_solve-3", got));
            }
        }
        self.matrix()?;
        Ok(unknown.clone())
    }

    fn steps_max(&self) -> usize {
        self.options.steps_max()
    }

    fn solve(&self, b: &mut Builder, x: &[Value], history: bool) -> Vec<Value> {
        let (rhs, constants) = (x[0], self.constants(x));
        let matrix = self.matrix().expect("checked by infer").clone();
        let system = System {
            options: self.options,
            matrix: &matrix,
            preconditioner: self.regions.get(1).map(Arc::as_ref),
            constants,
            history,
        };
        let operator = Map(self.operator());
        let zeros = b.zeros_like(rhs);
        let at_zero = operator.at(b, zeros, constants);
        let from_zero = b.sub(rhs, at_zero);
        let target = self.options.target_for(b, from_zero);
        let solution = match x.len() > constants.len() + 1 {
            false => system.solve_from(b, zeros, from_zero, target),
            true => {
                let first = operator.at(b, x[1], constants);
                let r = b.sub(rhs, first);
                system.solve_from(b, x[1], r, target)
            }
        };
        let product = operator.at(b, solution.x, constants);
        let r = b.sub(rhs, product);
        system.checked(b, solution, r, target).results()
    }

    fn equation(&self, b: &mut Builder, y: Value, x: &[Value]) -> Result<Value, AdError> {
        let product = Map(self.operator()).at(b, y, self.constants(x));
        Ok(b.sub(product, x[0]))
    }

    fn guess(&self, operands: usize) -> Option<usize> {
        (operands > self.operator().inputs().len()).then_some(1)
    }

    fn precondition(&self, b: &mut Builder, r: Value, _: Value, x: &[Value]) -> Option<Value> {
        self.regions.get(1).map(|graph| Map(graph).at(b, r, self.constants(x)))
    }

    fn derivative_options(&self) -> LinearOptions {
        self.adjoint.or(self.options)
    }
}
