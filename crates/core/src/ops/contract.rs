//! Einstein's sums: `contract`. Its transposes are contractions.
//!
//! The order is that of the operations it stands for: an axis that one operand alone has and the result has not is
//! summed first (law 3, the last axis first); then the axes that both have and the result has not are one contracted
//! index, row-major in the order of the left operand, of a matrix product (law 4). Without such axes nothing is summed.
//!
//! More than two operands are contracted from left to right: the first two, whose result keeps the letters that stand
//! further right, with the third, and so on. How they are best ordered depends on extents; whoever writes them knows.

use super::batch::led;
use super::reduce::with_stable;
use super::registry::only;
use super::shape::bad;
use super::*;
use crate::ir::{Attribute, Extent};

/// A sum of products over named axes, such as `bij,bjk->bik`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The letters of each operand's axes.
    operands: Vec<Vec<char>>,
    /// The letters of the result's axes.
    result: Vec<char>,
    /// The operand whose zeros annihilate, whatever stands in the other.
    strong: Option<usize>,
    /// How each sum keeps its error small; `None` is [`Stable::Pairwise`].
    stable: Option<Stable>,
}

pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "contract",
    summary: "the sum of products over named axes: `einsum` names the axes of each operand, and behind `->` those of the result; what it leaves out is summed",
    example: "%y = tgraph.contract %a, %b {einsum = \"bij,bjk->bik\"} : tensor<?x3x4xf64>",
    constraints: &[
        Constraint {
            id: "contract-1",
            law: "`einsum` names the axes of one or more operands by letters, each once in an operand, and those of the result, each once and of an operand; `strong`, of two operands, is 0 or 1; `stable` is \"pairwise\" (the default), \"kahan\" or \"double_double\"",
            mend: "write `{einsum = \"ij,jk->ik\"}`",
        },
        Constraint {
            id: "contract-2",
            law: "as many float operands of one dtype as `einsum` names, with as many axes",
            mend: "correct `einsum` or convert an operand",
        },
        Constraint {
            id: "contract-3",
            law: "axes of one letter have one extent",
            mend: "correct a shape, or name the axes otherwise",
        },
    ],
    parse: |name, attributes, _, _| {
        only(name, "contract-1", attributes, &["einsum", "strong", "stable"])?;
        let strong = match attributes.int("strong") {
            None => None,
            Some(i @ 0..=1) => Some(i as usize),
            Some(i) => return bad("contract-1", format!("strong must be 0 or 1, got {i}")),
        };
        let contract = Contract::new(attributes.text("einsum").unwrap_or(""))?;
        if strong.is_some() && contract.operands.len() != 2 {
            return bad(
                "contract-1",
                format!("strong must be of two operands, got {}", contract.operands.len()),
            );
        }
        let stable = Stable::parse(attributes, "contract-1")?;
        Ok(Arc::new(Contract { strong, stable, ..contract }))
    },
}];

/// What becomes of an axis of a product of two operands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// In both operands and the result.
    Batch,
    /// In both operands only.
    Summed,
    /// In this operand and the result.
    Own,
    /// In this operand only.
    Alone,
}

impl Contract {
    /// The contraction that `einsum` writes, such as `ij,jk->ik`.
    ///
    /// # Errors
    /// `contract-1` if it is no such text.
    pub fn new(einsum: &str) -> Result<Contract, Violation> {
        let distinct = |letters: &[char]| letters.iter().enumerate().all(|(i, c)| !letters[..i].contains(c));
        let letters = |part: &str| {
            let letters: Vec<char> = part.trim().chars().collect();
            (letters.iter().all(char::is_ascii_alphabetic) && distinct(&letters)).then_some(letters)
        };
        let parsed = einsum.split_once("->").and_then(|(operands, result)| {
            let operands = operands.split(',').map(letters).collect::<Option<Vec<_>>>()?;
            let result = letters(result)?;
            let known = result.iter().all(|c| operands.iter().any(|operand| operand.contains(c)));
            known.then_some(Contract { operands, result, strong: None, stable: None })
        });
        let got =
            || format!("einsum must be such as \"ij,jk->ik\", each letter once in a part, got \"{einsum}\"");
        parsed.ok_or_else(|| Violation::new("contract-1", got()))
    }

    /// Under a policy for all of its sums.
    pub fn stable(self, stable: Stable) -> Contract {
        Contract { stable: Some(stable), ..self }
    }

    fn einsum(&self) -> String {
        let text = |letters: &[char]| letters.iter().collect::<String>();
        let operands: Vec<String> = self.operands.iter().map(|letters| text(letters)).collect();
        format!("{}->{}", operands.join(","), text(&self.result))
    }

    fn role(&self, i: usize, letter: char) -> Role {
        let other = self.operands.get(1 - i).is_some_and(|letters| letters.contains(&letter));
        match (other, self.result.contains(&letter)) {
            (true, true) => Role::Batch,
            (true, false) => Role::Summed,
            (false, true) => Role::Own,
            (false, false) => Role::Alone,
        }
    }

