//! `while`: a module applied as long as another holds.

use super::region::{
    Inputs, any, batched, carried, check_operands, choose, list, marked_only, may_be_long, merged, natural,
    operand_types, outputs_for, pick, reached, spread,
};
use super::*;
use crate::ad::{self, AdError};
use crate::ir::{Attribute, DType};

pub(super) const ENTRY: Entry = Entry {
    name: "while",
    summary: "applies its second module to the carried values and the constants as long as the first gives true for them, and at most `max` \
              times, if that is given; returns the last carried values. `carries` counts them; they are the first operands. Reverse mode \
              asks for `max`",
    example: "%root = tgraph.while @wrong, @newton(%guess, %a) {carries = 1, max = 50} : f64",
    constraints: &[
        Constraint {
            id: "while-1",
            law: "a while names two modules, condition and body; its attributes are the integers `carries` and `max`, of at least 0, and `keep` \
                  as a scan's",
            mend: "write `tgraph.while @condition, @body(%x) {carries = 1}`",
        },
        Constraint {
            id: "while-2",
            law: "a while has as many operands as each of its modules has inputs, of which `carries`, one or more, are no more",
            mend: "pass the first carried values, then the constants; a module may leave some inputs unused",
        },
        Constraint {
            id: "while-3",
            law: "operand types agree with the modules' input types",
            mend: "convert or reshape the operand that differs",
        },
        Constraint {
            id: "while-4",
            law: "the condition returns one scalar bool",
            mend: "compare scalars, or reduce a mask with `tgraph.all` or `tgraph.any`",
        },
        Constraint {
            id: "while-5",
            law: "the body returns the carried values, with the types of the first inputs",
            mend: "return the carried values, in order, and nothing else",
        },
    ],
    parse: |name, attributes, _, regions| {
        only(name, "while-1", attributes, &["carries", "max", "keep"])?;
        let regions = <[Arc<Graph>; 2]>::try_from(regions.to_vec()).map_err(|regions| {
            let got = format!("while must name two modules, got {}", regions.len());
            Violation::new("while-1", got).help("write `tgraph.while @condition, @body(%x) {carries = 1}`")
        })?;
        let carries = natural(name, "while-1", attributes, "carries")?.unwrap_or(0);
        let max = natural(name, "while-1", attributes, "max")?;
        let keep = Keep::read(name, "while-1", attributes)?;
        keep.as_ref().map_or(Ok(()), |keep| keep.check(name, "while-1", &regions[1]))?;
        Ok(Arc::new(While { regions, carries, max, keep, alone: None }))
    },
};

/// A loop with a condition.
#[derive(Clone, Debug)]
pub struct While {
    /// Condition and body.
    regions: [Arc<Graph>; 2],
    carries: usize,
    max: Option<usize>,
    keep: Option<Keep>,
    /// The loop of which this is a batch in which every position goes on as long as it needs.
    alone: Option<Alone>,
}

impl While {
    /// Applies `body` to so many carried values, and constants, while `condition` holds for them.
    pub fn new(condition: Arc<Graph>, body: Arc<Graph>, carries: usize) -> While {
        While { regions: [condition, body], carries, max: None, keep: None, alone: None }
    }

    /// At most so many times.
    pub fn max(self, max: usize) -> While {
        While { max: Some(max), ..self }
    }

    /// With a policy for its adjoint.
    pub fn keeping(self, keep: Keep) -> While {
        While { keep: Some(keep), ..self }
    }

    /// With other regions.
    fn with(&self, regions: [Arc<Graph>; 2]) -> While {
        let keep = self.keep.as_ref().map(|keep| keep.inherited(&regions[1]));
        While { regions, keep, ..self.clone() }
    }

    fn condition(&self) -> &Graph {
        &self.regions[0]
    }

    fn body(&self) -> &Graph {
        &self.regions[1]
    }

