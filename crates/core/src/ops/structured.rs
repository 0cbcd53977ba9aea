//! Operations that hold graphs: `call`.

use super::*;

/// The laws of structured operations and of modules, which text cannot name as an op.
pub(super) const CONSTRAINTS: &[Constraint] = &[
    Constraint {
        id: "call-1",
        law: "a call has as many operands as the module has inputs",
        mend: "pass one value for each `tgraph.arg`, in order",
    },
    Constraint {
        id: "call-2",
        law: "operand types agree with the module's input types",
        mend: "convert or reshape the operand that differs",
    },
];

/// Applies a module.
#[derive(Debug)]
pub struct Call {
    /// The module.
    callee: [Arc<Graph>; 1],
}

impl Call {
    /// A call of `callee`.
    pub fn new(callee: Arc<Graph>) -> Call {
        Call { callee: [callee] }
    }

    /// The module that is called.
    pub fn callee(&self) -> &Arc<Graph> {
        &self.callee[0]
    }
}

impl Rule for Call {
    fn name(&self) -> &'static str {
        "call"
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.callee
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        let callee = <[Arc<Graph>; 1]>::try_from(regions).ok()?;
        Some(Arc::new(Call { callee }))
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let callee = self.callee();
        let inputs = callee.input_types();
        if x.len() != inputs.len() {
            let got =
                format!("call of @{} must have {} operands, got {}", callee.name, inputs.len(), x.len());
            return Err(Violation::new("call-1", got));
        }
        for (i, (got, want)) in x.iter().zip(&inputs).enumerate() {
            if !got.agrees(want) {
                let got = format!("operand {i} of the call of @{} must be {want}, got {got}", callee.name);
                return Err(Violation::new("call-2", got));
            }
        }
        // The callee's extents may follow from those passed in.
        let mut b = Builder::verbatim(&callee.name);
        let values: Vec<Value> = x.iter().map(|ty| b.input("", (*ty).clone())).collect();
        let outputs = b.inline(callee, &values)?;
        Ok(outputs.iter().map(|&v| b.ty(v).clone()).collect())
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        Some(b.inline(self.callee(), x).expect("the call was verified"))
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.expansion(b, self)
    }
}
