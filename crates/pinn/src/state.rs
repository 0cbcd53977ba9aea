//! The state of a training as tensors by path and small values by name: what a run file holds.

use indexmap::IndexMap;
use tessera_core::{DType, Tensor};

/// A small value.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A count.
    U64(u64),
    /// A number.
    F64(f64),
    /// A text.
    Text(String),
}

/// All that a training needs to go on with the same bits.
///
/// | path | is |
/// |---|---|
/// | `network/layer0/weight`, … | the blocks of θ, see [`Layout`](crate::network::Layout) |
/// | `optimiser/mean`, `optimiser/square` | Adam's [`State`](crate::optimiser::adam::State) |
/// | `optimiser/gradient`, `optimiser/losses` | where L-BFGS is; losses are total, two norms of the gradient, terms |
/// | `optimiser/steps`, `optimiser/changes`, `optimiser/rho` | the pairs of L-BFGS, oldest first, one per row |
/// | `history/step`, `history/stage` | steps at which the losses were noted, and the stage of each |
/// | `history/weights` | [`Tensor::fingerprint`] of θ after each of these steps, so that a first step that differs can be found |
/// | `history/total`, `history/<term>` | the losses there; terms without their weights |
/// | `convergence/gradient_norm`, `convergence/length` | norm of the gradient; learning rate or step length |
///
/// | attribute | is |
/// |---|---|
/// | `step` | steps done |
/// | `stage`, `stageStep` | the stage that is next, and steps done in it |
/// | `epoch` | how often the points have been drawn anew |
/// | `stages` | kinds of the stages, separated by commas |
/// | `ends` | why each finished stage ended, separated by commas |
/// | `gamma` | the scale of L-BFGS's first approximation |
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Tensors by path.
    pub tensors: IndexMap<String, Tensor>,
    /// Small values by name.
    pub attributes: IndexMap<String, Attribute>,
}

/// A state that does not belong to the case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // The texts say what the fields are.
pub enum StateError {
    #[error("the state must hold {what} `{name}`, found none; was it made by another case?")]
    Missing { what: &'static str, name: String },
    #[error("`{name}` of the state must be {want}, got {got}; was it made by another case?")]
    Wrong { name: String, want: String, got: String },
}

impl State {
    /// Puts a tensor.
    pub fn put(&mut self, path: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(path.into(), tensor);
    }

    /// The tensor at `path`, of this element type and shape.
    pub fn tensor(&self, path: &str, dtype: DType, shape: &[usize]) -> Result<&Tensor, StateError> {
        let found = self.any(path)?;
        if found.dtype() == dtype && found.shape() == shape {
            return Ok(found);
        }
        let want = format!("{dtype} of shape {shape:?}");
        let got = format!("{} of shape {:?}", found.dtype(), found.shape());
        Err(StateError::Wrong { name: path.to_string(), want, got })
    }

    /// The tensor at `path`.
    pub fn any(&self, path: &str) -> Result<&Tensor, StateError> {
        self.tensors.get(path).ok_or_else(|| StateError::Missing { what: "tensor", name: path.to_string() })
    }

    fn attribute(&self, name: &str) -> Result<&Attribute, StateError> {
        let missing = || StateError::Missing { what: "attribute", name: name.to_string() };
        self.attributes.get(name).ok_or_else(missing)
    }

    fn wrong(name: &str, want: &str, got: &Attribute) -> StateError {
        StateError::Wrong { name: name.to_string(), want: want.to_string(), got: format!("{got:?}") }
    }

    /// A count.
    pub fn count(&self, name: &str) -> Result<u64, StateError> {
        match self.attribute(name)? {
            Attribute::U64(value) => Ok(*value),
            other => Err(State::wrong(name, "a count", other)),
        }
    }

    /// A number.
    pub fn number(&self, name: &str) -> Result<f64, StateError> {
        match self.attribute(name)? {
            Attribute::F64(value) => Ok(*value),
            other => Err(State::wrong(name, "a number", other)),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<&str, StateError> {
        match self.attribute(name)? {
            Attribute::Text(value) => Ok(value),
            other => Err(State::wrong(name, "a text", other)),
        }
    }
}
