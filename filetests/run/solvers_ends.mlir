// test: run @history a=2.0
// test: run @history_grad a=2.0
// test: run @dogleg x=[0.5,-2.0]
// test: run @dogleg x=[4.5,4.5]
// test: run @nan_at_the_start a=-1.0
// test: run @flat a=1.0
// test: run @not_definite b=[1.0,2.0]
// test: run @structures b=[1.0,2.0] k=0.5
// test: run @structures_grad b=[1.0,2.0] k=0.5
// test: run @preconditioned b=[1.0,2.0,3.0] k=2.0
// test: run @preconditioned_grad b=[1.0,2.0,3.0] k=2.0
// How solves end, what they tell on the way, and what a derivative makes of it.
tgraph.module @square {
  %x = tgraph.arg : f64
  %a = tgraph.arg : f64
  %xx = tgraph.mul %x, %x
  %y = tgraph.sub %xx, %a
  tgraph.return %y
}
// Newton's residuals of x² = 2 from 1, and NaN for the steps that were not made.
tgraph.module @history {
  %a = tgraph.arg : f64
  %one = tgraph.constant {value = 1.0} : f64
  %x, %status, %iterations, %residual, %history = tgraph.root @square(%one, %a) {history = true, max_iter = 7}
  tgraph.return %x, %iterations, %history
}
tgraph.module @history_of {
  %a = tgraph.arg : f64
  %one = tgraph.constant {value = 1.0} : f64
  %x, %status, %iterations, %residual, %history = tgraph.root @square(%one, %a) {history = true, max_iter = 7}
  tgraph.return %x
}
tgraph.adjoint @history_of wrt(%a) -> @history_grad
// Freudenstein's and Roth's equations: from the standard start every method comes to a local minimum of ‖F‖ and says so; the root is (5, 4).
tgraph.module @freudenstein {
  %x = tgraph.arg : tensor<2xf64>
  %p = tgraph.slice %x {starts = [0], limits = [1]}
  %q = tgraph.slice %x {starts = [1], limits = [2]}
  %five = tgraph.constant {value = [5.0]} : tensor<1xf64>
  %two = tgraph.constant {value = [2.0]} : tensor<1xf64>
  %one = tgraph.constant {value = [1.0]} : tensor<1xf64>
  %14 = tgraph.constant {value = [14.0]} : tensor<1xf64>
  %13 = tgraph.constant {value = [13.0]} : tensor<1xf64>
  %29 = tgraph.constant {value = [29.0]} : tensor<1xf64>
  %a1 = tgraph.sub %five, %q
  %a2 = tgraph.mul %a1, %q
  %a3 = tgraph.sub %a2, %two
  %a4 = tgraph.mul %a3, %q
  %a5 = tgraph.add %p, %a4
  %first = tgraph.sub %a5, %13
  %b1 = tgraph.add %q, %one
  %b2 = tgraph.mul %b1, %q
  %b3 = tgraph.sub %b2, %14
  %b4 = tgraph.mul %b3, %q
  %b5 = tgraph.add %p, %b4
  %second = tgraph.sub %b5, %29
  %both = tgraph.concat %first, %second {axis = 0}
  tgraph.return %both
}
tgraph.module @dogleg {
  %x = tgraph.arg : tensor<2xf64>
  %root, %status, %iterations, %residual = tgraph.root @freudenstein(%x) {method = "dogleg"}
  tgraph.return %root, %status, %iterations
}
tgraph.module @logarithm {
  %x = tgraph.arg : f64
  %y = tgraph.log %x
  tgraph.return %y
}
// Status 4 of every solver whose equation is NaN where it starts, after no step.
tgraph.module @nan_at_the_start {
  %a = tgraph.arg : f64
  %x, %s1, %i1, %r1 = tgraph.root @logarithm(%a)
  %y, %s2, %i2, %r2 = tgraph.root @logarithm(%a) {method = "dogleg"}
  %z, %s3, %i3, %r3 = tgraph.fixed_point @logarithm(%a)
  %m, %s4, %i4, %r4 = tgraph.minimize @logarithm(%a)
  tgraph.return %s1, %i1, %s2, %i2, %s3, %i3, %s4, %i4
}
tgraph.module @cosh {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.arg : f64
  %p = tgraph.reduce %x {op = "sum"}
  %q = tgraph.exp %p
  %n = tgraph.neg %p
  %r = tgraph.exp %n
  %sum = tgraph.add %q, %r
  %y = tgraph.add %sum, %a
  %wide = tgraph.broadcast %y {dims = [], shape = [2]}
  tgraph.return %wide
}
// A Jacobian of two equal rows, and no root: status 3, and the condition of its kind of matrix.
tgraph.module @flat {
  %a = tgraph.arg : f64
  %x = tgraph.constant {value = [1.0, 0.5]} : tensor<2xf64>
  %newton, %s1, %i1, %r1 = tgraph.root @cosh(%x, %a)
  %dogleg, %s2, %i2, %r2 = tgraph.root @cosh(%x, %a) {method = "dogleg"}
  %rows = tgraph.constant {value = [[1.0, 2.0], [1.0, 2.0]]} : tensor<2x2xf64>
  %hard = tgraph.constant {value = [[1.0, 0.5, 0.3333333333333333], [0.5, 0.3333333333333333, 0.25], [0.3333333333333333, 0.25, 0.2]]} : tensor<3x3xf64>
  %infinite = tgraph.condition %rows
  %hilbert = tgraph.condition %hard
  tgraph.return %s1, %s2, %infinite, %hilbert
}
tgraph.module @saddle {
  %x = tgraph.arg : tensor<2xf64>
  %w = tgraph.constant {value = [2.0, -3.0]} : tensor<2xf64>
  %y = tgraph.mul %w, %x
  tgraph.return %y
}
// `cholesky` and `cg` of a matrix that is not positive definite say 3 and 2.
tgraph.module @not_definite {
  %b = tgraph.arg : tensor<2xf64>
  %x, %s1, %i1, %r1 = tgraph.linear_solve @saddle(%b) {method = "cholesky"}
  %y, %s2, %i2, %r2 = tgraph.linear_solve @saddle(%b) {method = "cg"}
  %z, %s3, %i3, %r3 = tgraph.linear_solve @saddle(%b) {method = "qr"}
  tgraph.return %s1, %s2, %z, %s3
}
tgraph.module @definite {
  %x = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : f64
  %turned = tgraph.reverse %x {axes = [0]}
  %two = tgraph.constant {value = [2.0, 3.0]} : tensor<2xf64>
  %own = tgraph.mul %two, %x
  %wide = tgraph.broadcast %k {dims = [], shape = [2]}
  %other = tgraph.mul %wide, %turned
  %y = tgraph.add %own, %other
  tgraph.return %y
}
tgraph.module @structures {
  %b = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : f64
  %x, %s1, %i1, %r1 = tgraph.linear_solve @definite(%b, %k) {method = "cholesky"}
  %y, %s2, %i2, %r2 = tgraph.linear_solve @definite(%b, %k) {method = "qr", adjoint = "cg"}
  %sum = tgraph.add %x, %y
  %all = tgraph.dot %sum, %sum
  tgraph.return %all
}
tgraph.adjoint @structures wrt(%b, %k) -> @structures_grad
// A triangle of diagonal k and its own inverse as preconditioner: one step forwards, and one backwards, with the transpose of both.
tgraph.module @triangle {
  %x = tgraph.arg : tensor<3xf64>
  %k = tgraph.arg : f64
  %zero = tgraph.constant {value = [0.0]} : tensor<1xf64>
  %down = tgraph.slice %x {starts = [0], limits = [2]}
  %last = tgraph.concat %zero, %down {axis = 0}
  %wide = tgraph.broadcast %k {dims = [], shape = [3]}
  %own = tgraph.mul %wide, %x
  %y = tgraph.add %own, %last
  tgraph.return %y
}
tgraph.module @inverse {
  %r = tgraph.arg : tensor<3xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @triangle(%r, %k) {method = "lu"}
  tgraph.return %x
}
tgraph.module @preconditioned {
  %b = tgraph.arg : tensor<3xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @triangle, @inverse(%b, %k) {method = "gmres", adjoint_tol = 1e-12, adjoint_max_iter = 1}
  %sum = tgraph.reduce %x {op = "sum"}
  tgraph.return %sum, %iterations
}
tgraph.module @preconditioned_sum {
  %b = tgraph.arg : tensor<3xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @triangle, @inverse(%b, %k) {method = "gmres", adjoint_tol = 1e-12, adjoint_max_iter = 1}
  %sum = tgraph.reduce %x {op = "sum"}
  tgraph.return %sum
}
tgraph.adjoint @preconditioned_sum wrt(%b, %k) -> @preconditioned_grad
// expect:
// > run @history a=2.0
// 1.4142135623746899 : f64
// 4 : i64
// [0.25, 0.006944444444444642, 6.007304882871267e-6, 4.510614104447086e-12, nan, nan, nan] : tensor<7xf64>
// > run @history_grad a=2.0
// 0.35355339059287505 : f64
// > run @dogleg x=[0.5,-2.0]
// [11.412778883347931, -0.8968052596767208] : tensor<2xf64>
// 2 : i64
// 19 : i64
// > run @dogleg x=[4.5,4.5]
// [4.999999999991527, 4.000000000001034] : tensor<2xf64>
// 0 : i64
// 4 : i64
// > run @nan_at_the_start a=-1.0
// 4 : i64
// 0 : i64
// 4 : i64
// 0 : i64
// 4 : i64
// 0 : i64
// 4 : i64
// 1 : i64
// > run @flat a=1.0
// 3 : i64
// 3 : i64
// inf : f64
// 748.0000000000028 : f64
// > run @not_definite b=[1.0,2.0]
// 3 : i64
// 2 : i64
// [0.5, -0.6666666666666666] : tensor<2xf64>
// 0 : i64
// > run @structures b=[1.0,2.0] k=0.5
// 1.9659735349716447 : f64
// > run @structures_grad b=[1.0,2.0] k=0.5
// [1.0283553875236298, 1.4517958412098295] : tensor<2xf64>
// -1.1309279197830198 : f64
// > run @preconditioned b=[1.0,2.0,3.0] k=2.0
// 2.375 : f64
// 1 : i64
// > run @preconditioned_grad b=[1.0,2.0,3.0] k=2.0
// [0.37500000000000017, 0.25000000000000006, 0.5000000000000001] : tensor<3xf64>
// -0.9375000000000002 : f64
