//! Graph expressions of linear algebra, in which the rules of its operations are written.

use super::*;

impl Builder {
    /// The Cholesky factor L of A = L Lᵀ, and its status: see [`Cholesky`].
    pub fn cholesky(&mut self, a: Value) -> [Value; 2] {
        self.results(Arc::new(Cholesky), &[a])
    }

    /// L and U in one matrix, the order of the rows, and the status: see [`Lu`].
    pub fn lu(&mut self, a: Value) -> [Value; 3] {
        self.results(Arc::new(Lu), &[a])
    }

    /// Q, R and the status: see [`Qr`].
    pub fn qr(&mut self, a: Value) -> [Value; 3] {
        self.results(Arc::new(Qr), &[a])
    }

    /// Eigenvalues, eigenvectors and the status: see [`Eigh`].
    pub fn eigh(&mut self, a: Value) -> [Value; 3] {
        self.results(Arc::new(Eigh), &[a])
    }

    /// U, singular values, V and the status: see [`Svd`].
    pub fn svd(&mut self, a: Value) -> [Value; 4] {
        self.results(Arc::new(Svd), &[a])
    }

    /// X with op(T) X = B.
    pub fn triangular_solve(&mut self, triangle: Triangle, t: Value, rhs: Value) -> Value {
        self.apply(Arc::new(TriangularSolve(triangle)), &[t, rhs])
    }

    /// X with A X = B.
    pub fn solve(&mut self, structure: Structure, a: Value, rhs: Value) -> Value {
        self.apply(Arc::new(DenseSolve { structure, transpose: false }), &[a, rhs])
    }

    /// The sum of the terms that there are, at least one.
    pub(super) fn sum_of(&mut self, terms: impl IntoIterator<Item = Option<Value>>) -> Value {
        let sum = terms.into_iter().flatten().reduce(|sum, term| self.add(sum, term));
        sum.expect("at least one term")
    }

    /// All results of an operation that has N.
    pub(super) fn results<const N: usize>(&mut self, op: Op, x: &[Value]) -> [Value; N] {
        let name = op.name();
        let results = self.push(op, x).unwrap_or_else(|violation| panic!("{name}: {violation}"));
        results.try_into().expect("as many results as the operation has")
    }

    /// The matrices transposed: the last two axes exchanged.
    pub(super) fn matrix_transposed(&mut self, x: Value) -> Value {
        let ndim = self.ty(x).ndim();
        let mut permutation: Vec<usize> = (0..ndim).collect();
        permutation.swap(ndim - 2, ndim - 1);
        self.transpose(x, &permutation)
    }

    /// AᵀB.
    pub(super) fn product_tn(&mut self, a: Value, c: Value) -> Value {
        self.apply(Arc::new(Matmul { transpose_a: true, ..Matmul::default() }), &[a, c])
    }

    /// ABᵀ.
    pub(super) fn product_nt(&mut self, a: Value, c: Value) -> Value {
        self.apply(Arc::new(Matmul { transpose_b: true, ..Matmul::default() }), &[a, c])
    }

    /// `x` where `direction` holds between row and column, +0 elsewhere: `Ge` keeps the lower triangle, `Lt` what is above the diagonal.
    pub(super) fn triangle(&mut self, x: Value, direction: Direction) -> Value {
        let mask = self.position(x, direction);
        let zero = self.zeros_like(x);
        self.select(mask, x, zero)
    }

    /// Where `direction` holds between an element's row and column.
    pub(super) fn position(&mut self, like: Value, direction: Direction) -> Value {
        let ndim = self.ty(like).ndim();
        let [row, column] = [ndim - 2, ndim - 1].map(|axis| self.iota_like(like, DType::I64, axis));
        self.compare(direction, row, column)
    }

    /// The identity, for every matrix of `like`.
    pub(super) fn identity_like(&mut self, like: Value) -> Value {
        let one = self.ones_like(like);
        self.triangle(one, Direction::Eq)
    }

    /// Φ: the lower triangle with half the diagonal, so that a symmetric S is Φ(S) + Φ(S)ᵀ.
    pub(super) fn lower_half(&mut self, x: Value) -> Value {
        let half = self.full_like(x, 0.5);
        let halved = self.mul(x, half);
        let diagonal = self.position(x, Direction::Eq);
        let x = self.select(diagonal, halved, x);
        self.triangle(x, Direction::Ge)
    }

    /// The symmetric matrix of which `x` holds the lower triangle.
    pub(super) fn symmetric(&mut self, x: Value) -> Value {
        let half = self.lower_half(x);
        let other = self.matrix_transposed(half);
        self.add(half, other)
    }

    /// The transpose of [`Builder::symmetric`]: what the lower triangle of a symmetric operand gets from the cotangent of all of it.
    pub(super) fn folded(&mut self, x: Value) -> Value {
        let other = self.matrix_transposed(x);
        let sum = self.add(x, other);
        self.lower_half(sum)
    }

    /// The diagonals of square matrices.
    pub(super) fn diagonal(&mut self, x: Value) -> Value {
        let kept = self.triangle(x, Direction::Eq);
        let last = self.ty(x).ndim() - 1;
        self.sum(kept, &[last])
    }

    /// The rows of matrices in the order that `rows` gives for each.
    pub(super) fn rows_in_order(&mut self, x: Value, rows: Value) -> Value {
        let batch = self.ty(x).ndim() - 2;
        self.apply(Arc::new(Gather::new(batch, batch)), &[x, rows])
    }

    /// Undoes [`Builder::rows_in_order`].
    pub(super) fn rows_back(&mut self, x: Value, rows: Value) -> Value {
        let last = self.ty(rows).ndim() - 1;
        let back = self.apply(Arc::new(Argsort { axis: last }), &[rows]);
        self.rows_in_order(x, back)
    }

    /// `value`, +0 for each matrix for which all of `dy` are zero: what stands behind a branch that was not taken. All have as many leading axes.
    pub(super) fn annihilated(&mut self, value: Value, dy: &[Value]) -> Value {
        let batch = self.ty(value).ndim() - 2;
        let mut used = None;
        for &dy in dy {
            let zero = self.zeros_like(dy);
            let other = self.compare(Direction::Ne, dy, zero);
            let other = self.convert(other, DType::I64);
            let axes: Vec<usize> = (batch..self.ty(dy).ndim()).collect();
            let count = self.sum(other, &axes);
            let none = self.zeros_like(count);
            let any = self.compare(Direction::Ne, count, none);
            used = Some(used.map_or(any, |used| self.or(used, any)));
        }
        let used = self.spread(used.expect("a cotangent"), &[batch, batch + 1], value);
        let zero = self.zeros_like(value);
        self.select(used, value, zero)
    }
}
