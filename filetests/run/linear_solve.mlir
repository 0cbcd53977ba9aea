// test: run @cg b=[1.0,2.0,3.0,4.0] k=0.5
// test: run @all b=[1.0,2.0,3.0,4.0] k=0.5
// test: run @cg_x_grad b=[1.0,2.0,3.0,4.0] k=0.5
// test: run @lu_x_grad b=[1.0,2.0,3.0,4.0] k=0.5
// test: run @cg_x_hvp b=[1.0,2.0,3.0,4.0] k=0.5 v=1.0
// test: run @few_grad b=[1.0,2.0,3.0,4.0] k=0.5
// test: run @cg_x_taylor b=[1.0,2.0,3.0,4.0] k=0.5 dk=1.0
// (2 + k) x_i − x_{i−1} − x_{i+1} = b_i, by every method; Σ x² differentiated with respect to k inside the matrix.
tgraph.module @A {
  %x = tgraph.arg : tensor<4xf64>
  %k = tgraph.arg : f64
  %two = tgraph.constant {value = 2.0} : f64
  %d = tgraph.add %two, %k
  %wide = tgraph.broadcast %d {dims = [], shape = [4]}
  %own = tgraph.mul %wide, %x
  %zero = tgraph.constant {value = [0.0]} : tensor<1xf64>
  %up = tgraph.slice %x {starts = [1], limits = [4]}
  %down = tgraph.slice %x {starts = [0], limits = [3]}
  %next = tgraph.concat %up, %zero {axis = 0}
  %last = tgraph.concat %zero, %down {axis = 0}
  %near = tgraph.add %next, %last
  %y = tgraph.sub %own, %near
  tgraph.return %y
}
tgraph.module @cg {
  %b = tgraph.arg : tensor<4xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @A(%b, %k) {method = "cg"}
  tgraph.return %x, %status, %iterations, %residual
}
tgraph.module @all {
  %b = tgraph.arg : tensor<4xf64>
  %k = tgraph.arg : f64
  %lu, %s1, %i1, %r1 = tgraph.linear_solve @A(%b, %k) {method = "lu"}
  %minres, %s2, %i2, %r2 = tgraph.linear_solve @A(%b, %k) {method = "minres"}
  %bicgstab, %s3, %i3, %r3 = tgraph.linear_solve @A(%b, %k) {method = "bicgstab"}
  %gmres, %s4, %i4, %r4 = tgraph.linear_solve @A(%b, %k) {method = "gmres"}
  %again, %s5, %i5, %r5 = tgraph.linear_solve @A(%b, %k) {method = "gmres", restart = 2, preconditioner = "jacobi"}
  %from, %s6, %i6, %r6 = tgraph.linear_solve @A(%b, %lu, %k) {method = "cg", preconditioner = "jacobi"}
  tgraph.return %lu, %s1, %i1, %minres, %s2, %i2, %bicgstab, %s3, %i3, %gmres, %s4, %i4, %again, %s5, %i5, %from, %s6, %i6
}
tgraph.module @cg_x {
  %b = tgraph.arg : tensor<4xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @A(%b, %k) {method = "cg"}
  %y = tgraph.dot %x, %x
  tgraph.return %y
}
tgraph.module @lu_x {
  %b = tgraph.arg : tensor<4xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @A(%b, %k)
  %y = tgraph.dot %x, %x
  tgraph.return %y
}
// One step is not enough: the derivative is NaN, whatever x is.
tgraph.module @few {
  %b = tgraph.arg : tensor<4xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @A(%b, %k) {method = "cg", max_iter = 1}
  %y = tgraph.dot %x, %x
  tgraph.return %y
}
tgraph.adjoint @cg_x wrt(%k) -> @cg_x_grad
tgraph.adjoint @lu_x wrt(%b, %k) -> @lu_x_grad
tgraph.hvp @cg_x wrt(%k) dir(%v) -> @cg_x_hvp
tgraph.adjoint @few wrt(%k) -> @few_grad
tgraph.taylor @cg_x wrt(%k) order(4) -> @cg_x_taylor
// expect:
// > run @cg b=[1.0,2.0,3.0,4.0] k=0.5
// [1.5307917888563047, 2.826979472140762, 3.536656891495601, 3.0146627565982405] : tensor<4xf64>
// 0 : i64
// 4 : i64
// 9.930136612989092e-16 : f64
// > run @all b=[1.0,2.0,3.0,4.0] k=0.5
// [1.530791788856305, 2.826979472140762, 3.536656891495601, 3.0146627565982405] : tensor<4xf64>
// 0 : i64
// 1 : i64
// [1.530791788856305, 2.8269794721407626, 3.536656891495601, 3.014662756598241] : tensor<4xf64>
// 0 : i64
// 4 : i64
// [1.530791788856305, 2.8269794721407617, 3.5366568914956007, 3.0146627565982405] : tensor<4xf64>
// 0 : i64
// 4 : i64
// [1.530791788856305, 2.8269794721407626, 3.536656891495601, 3.0146627565982405] : tensor<4xf64>
// 0 : i64
// 4 : i64
// [1.5307917887791986, 2.826979471965835, 3.5366568912775835, 3.0146627564324935] : tensor<4xf64>
// 0 : i64
// 28 : i64
// [1.530791788856305, 2.826979472140762, 3.536656891495601, 3.0146627565982405] : tensor<4xf64>
// 0 : i64
// 0 : i64
// > run @cg_x_grad b=[1.0,2.0,3.0,4.0] k=0.5
// -70.54958106463761 : f64
// > run @lu_x_grad b=[1.0,2.0,3.0,4.0] k=0.5
// [4.03168187408089, 7.0176211074896155, 7.858411950361624, 5.555094985423242] : tensor<4xf64>
// -70.54958106463761 : f64
// > run @cg_x_hvp b=[1.0,2.0,3.0,4.0] k=0.5 v=1.0
// 237.17277513110554 : f64
// > run @few_grad b=[1.0,2.0,3.0,4.0] k=0.5
// nan : f64
// > run @cg_x_taylor b=[1.0,2.0,3.0,4.0] k=0.5 dk=1.0
// 31.93126994091898 : f64
// -70.54958106463761 : f64
// 118.58638756555277 : f64
// -178.31729862407988 : f64
// 252.10348376289988 : f64