    /// The same as a scan of so many rounds, which do nothing once the condition fails.
    fn as_scan(&self, max: usize) -> Scan {
        let mut inputs = Inputs::new(self.body(), "round");
        inputs.copy(self.body(), 0..self.body().inputs().len());
        let Inputs { mut b, primal } = inputs;
        let holds = b.inline(self.condition(), &primal).expect("regions were verified")[0];
        let mut rest = Inputs::new(self.body(), "rest");
        rest.copy(self.body(), 0..self.body().inputs().len());
        let rest = rest.b.finish(rest.primal[..self.carries].to_vec());
        let cond = Cond::new(vec![self.regions[1].clone(), Arc::new(rest)]).expect("two");
        let operands: Vec<Value> = std::iter::once(holds).chain(primal).collect();
        let outputs = b.push(Arc::new(cond), &operands).expect("body and rest have the same types");
        let scan = Scan::new(Arc::new(b.finish(outputs)), self.carries, 0).length(max);
        match &self.keep {
            Some(keep) => scan.keeping(keep.clone()),
            None => scan,
        }
    }
}

impl Rule for While {
    fn name(&self) -> &'static str {
        "while"
    }

    fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new().with("carries", Attribute::Int(self.carries as i64));
        if let Some(max) = self.max {
            attributes.insert("max".into(), Attribute::Int(max as i64));
        }
        if let Some(keep) = &self.keep {
            attributes.insert("keep".into(), Attribute::Text(keep.to_string()));
        }
        attributes
    }

    fn regions(&self) -> &[Arc<Graph>] {
        &self.regions
    }

    fn with_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        let regions = <[Arc<Graph>; 2]>::try_from(regions).ok()?;
        Some(Arc::new(While { alone: None, ..self.with(regions) }))
    }

    fn with_same_regions(&self, regions: Vec<Arc<Graph>>) -> Option<Op> {
        Some(Arc::new(self.with(<[Arc<Graph>; 2]>::try_from(regions).ok()?)))
    }

    fn alone(&self) -> Option<&Alone> {
        self.alone.as_ref()
    }

    /// Reports are carried: each stays as it is from the first round on in which its status is not 0.
    fn with_reports(&self, b: &mut Builder, x: &[Value], regions: Vec<Arc<Graph>>) -> Option<Vec<Value>> {
        let (c, types) = (self.carries, regions[1].output_types());
        let types: Vec<Type> = types[c..].iter().map(|&ty| ty.clone()).collect();
        let applied = |graph: &Graph| {
            let mut b = Builder::new(&graph.name);
            let mut inputs = b.copy_inputs(graph);
            let carried: Vec<Value> = types.iter().map(|ty| b.fresh_input("report", ty.clone())).collect();
            let outputs = b.inline(graph, &inputs).expect("types are as before");
            inputs.splice(c..c, carried.iter().copied());
            (b, inputs, carried, outputs)
        };
        let (b0, inputs, _, holds) = applied(&regions[0]);
        let condition = b0.finish(holds[..1].to_vec());
        let condition = condition.extract(&condition.name, &inputs, condition.outputs());
        let (mut b1, inputs, carried, mut outputs) = applied(&regions[1]);
        for (old, new) in carried.chunks(3).zip(outputs[c..].chunks_exact_mut(3)) {
            let zero = b1.zeros_like(old[0]);
            let failed = b1.compare(Direction::Ne, old[0], zero);
            let failed = if b1.ty(failed).ndim() == 0 { failed } else { any(&mut b1, failed) };
            for (new, &old) in new.iter_mut().zip(old) {
                let mask = b1.broadcast_like(failed, &[], old);
                *new = b1.select(mask, old, *new);
            }
        }
        let body = b1.finish(outputs);
        let body = body.extract(&body.name, &inputs, body.outputs());
        let regions = [Arc::new(condition), Arc::new(body)];
        let mut operands = x[..c].to_vec();
        operands.extend(types.iter().map(|ty| b.zeros(ty)));
        operands.extend(&x[c..]);
        b.push(Arc::new(While { regions, carries: c + types.len(), alone: None, ..self.clone() }), &operands)
            .ok()
    }

    fn region_inputs(&self, x: &[&Type]) -> Vec<Vec<Type>> {
        vec![x.iter().map(|&ty| ty.clone()).collect(); 2]
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        self.keep.as_ref().map_or(Ok(()), |keep| keep.check_form("while", "while-1"))?;
        let types: Vec<Type> = x.iter().map(|&ty| ty.clone()).collect();
        for graph in &self.regions {
            check_operands("while", graph, x, "while-2", "while-3")?;
        }
        if self.carries == 0 || self.carries > x.len() {
            let got = format!("carries of while must be 1 to {}, got {}", x.len(), self.carries);
            return Err(Violation::new("while-2", got));
        }
        let condition = outputs_for(self.condition(), &types)?;
        if condition != [Type::scalar(DType::Bool)] {
            let got = format!("the condition of while must return one bool, got {}", list(&condition));
            return Err(Violation::new("while-4", got));
        }
        let results = outputs_for(self.body(), &types)?;
        let carries = &types[..self.carries];
        if results.len() != carries.len() || !carries.iter().zip(&results).all(|(c, y)| c.agrees(y)) {
            let (want, got) = (list(carries), list(&results));
            let got = format!("the body of while must return the carried values ({want}), got {got}");
            return Err(Violation::new("while-5", got));
        }
        Ok(carries.iter().zip(&results).map(|(c, y)| merged(c, y)).collect())
    }

    fn evaluate_with(&self, x: &[&Tensor], run: Run) -> Vec<Tensor> {
        let (carry, constants) = x.split_at(self.carries);
        let mut carry: Vec<Tensor> = carry.iter().map(|&x| x.clone()).collect();
        let mut rounds = 0;
        loop {
            let inputs: Vec<&Tensor> = carry.iter().chain(constants.iter().copied()).collect();
            if Some(rounds) == self.max || !run(0, &inputs)[0].values::<bool>()[0] {
                return carry;
            }
            carry = run(1, &inputs);
            rounds += 1;
        }
    }

    /// All positions go on until the condition holds for none; those for which it fails keep what they carry.
    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let c = self.carries;
        let (mut over, _) = carried(self.body(), c, x.over, reached);
        let by_position = reached(self.condition(), &over)[0];
        if by_position {
            over[..c].fill(true);
        }
        let mut operands = x.x.to_vec();
        for i in (0..c).filter(|&i| over[i] && !x.over[i]) {
            operands[i] = b.repeat(x.x[i], x.lead())?;
        }
        let types = operand_types(b, &operands);
        let (mut condition, _) = batched(self.condition(), &types, &over, &[by_position])?;
        let (mut body, _) = batched(self.body(), &types, &over, &over[..c])?;
        if by_position {
            let mut b = Builder::new(&body.name);
            let x = b.copy_inputs(&body);
            let holds = b.inline(&condition, &x)?[0];
            let operands = match may_be_long(self.body()) {
                true => marked_only(&mut b, holds, &Batch { x: &x, over: &over })?,
                false => x.clone(),
            };
            let outputs = b.inline(&body, &operands)?.into_iter().zip(&x);
            let outputs =
                outputs.map(|(new, &old)| choose(&mut b, holds, new, old)).collect::<Result<_, _>>()?;
            body = b.finish(outputs);
            let mut b = Builder::new(&condition.name);
            let x = b.copy_inputs(&condition);
            let holds = b.inline(&condition, &x)?[0];
            let holds = any(&mut b, holds);
            condition = b.finish(vec![holds]);
        }
        let alone = by_position.then(|| Alone { op: Arc::new(self.clone()), over: over.clone() });
        let batched = While { alone, ..self.with([Arc::new(condition), Arc::new(body)]) };
        let results = b.push(Arc::new(batched), &operands)?;
        let with_axis = results.into_iter().zip(&over);
        with_axis.map(|(y, &over)| if over { Ok(y) } else { b.repeat(y, x.lead()) }).collect()
    }

    fn calculus(&self) -> Calculus<'_> {
        Calculus::Structured(self)
    }

    fn kernel(&self) -> Kernel<'_> {
        Kernel::While { carries: self.carries, max: self.max }
    }
}

