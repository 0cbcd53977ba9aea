//! How linear equations are solved: the choices, their text, and the solving of a system by them.

use super::super::super::*;
use super::super::region::natural;
use super::algebra::{Map, Solution, no_history};
use super::dense;
use super::krylov::{Krylov, drifted};
use super::status::Status;
use crate::ir::{Attribute, DType};

/// A method for linear equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Factors with partial pivoting ([`crate::ops::Lu`]), of the matrix written out.
    Lu,
    /// The factor of the matrix written out, which is symmetric and positive definite ([`crate::ops::Cholesky`]).
    Cholesky,
    /// Orthogonal factors of the matrix written out ([`crate::ops::Qr`]).
    Qr,
    /// Conjugate gradients: symmetric and positive definite.
    Cg,
    /// Minimal residuals: symmetric.
    Minres,
    /// Stabilised bi-conjugate gradients.
    Bicgstab,
    /// Minimal residuals over a space that grows, and starts again.
    Gmres,
}

impl Method {
    /// Each of them.
    pub const ALL: [Method; 7] = [
        Method::Lu,
        Method::Cholesky,
        Method::Qr,
        Method::Cg,
        Method::Minres,
        Method::Bicgstab,
        Method::Gmres,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Method::Lu => "lu",
            Method::Cholesky => "cholesky",
            Method::Qr => "qr",
            Method::Cg => "cg",
            Method::Minres => "minres",
            Method::Bicgstab => "bicgstab",
            Method::Gmres => "gmres",
        }
    }

    /// Whether it takes the matrix to be its own transpose.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Method::Cholesky | Method::Cg | Method::Minres)
    }

    /// Whether it writes the matrix out and factors it, so that there are no steps.
    pub fn is_dense(self) -> bool {
        matches!(self, Method::Lu | Method::Cholesky | Method::Qr)
    }
}

/// A preconditioner that needs no module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preconditioner {
    /// None.
    Identity,
    /// The inverse of the diagonal, for which the matrix is written out once.
    Jacobi,
}

/// How a linear equation is solved. What is left out has a default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinearOptions {
    /// The method; `lu` up to [`UNKNOWNS_OF_LU`] unknowns and `gmres` above.
    pub method: Option<Method>,
    /// The residual that is small enough, relative to the right-hand side: 1e-10, or 1e-5 of f32.
    pub tol: Option<f64>,
    /// The residual that is small enough in any case: 0.
    pub atol: Option<f64>,
    /// Steps at most: 1000.
    pub max_iter: Option<usize>,
    /// Steps after which GMRES starts again: 30.
    pub restart: Option<usize>,
    /// Instead of a module, or of none.
    pub preconditioner: Option<Preconditioner>,
}

/// Unknowns up to which a matrix is written out where no method is chosen: beyond, its columns cost more than the steps of most iterations.
pub const UNKNOWNS_OF_LU: usize = 128;

/// The attributes of [`LinearOptions`], behind a prefix.
pub(super) const ATTRIBUTES: [&str; 6] = ["method", "tol", "atol", "max_iter", "restart", "preconditioner"];

/// The same for the solver of derivatives.
pub(super) const ADJOINT_ATTRIBUTES: [&str; 6] = [
    "adjoint",
    "adjoint_tol",
    "adjoint_atol",
    "adjoint_max_iter",
    "adjoint_restart",
    "adjoint_preconditioner",
];

/// As text has it.
pub(super) fn shown(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Bool(value) => value.to_string(),
        Attribute::Int(value) => value.to_string(),
        Attribute::Float(value) => value.to_string(),
        Attribute::Ints(values) => format!("{values:?}"),
        Attribute::Text(text) => format!("\"{text}\""),
        Attribute::DType(dtype) => dtype.to_string(),
        Attribute::Tensor(_) => "a tensor".to_string(),
    }
}

/// The number that attribute `name` gives.
pub(super) fn number(
    op: &str,
    id: &'static str,
    attributes: &Attributes,
    name: &str,
) -> Result<Option<f64>, Violation> {
    match (attributes.get(name), attributes.float(name)) {
        (Some(got), None) => {
            let message = format!("`{name}` of {op} must be a number of at least 0, got {}", shown(got));
            Err(Violation::new(id, message).help(format!("write `{name} = 1e-8`")))
        }
        (_, value) => Ok(value),
    }
}