    /// The contraction of the cotangent and the other operands for the cotangent of operand `i`, without the axes
    /// that operand `i` alone has: there it is the same everywhere.
    fn transposed(&self, i: usize) -> Contract {
        let mut operands = vec![self.result.clone()];
        operands.extend(self.operands.get(1 - i).filter(|_| self.operands.len() == 2).cloned());
        let known = |c: &char| operands.iter().any(|letters| letters.contains(c));
        let result = self.operands[i].iter().copied().filter(known).collect();
        Contract { operands, result, strong: None, stable: self.stable }
    }

    /// The cotangent of operand `i`.
    fn cotangent(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value, strong: Option<usize>) -> Value {
        let transposed = Contract { strong, ..self.transposed(i) };
        let operands: Vec<Value> = match x.len() {
            2 => vec![dy, x[1 - i]],
            _ => vec![dy],
        };
        let alone: Vec<usize> = (0..self.operands[i].len())
            .filter(|&axis| !transposed.result.contains(&self.operands[i][axis]))
            .collect();
        let part = b.apply(Arc::new(transposed), &operands);
        b.spread(part, &alone, x[i])
    }

    /// `x` with the axes of `from`, summed over those that `keep` lacks and brought into its order.
    fn arranged(&self, b: &mut Builder, x: Value, from: &[char], keep: &[char]) -> Value {
        let alone: Vec<usize> = (0..from.len()).filter(|&axis| !keep.contains(&from[axis])).collect();
        let left: Vec<char> = from.iter().copied().filter(|c| keep.contains(c)).collect();
        let permutation = keep.iter().map(|c| left.iter().position(|l| l == c).expect("kept")).collect();
        let sum = Reduce { reduction: Reduction::Sum, axes: Some(alone.clone()), stable: self.stable };
        let x = if alone.is_empty() { x } else { b.apply(Arc::new(sum), &[x]) };
        b.apply(Arc::new(Transpose { permutation }), &[x])
    }

    /// The letters of operand `i` in one role, in its order.
    fn letters(&self, i: usize, role: Role) -> Vec<char> {
        self.operands[i].iter().copied().filter(|&c| self.role(i, c) == role).collect()
    }

    /// A product of two operands of static shapes.
    fn product(&self, b: &mut Builder, x: &[Value]) -> Value {
        let (batch, summed) = (self.letters(0, Role::Batch), self.letters(0, Role::Summed));
        let own = [self.letters(0, Role::Own), self.letters(1, Role::Own)];
        let extent = |b: &Builder, letters: &[char]| -> Vec<i64> {
            let of = |c: &char| {
                let i = usize::from(!self.operands[0].contains(c));
                let axis = self.operands[i].iter().position(|l| l == c).expect("a letter of an operand");
                b.ty(x[i]).shape[axis].known().expect("static") as i64
            };
            letters.iter().map(of).collect()
        };
        let all = [batch.clone(), own[0].clone(), own[1].clone()].concat();
        let y = if summed.is_empty() {
            self.outer(b, x, &batch, &own, &extent(b, &all))
        } else {
            let flat = |b: &Builder, letters: &[char]| extent(b, letters).iter().product::<i64>();
            let (count, k) = (flat(b, &batch), flat(b, &summed));
            let matrix = |b: &mut Builder, i: usize| {
                let keep = [batch.clone(), own[i].clone(), summed.clone()].concat();
                let matrix = self.arranged(b, x[i], &self.operands[i], &keep);
                let rows = flat(b, &own[i]);
                let shape = if batch.is_empty() { vec![rows, k] } else { vec![count, rows, k] };
                b.reshape(matrix, &shape)
            };
            let (left, right) = (matrix(b, 0), matrix(b, 1));
            let (strong, stable) = (self.strong, self.stable);
            let product = Matmul { transpose_a: false, transpose_b: true, strong, stable };
            let product = b.apply(Arc::new(product), &[left, right]);
            let shape = extent(b, &all);
            b.reshape(product, &shape)
        };
        self.arranged(b, y, &all, &self.result)
    }

    /// A product of more than two operands.
    fn left_to_right(&self, b: &mut Builder, x: &[Value]) -> Value {
        let (mut letters, mut product) = (self.operands[0].clone(), x[0]);
        for (i, next) in self.operands.iter().enumerate().skip(1) {
            let rest = &self.operands[i + 1..];
            let is_needed =
                |c: &&char| self.result.contains(c) || rest.iter().any(|letters| letters.contains(c));
            let both = letters.iter().chain(next.iter().filter(|c| !letters.contains(c)));
            let result =
                if rest.is_empty() { self.result.clone() } else { both.filter(is_needed).copied().collect() };
            let operands = vec![letters, next.clone()];
            let pair = Contract { operands, result: result.clone(), strong: None, stable: self.stable };
            (letters, product) = (result, b.apply(Arc::new(pair), &[product, x[i]]));
        }
        product
    }

