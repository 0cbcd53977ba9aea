//! Taking a trainer's state, and going on from one.

use super::diverged::kind;
use super::{End, Progress, Running, Trainer, start};
use crate::loss::Objective;
use crate::network::widened;
use crate::optimiser::lbfgs::{Here, Pair};
use crate::optimiser::{Evaluation, adam, lbfgs};
use crate::state::{Attribute, State, StateError};
use tessera_core::{DType, Tensor};

/// Numbers before the terms in `optimiser/losses`: the total and two norms of the gradient.
const LOSSES: usize = 3;

impl Trainer {
    /// All that is needed to go on with the same bits.
    pub fn state(&self) -> State {
        let mut state = State::default();
        let layout = self.loss.layout();
        for (i, block) in layout.blocks.iter().enumerate() {
            state.put(&block.path, layout.block(&self.theta, i));
        }
        let mut gamma = 0.0;
        match &self.running {
            Running::Adam(_, adam) => {
                state.put("optimiser/mean", adam.mean.clone());
                state.put("optimiser/square", adam.square.clone());
            }
            Running::Lbfgs(_, lbfgs) => {
                gamma = lbfgs.gamma;
                self.save_lbfgs(lbfgs, &mut state);
            }
            Running::Done => {}
        }
        self.history.save(&mut state);
        let Progress { step, stage, stage_step, epoch, ends } = &self.progress;
        let names = |names: Vec<&str>| Attribute::Text(names.join(","));
        let attributes = [
            ("step", Attribute::U64(*step)),
            ("stage", Attribute::U64(*stage as u64)),
            ("stageStep", Attribute::U64(*stage_step)),
            ("epoch", Attribute::U64(*epoch)),
            ("stages", names(self.case.optimisers.iter().map(kind).collect())),
            ("ends", names(ends.iter().map(|end| end.name()).collect())),
            ("gamma", Attribute::F64(gamma)),
        ];
        state.attributes.extend(attributes.map(|(name, value)| (name.to_string(), value)));
        state
    }

    fn save_lbfgs(&self, lbfgs: &lbfgs::State, state: &mut State) {
        if let Some(Here { evaluation: e, gradient }) = &lbfgs.here {
            let losses =
                [e.total, e.gradient_norm, e.gradient_max].into_iter().chain(e.terms.iter().copied());
            let losses: Vec<f64> = losses.collect();
            state.put("optimiser/losses", Tensor::new([losses.len()], losses));
            state.put("optimiser/gradient", gradient.clone());
        }
        let dtype = self.theta.dtype();
        let stack = |part: &dyn Fn(&Pair) -> &Tensor| {
            let rows: Vec<f64> = lbfgs.pairs.iter().flat_map(|pair| widened(part(pair))).collect();
            crate::network::tensor(dtype, vec![lbfgs.pairs.len(), self.theta.len()], rows)
        };
        state.put("optimiser/steps", stack(&|pair| &pair.step));
        state.put("optimiser/changes", stack(&|pair| &pair.change));
        let rho: Vec<f64> = lbfgs.pairs.iter().map(|pair| pair.rho).collect();
        state.put("optimiser/rho", Tensor::new([rho.len()], rho));
    }

    /// Takes everything but the points from a state.
    pub(super) fn load(&mut self, state: &State) -> Result<(), StateError> {
        let dtype = self.theta.dtype();
        let mut theta = Tensor::zeros(dtype, self.theta.shape());
        for block in &self.loss.layout().blocks {
            let tensor = state.tensor(&block.path, dtype, &block.shape)?;
            theta.scatter(&tensor.clone().reshaped([block.range.len()]), &[1], block.range.start);
        }
        self.theta = theta;
        self.progress = self.load_progress(state)?;
        let stage = self.progress.stage;
        self.running = start(&self.case.optimisers, stage, &self.loss, &self.theta, &self.backend)
            .expect("the first stage had the same derivatives");
        let shape = [self.theta.len()];
        let mut loaded = None;
        match &mut self.running {
            Running::Adam(_, adam) => {
                let vector = |path| state.tensor(path, dtype, &shape).cloned();
                *adam = adam::State {
                    mean: vector("optimiser/mean")?,
                    square: vector("optimiser/square")?,
                    step: self.progress.stage_step,
                };
            }
            Running::Lbfgs(..) => loaded = Some(self.load_lbfgs(state)?),
            Running::Done => {}
        }
        if let (Some(loaded), Running::Lbfgs(_, lbfgs)) = (loaded, &mut self.running) {
            *lbfgs = loaded;
        }
        self.history.load(state)
    }

    fn load_progress(&self, state: &State) -> Result<Progress, StateError> {
        let wrong =
            |name: &str, want: String, got: String| StateError::Wrong { name: name.into(), want, got };
        let stages: Vec<&str> = self.case.optimisers.iter().map(kind).collect();
        let (want, got) = (stages.join(","), state.text("stages")?);
        if want != got {
            return Err(wrong("stages", format!("`{want}`"), format!("`{got}`")));
        }
        let stage = state.count("stage")?;
        if stage > stages.len() as u64 {
            return Err(wrong("stage", format!("at most {}", stages.len()), stage.to_string()));
        }
        let stage = stage as usize;
        let stage_step = state.count("stageStep")?;
        let steps = self.case.optimisers.get(stage).map_or(1, |stage| stage.steps());
        if stage_step >= steps {
            return Err(wrong("stageStep", format!("less than {steps}"), stage_step.to_string()));
        }
        let text = state.text("ends")?;
        let named = |name: &str| {
            let end = End::ALL.into_iter().find(|end| end.name() == name);
            end.ok_or_else(|| wrong("ends", "a list of reasons".into(), format!("`{text}`")))
        };
        let ends =
            text.split(',').filter(|name| !name.is_empty()).map(named).collect::<Result<Vec<End>, _>>()?;
        if ends.len() != stage {
            return Err(wrong("ends", format!("{stage} reasons"), format!("`{text}`")));
        }
        Ok(Progress { step: state.count("step")?, stage, stage_step, epoch: state.count("epoch")?, ends })
    }

    fn load_lbfgs(&self, state: &State) -> Result<lbfgs::State, StateError> {
        let (dtype, width) = (self.theta.dtype(), self.theta.len());
        let rows = state.any("optimiser/rho")?.len();
        let rho = state.tensor("optimiser/rho", DType::F64, &[rows])?.values::<f64>();
        let steps = state.tensor("optimiser/steps", dtype, &[rows, width])?;
        let changes = state.tensor("optimiser/changes", dtype, &[rows, width])?;
        let pair = |i: usize| Pair {
            step: steps.rows(i..i + 1).reshaped([width]),
            change: changes.rows(i..i + 1).reshaped([width]),
            rho: rho[i],
        };
        let here = match state.tensors.contains_key("optimiser/losses") {
            false => None,
            true => {
                let count = LOSSES + self.names.len();
                let losses = state.tensor("optimiser/losses", DType::F64, &[count])?.values::<f64>();
                let evaluation = Evaluation {
                    total: losses[0],
                    gradient_norm: losses[1],
                    gradient_max: losses[2],
                    terms: losses[LOSSES..].to_vec(),
                };
                let gradient = state.tensor("optimiser/gradient", self.loss.theta().dtype, &[width])?.clone();
                Some(Here { evaluation, gradient })
            }
        };
        Ok(lbfgs::State { here, pairs: (0..rows).map(pair).collect(), gamma: state.number("gamma")? })
    }
}