/// That each tolerance that is chosen is at least 0, and each count at least 1.
pub(super) fn in_range(
    op: &str,
    id: &'static str,
    tolerances: &[(&str, Option<f64>)],
    counts: &[(&str, Option<usize>)],
) -> Result<(), Violation> {
    let bad = |value: f64| value < 0.0 || !value.is_finite();
    if let Some(&(name, Some(got))) = tolerances.iter().find(|(_, value)| value.is_some_and(bad)) {
        let message = format!("`{name}` of {op} must be a number of at least 0, got {got}");
        return Err(Violation::new(id, message).help(format!("write `{name} = 1e-8`, or leave it out")));
    }
    if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
        let message = format!("`{name}` of {op} must be at least 1, got 0");
        return Err(Violation::new(id, message).help(format!("write `{name} = 100`, or leave it out")));
    }
    Ok(())
}

/// The word of `choices` that attribute `name` gives.
pub(super) fn word<T: Copy>(
    op: &str,
    id: &'static str,
    attributes: &Attributes,
    name: &str,
    choices: &[(&'static str, T)],
) -> Result<Option<T>, Violation> {
    let Some(attribute) = attributes.get(name) else { return Ok(None) };
    let found = choices.iter().find(|(word, _)| attributes.text(name) == Some(word));
    found.map(|(_, choice)| Some(*choice)).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let (words, got) = (words.join("\", \""), shown(attribute));
        Violation::new(id, format!("`{name}` of {op} must be one of \"{words}\", got {got}"))
    })
}

impl LinearOptions {
    /// Reads the attributes that `names` names, in the order of [`ATTRIBUTES`].
    pub(super) fn read(
        op: &str,
        id: &'static str,
        attributes: &Attributes,
        names: &[&str; 6],
    ) -> Result<LinearOptions, Violation> {
        let methods = Method::ALL.map(|method| (method.name(), method));
        let kinds = [("identity", Preconditioner::Identity), ("jacobi", Preconditioner::Jacobi)];
        Ok(LinearOptions {
            method: word(op, id, attributes, names[0], &methods)?,
            tol: number(op, id, attributes, names[1])?,
            atol: number(op, id, attributes, names[2])?,
            max_iter: natural(op, id, attributes, names[3])?,
            restart: natural(op, id, attributes, names[4])?,
            preconditioner: word(op, id, attributes, names[5], &kinds)?,
        })
    }

    /// That all numbers are in their ranges.
    pub(super) fn check(&self, op: &str, id: &'static str, names: &[&str; 6]) -> Result<(), Violation> {
        let tolerances = [(names[1], self.tol), (names[2], self.atol)];
        in_range(op, id, &tolerances, &[(names[3], self.max_iter), (names[4], self.restart)])
    }

    /// Adds what is chosen to `attributes`.
    pub(super) fn write(&self, attributes: &mut Attributes, names: &[&str; 6]) {
        let float = |value: Option<f64>| value.map(Attribute::Float);
        let int = |value: Option<usize>| value.map(|n| Attribute::Int(n as i64));
        let kind = self.preconditioner.map(|kind| match kind {
            Preconditioner::Identity => "identity",
            Preconditioner::Jacobi => "jacobi",
        });
        let text = |word: Option<&str>| word.map(|word| Attribute::Text(word.into()));
        let all = [
            text(self.method.map(Method::name)),
            float(self.tol),
            float(self.atol),
            int(self.max_iter),
            int(self.restart),
            text(kind),
        ];
        for (name, value) in names.iter().zip(all) {
            value.into_iter().for_each(|value| attributes.insert(name.to_string(), value));
        }
    }

    /// These, and those of `other` where nothing is chosen.
    pub(super) fn or(self, other: LinearOptions) -> LinearOptions {
        LinearOptions {
            method: self.method.or(other.method),
            tol: self.tol.or(other.tol),
            atol: self.atol.or(other.atol),
            max_iter: self.max_iter.or(other.max_iter),
            restart: self.restart.or(other.restart),
            preconditioner: self.preconditioner.or(other.preconditioner),
        }
    }

    /// Steps at most.
    pub(super) fn steps_max(&self) -> usize {
        self.max_iter.unwrap_or(1000)
    }

