//! `call`: a module applied.

use super::region::{check_operands, one_region, outputs_for};
use super::*;

pub(super) const ENTRY: Entry = Entry {
    name: "call",
    summary: "Applies a module; its results are the module's outputs",
    example: "%y = tgraph.call @f(%x) : tensor<?xf64>",
    constraints: &[
        Constraint {
            id: "call-1",
            law: "a call names one module, has as many operands as that has inputs, and no attributes",
            mend: "pass one value for each `tgraph.arg`, in order",
        },
        Constraint {
            id: "call-2",
            law: "operand types agree with the module's input types",
            mend: "convert or reshape the operand that differs",
        },
    ],
    parse: |name, attributes, _, regions| {
        only(name, "call-1", attributes, &[])?;
        Ok(Arc::new(Call { callee: one_region(name, "call-1", regions)? }))
    },
};

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

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        vec![x.iter().map(|&ty| ty.clone()).collect()]
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        check_operands("call", self.callee(), x, "call-1", "call-2")?;
        // The callee's extents may follow from those passed in.
        outputs_for(self.callee(), &self.region_inputs(x)[0])
    }

    fn evaluate_with(&self, x: &[&Tensor], run: Run) -> Vec<Tensor> {
        run(0, x)
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        x.expansion(b, self)
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Expansion
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        Some(b.inline(self.callee(), x).expect("the call was verified"))
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::Call
    }
}