    /// The products of all pairs, without a sum.
    fn outer(
        &self,
        b: &mut Builder,
        x: &[Value],
        batch: &[char],
        own: &[Vec<char>; 2],
        shape: &[i64],
    ) -> Value {
        let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let spread = |b: &mut Builder, i: usize| {
            let keep = [batch, &own[i]].concat();
            let part = self.arranged(b, x[i], &self.operands[i], &keep);
            let first = batch.len() + if i == 0 { 0 } else { own[0].len() };
            let dims: Vec<usize> = (0..batch.len()).chain(first..first + own[i].len()).collect();
            b.broadcast(part, &dims, &shape)
        };
        let (left, right) = (spread(b, 0), spread(b, 1));
        match self.strong {
            None => b.mul(left, right),
            Some(0) => b.mul_strong(left, right),
            Some(_) => b.mul_strong(right, left),
        }
    }
}

impl Rule for Contract {
    fn name(&self) -> &'static str {
        "contract"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("einsum", Attribute::Text(self.einsum()));
        let attributes = match self.strong {
            None => attributes,
            Some(i) => attributes.with("strong", Attribute::Int(i as i64)),
        };
        with_stable(attributes, self.stable)
    }

    fn infer(&self, x: &[&Type]) -> Result<Vec<Type>, Violation> {
        let fits = |(ty, letters): (&&Type, &Vec<char>)| ty.ndim() == letters.len() && ty.dtype == x[0].dtype;
        let fitting = x.len() == self.operands.len() && x.iter().zip(&self.operands).all(fits);
        if !fitting || !x[0].dtype.is_float() {
            let got: Vec<String> = x.iter().map(|ty| ty.to_string()).collect();
            let got =
                format!("operands must be floats with the axes {}, got {}", self.einsum(), got.join(" and "));
            return bad("contract-2", got);
        }
        let mut extents: Vec<(char, Extent)> = Vec::new();
        for (&c, &extent) in self.operands.iter().flatten().zip(x.iter().flat_map(|ty| &ty.shape)) {
            match extents.iter_mut().find(|(known, _)| *known == c) {
                None => extents.push((c, extent)),
                Some((_, known)) if known.agrees(extent) => *known = known.merge(extent),
                Some((_, known)) => {
                    return bad(
                        "contract-3",
                        format!("axes `{c}` must have one extent, got {known} and {extent}"),
                    );
                }
            }
        }
        let of = |c: &char| extents.iter().find(|(known, _)| known == c).expect("by contract-1").1;
        Ok(vec![Type::new(x[0].dtype, self.result.iter().map(of))])
    }

    fn calculus(&self) -> Calculus<'_> {
        match self.operands.len() {
            1 => Calculus::Linear(self),
            2 => Calculus::Bilinear(self),
            _ => Calculus::Expansion,
        }
    }

    fn expand(&self, b: &mut Builder, x: &[Value]) -> Option<Vec<Value>> {
        if x.len() == 1 {
            return Some(vec![self.arranged(b, x[0], &self.operands[0], &self.result)]);
        }
        if x.len() > 2 {
            return Some(vec![self.left_to_right(b, x)]);
        }
        let is_static = x.iter().all(|&v| b.ty(v).static_shape().is_some());
        is_static.then(|| vec![self.product(b, x)])
    }

    fn batch(&self, b: &mut Builder, x: &Batch) -> Result<Vec<Value>, Violation> {
        let is_free = |c: &char| !self.operands.iter().flatten().any(|used| used == c);
        let Some(letter) = ('a'..='z').chain('A'..='Z').find(is_free) else {
            return bad("contract-1", "a batched contraction must have a letter left for its axis".into());
        };
        let operands = self.operands.iter().zip(x.over);
        let operands =
            operands.map(|(letters, &over)| if over { led(letter, letters) } else { letters.clone() });
        let (operands, result) = (operands.collect(), led(letter, &self.result));
        let batched = Contract { operands, result, ..self.clone() };
        b.push(Arc::new(batched), x.x)
    }
}

impl Linear for Contract {
    fn is_linear_in(&self, _: usize) -> bool {
        true
    }

    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value) -> Value {
        self.cotangent(b, x, i, dy, None)
    }
}

impl Bilinear for Contract {
    fn transpose(&self, b: &mut Builder, x: &[Value], i: usize, dy: Value, guarded: bool) -> Value {
        let strong = match guarded {
            true => Some(0),
            false => self.strong.filter(|&strong| strong == 1 - i).map(|_| 1),
        };
        self.cotangent(b, x, i, dy, strong)
    }

    fn guards(&self, i: usize) -> bool {
        self.strong.is_some_and(|strong| strong != i)
    }
}
