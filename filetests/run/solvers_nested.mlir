// test: run @outer a=1.0
// test: run @outer_grad a=1.0
// test: run @outer_hvp a=1.0 v=1.0
// test: run @fit y=[1.0,1.5,2.0]
// test: run @fit_grad y=[1.0,1.5,2.0]
// test: run @schur b=[1.0,2.0] k=3.0
// test: run @schur_grad b=[1.0,2.0] k=3.0
// Solvers inside of what solvers solve: √(a y) as a root, and y − √(a y) = 1 around it. With φ the golden section, y(1) = φ² and y′(1) = φ/2 / (1 − 1/(2φ)).
tgraph.module @square {
  %x = tgraph.arg : f64
  %c = tgraph.arg : f64
  %xx = tgraph.mul %x, %x
  %y = tgraph.sub %xx, %c
  tgraph.return %y
}
tgraph.module @balance {
  %y = tgraph.arg : f64
  %a = tgraph.arg : f64
  %c = tgraph.mul %a, %y
  %one = tgraph.constant {value = 1.0} : f64
  %root, %status, %iterations, %residual = tgraph.root @square(%one, %c) {tol = 1e-14}
  %rest = tgraph.sub %y, %root
  %f = tgraph.sub %rest, %one
  tgraph.return %f
}
tgraph.module @outer {
  %a = tgraph.arg : f64
  %two = tgraph.constant {value = 2.0} : f64
  %y, %status, %iterations, %residual = tgraph.root @balance(%two, %a)
  tgraph.return %y
}
tgraph.adjoint @outer wrt(%a) -> @outer_grad
tgraph.hvp @outer wrt(%a) dir(%v) -> @outer_hvp
// A fit of p to data, of a model that is a root: x² = p t.
tgraph.module @squares {
  %x = tgraph.arg : tensor<3xf64>
  %p = tgraph.arg : f64
  %t = tgraph.constant {value = [1.0, 2.0, 4.0]} : tensor<3xf64>
  %wide = tgraph.broadcast %p {dims = [], shape = [3]}
  %pt = tgraph.mul %wide, %t
  %xx = tgraph.mul %x, %x
  %f = tgraph.sub %xx, %pt
  tgraph.return %f
}
tgraph.module @misfit {
  %p = tgraph.arg : f64
  %y = tgraph.arg : tensor<3xf64>
  %one = tgraph.constant {value = [1.0, 1.0, 1.0]} : tensor<3xf64>
  %x, %status, %iterations, %residual = tgraph.root @squares(%one, %p) {tol = 1e-14}
  %r = tgraph.sub %x, %y
  tgraph.return %r
}
tgraph.module @fit {
  %y = tgraph.arg : tensor<3xf64>
  %two = tgraph.constant {value = 2.0} : f64
  %p, %status, %iterations, %residual = tgraph.minimize @misfit(%two, %y) {method = "levenberg_marquardt"}
  tgraph.return %p
}
tgraph.adjoint @fit wrt(%y) -> @fit_grad
// A Schur complement: (k − 1/(k + 1)) x = b, with the inner inverse as a solve of its own.
tgraph.module @shifted {
  %x = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : f64
  %wide = tgraph.broadcast %k {dims = [], shape = [2]}
  %y = tgraph.mul %wide, %x
  %z = tgraph.add %y, %x
  tgraph.return %z
}
tgraph.module @complement {
  %x = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : f64
  %inner, %status, %iterations, %residual = tgraph.linear_solve @shifted(%x, %k) {method = "cg"}
  %wide = tgraph.broadcast %k {dims = [], shape = [2]}
  %y = tgraph.mul %wide, %x
  %z = tgraph.sub %y, %inner
  tgraph.return %z
}
tgraph.module @schur {
  %b = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : f64
  %x, %status, %iterations, %residual = tgraph.linear_solve @complement(%b, %k) {method = "gmres"}
  %y = tgraph.reduce %x {op = "sum"}
  tgraph.return %y
}
tgraph.adjoint @schur wrt(%b, %k) -> @schur_grad
// expect:
// > run @outer a=1.0
// 2.618033988770215 : f64
// > run @outer_grad a=1.0
// 1.1708203932524488 : f64
// > run @outer_hvp a=1.0 v=1.0
// -0.17888543820199254 : f64
// > run @fit y=[1.0,1.5,2.0]
// 1.0349633354203311 : f64
// > run @fit_grad y=[1.0,1.5,2.0]
// [0.2906661364718221, 0.41106399232103974, 0.581332272943643] : tensor<3xf64>
// > run @schur b=[1.0,2.0] k=3.0
// 1.090909090909091 : f64
// > run @schur_grad b=[1.0,2.0] k=3.0
// [0.3636363636363637, 0.3636363636363637] : tensor<2xf64>
// -0.42148760330578533 : f64