impl Structured for While {
    fn depends(&self, active: &[bool]) -> Vec<bool> {
        carried(self.body(), self.carries, active, ad::dependence).0[..self.carries].to_vec()
    }

    fn differential(
        &self,
        b: &mut Builder,
        x: &[Value],
        _: &[Value],
        dx: &[Option<Value>],
    ) -> Result<Vec<Option<Value>>, AdError> {
        let given: Vec<bool> = dx.iter().map(Option::is_some).collect();
        let (c, body) = (self.carries, self.body());
        let (active, _) = carried(body, c, &given, ad::dependence);
        // Inputs and operands: carried, their tangents, constants, their tangents.
        let mut inputs = Inputs::new(body, "jvp");
        let (mut tangents, mut operands, mut carries) = (Vec::new(), Vec::new(), 0);
        for range in [0..c, c..x.len()] {
            inputs.copy(body, range.clone());
            operands.extend(&x[range.clone()]);
            for i in range.filter(|&i| active[i]) {
                tangents.push(inputs.beside(inputs.primal[i], |name| format!("d{name}")));
                operands.push(dx[i].unwrap_or_else(|| b.zeros_like(x[i])));
                carries += usize::from(i < c);
            }
        }
        let Inputs { b: mut inner, primal } = inputs;
        let outputs = inner.inline(body, &primal).expect("regions were verified");
        let roots = pick(&outputs, &active[..c]);
        let dy = ad::forward(&mut inner, &roots, &pick(&primal, &active), &tangents)?;
        let dy: Vec<Value> =
            dy.into_iter().zip(&roots).map(|(dy, &y)| dy.unwrap_or_else(|| inner.zeros_like(y))).collect();
        let body = inner.finish(outputs.iter().copied().chain(dy).collect());
        // The condition takes as many inputs, and leaves the tangents unused.
        let mut inner = Builder::new(&format!("{}_jvp", self.condition().name));
        let values: Vec<Value> = body
            .inputs()
            .iter()
            .map(|input| {
                inner.fresh_input(body.name(input.value).unwrap_or("x"), body.ty(input.value).clone())
            })
            .collect();
        let own: Vec<Value> = body
            .inputs()
            .iter()
            .zip(&values)
            .filter(|(i, _)| primal.contains(&i.value))
            .map(|(_, &v)| v)
            .collect();
        let holds = inner.inline(self.condition(), &own).expect("regions were verified");
        let keep = self.keep.as_ref().map(|keep| keep.inherited(&body));
        let regions = [Arc::new(inner.finish(holds)), Arc::new(body)];
        let looped = While { regions, carries: c + carries, max: self.max, keep, alone: None };
        let results = b.push(Arc::new(looped), &operands).expect("types follow from the loop's");
        Ok(spread(results.into_iter().skip(c), &active[..c]))
    }

    fn adjoint(
        &self,
        b: &mut Builder,
        x: &[Value],
        y: &[Value],
        dy: &[Option<Cotangent>],
        wanted: &[bool],
    ) -> Result<Vec<Option<Cotangent>>, AdError> {
        let Some(max) = self.max else {
            let got = "a while in reverse mode must have a bound, got none; write `max = 1000`, or use forward mode";
            return Err(AdError::new("ad-8", got));
        };
        self.as_scan(max).adjoint(b, x, y, dy, wanted)
    }

    /// With a bound, as the scan that reverse mode takes it for.
    fn divide(&self, b: &mut Builder, x: &[Value], moves: &[bool]) -> Option<Vec<Value>> {
        self.as_scan(self.max?).divide(b, x, moves)
    }
}
