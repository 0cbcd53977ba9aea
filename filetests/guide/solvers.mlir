// test: run @fp_solve theta=0.5 x0=1.0
// test: run @fp_solve_grad theta=0.5 x0=1.0
// test: run @fp_solve_jvp theta=0.5 x0=1.0 dtheta=1.0
// test: run @opt_layer params=[1.0,2.0] input=[0.5,-0.5]
// test: run @opt_layer_grad params=[1.0,2.0] input=[0.5,-0.5]
// The guide's section 13.5: a fixed point, cos(θ x) = x, and its derivative −θ-term through (I − ∂f/∂x)⁻¹.
tgraph.module @F {
  %x = tgraph.arg : f64
  %theta = tgraph.arg : f64
  %angle = tgraph.mul %theta, %x
  %y = tgraph.cos %angle
  tgraph.return %y
}
tgraph.module @fp_solve {
  %theta = tgraph.arg : f64
  %x0 = tgraph.arg : f64
  %x_star, %status, %iterations, %residual = tgraph.fixed_point @F(%x0, %theta) {tol = 1e-12, max_iter = 100}
  tgraph.return %x_star
}
tgraph.adjoint @fp_solve wrt(%theta, %x0) -> @fp_solve_grad
tgraph.jvp @fp_solve wrt(%theta) -> @fp_solve_jvp
// Section 10.2: a layer that is the minimum of an objective of params and input: Σ (x − input)² / 2 + params · cosh-like term.
tgraph.module @objective {
  %x = tgraph.arg : tensor<2xf64>
  %params = tgraph.arg : tensor<2xf64>
  %input = tgraph.arg : tensor<2xf64>
  %difference = tgraph.sub %x, %input
  %square = tgraph.dot %difference, %difference
  %growth = tgraph.exp %x
  %weighted = tgraph.dot %params, %growth
  %value = tgraph.add %square, %weighted
  tgraph.return %value
}
tgraph.module @opt_layer {
  %params = tgraph.arg : tensor<2xf64>
  %input = tgraph.arg : tensor<2xf64>
  %x_star, %status, %iterations, %gradient = tgraph.minimize @objective(%input, %params, %input) {method = "newton"}
  %loss = tgraph.dot %x_star, %x_star
  tgraph.return %loss
}
tgraph.adjoint @opt_layer wrt(%params, %input) -> @opt_layer_grad
// expect:
// > run @fp_solve theta=0.5 x0=1.0
// 0.9003672225891786 : f64
// > run @fp_solve_grad theta=0.5 x0=1.0
// -0.3217712605132981 : f64
// 0.0 : f64
// > run @fp_solve_jvp theta=0.5 x0=1.0 dtheta=1.0
// 0.9003672225891786 : f64
// -0.3217712605132981 : f64
// > run @opt_layer params=[1.0,2.0] input=[0.5,-0.5]
// 0.8184347722429198 : f64
// > run @opt_layer_grad params=[1.0,2.0] input=[0.5,-0.5]
// [-5.3694342762921193e-17, 0.2606283646192461] : tensor<2xf64>
// [1.0738868552584239e-16, -1.2880909678533852] : tensor<2xf64>