    /// The method for so many unknowns.
    pub(super) fn method_for(&self, unknowns: usize) -> Method {
        let own = if unknowns <= UNKNOWNS_OF_LU { Method::Lu } else { Method::Gmres };
        self.method.unwrap_or(own)
    }

    /// The norm of the residual that is small enough where that of the right-hand side is `size`.
    fn target(&self, b: &mut Builder, size: Value) -> Value {
        let is_f64 = b.ty(size).dtype == DType::F64;
        let relative = b.scalar_like(size, self.tol.unwrap_or(if is_f64 { 1e-10 } else { 1e-5 }));
        let (absolute, relative) = (b.scalar_like(size, self.atol.unwrap_or(0.0)), b.mul(relative, size));
        b.max(relative, absolute)
    }
}

/// A linear map, what precedes it, and the constants that both take behind the vector.
pub(super) struct System<'g> {
    pub options: LinearOptions,
    /// v → A v, then constants.
    pub matrix: &'g Graph,
    /// r → M r, then constants: a module's.
    pub preconditioner: Option<&'g Graph>,
    pub constants: &'g [Value],
    /// Whether the residual after each step is recorded.
    pub history: bool,
}

impl System<'_> {
    /// x with A x = `rhs`, from 0 on.
    pub fn solve(&self, b: &mut Builder, rhs: Value) -> Solution {
        let x = b.zeros_like(rhs);
        let target = self.options.target_for(b, rhs);
        self.solve_from(b, x, rhs, target)
    }

    /// x with A (x − `x0`) = `r`, to the norm `target`.
    pub fn solve_from(&self, b: &mut Builder, x0: Value, r: Value, target: Value) -> Solution {
        let unknowns: usize = b.ty(r).static_shape().expect("static by now").iter().product();
        let method = self.options.method_for(unknowns);
        let map = Map(self.matrix);
        let max_iter = self.options.steps_max();
        if method.is_dense() {
            let solution = dense::correct(b, method, map, [x0, r, target], self.constants);
            let history = self.history.then(|| {
                let none = no_history(b, solution.residual, max_iter);
                let (first, only) = (b.count(0), b.reshape(solution.residual, &[1]));
                b.apply(Arc::new(DynamicUpdateSlice { axis: 0 }), &[none, only, first])
            });
            return Solution { history, ..solution };
        }
        let mut constants = self.constants.to_vec();
        let jacobi;
        let preconditioner = match (self.options.preconditioner, self.preconditioner) {
            (Some(Preconditioner::Identity), _) | (None, None) => None,
            (Some(Preconditioner::Jacobi), _) => {
                constants.push(dense::diagonal(b, map, r, &constants));
                jacobi = division(b, r, &constants);
                Some(Map(&jacobi))
            }
            (None, Some(graph)) => Some(Map(graph)),
        };
        let restart = self.options.restart.unwrap_or(30);
        let shape = b.ty(r).static_shape().expect("static by now").iter().map(|&n| n as i64).collect();
        let history = self.history;
        let krylov = Krylov { method, matrix: map, preconditioner, max_iter, restart, shape, history };
        krylov.solve(b, x0, r, target, &constants)
    }

    /// `solution` with `r`, the residual computed anew, in place of the recursion's.
    pub fn checked(&self, b: &mut Builder, solution: Solution, r: Value, target: Value) -> Solution {
        let residual = b.norm(r);
        let drifted = drifted(b, residual, target);
        let converged = Status::Converged.value(b);
        let claimed = b.compare(Direction::Eq, solution.status, converged);
        let refuted = b.and(claimed, drifted);
        let status = Status::Stagnated.where_(b, refuted, solution.status);
        Solution { status, residual, ..solution }
    }
}

/// r → r / the last constant.
fn division(outer: &Builder, r: Value, constants: &[Value]) -> Graph {
    let mut b = Builder::new("jacobi");
    let types = std::iter::once(&r).chain(constants).map(|&v| outer.ty(v).clone());
    let inputs: Vec<Value> = types.map(|ty| b.fresh_input("r", ty)).collect();
    let quotient = b.div(inputs[0], *inputs.last().expect("with the diagonal"));
    b.finish(vec![quotient])
}

impl LinearOptions {
    /// The target of [`System::solve`].
    pub(super) fn target_for(&self, b: &mut Builder, rhs: Value) -> Value {
        let size = b.norm(rhs);
        self.target(b, size)
    }
}
