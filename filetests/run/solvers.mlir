// test: run @circle r=2.0 x=[1.0,0.5]
// test: run @circle_x_grad r=2.0 x=[1.0,0.5]
// test: run @circle_x_hvp r=2.0 x=[1.0,0.5] v=1.0
// test: run @circle_x_taylor r=2.0 x=[1.0,0.5] dr=1.0
// test: run @rosenbrock a=1.0
// test: run @rosenbrock_x_grad a=1.0
// test: run @anderson c=[0.3,0.2]
// test: run @nowhere a=1.0
// test: run @nowhere_x_grad a=1.0
// x² + y² = r², x y = 1, by both methods; derivatives with respect to r, and none with respect to the first guess.
tgraph.module @equations {
  %x = tgraph.arg : tensor<2xf64>
  %r = tgraph.arg : f64
  %square = tgraph.dot %x, %x
  %rr = tgraph.mul %r, %r
  %first = tgraph.sub %square, %rr
  %turned = tgraph.reverse %x {axes = [0]}
  %product = tgraph.dot %x, %turned
  %two = tgraph.constant {value = 2.0} : f64
  %second = tgraph.sub %product, %two
  %f = tgraph.reshape %first {shape = [1]}
  %g = tgraph.reshape %second {shape = [1]}
  %both = tgraph.concat %f, %g {axis = 0}
  tgraph.return %both
}
tgraph.module @circle {
  %r = tgraph.arg : f64
  %x = tgraph.arg : tensor<2xf64>
  %newton, %s1, %i1, %r1 = tgraph.root @equations(%x, %r)
  %krylov, %s2, %i2, %r2 = tgraph.root @equations(%x, %r) {method = "newton_krylov"}
  tgraph.return %newton, %s1, %i1, %r1, %krylov, %s2, %i2, %r2
}
tgraph.module @circle_x {
  %r = tgraph.arg : f64
  %x = tgraph.arg : tensor<2xf64>
  %root, %status, %iterations, %residual = tgraph.root @equations(%x, %r)
  %w = tgraph.constant {value = [1.0, 2.0]} : tensor<2xf64>
  %y = tgraph.dot %root, %w
  tgraph.return %y
}
tgraph.adjoint @circle_x wrt(%r, %x) -> @circle_x_grad
tgraph.hvp @circle_x wrt(%r) dir(%v) -> @circle_x_hvp
tgraph.taylor @circle_x wrt(%r) order(3) -> @circle_x_taylor
// Rosenbrock's valley, whose minimum is (a, a²), by every method.
tgraph.module @residuals {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.arg : f64
  %p = tgraph.slice %x {starts = [0], limits = [1]}
  %q = tgraph.slice %x {starts = [1], limits = [2]}
  %pp = tgraph.mul %p, %p
  %bend = tgraph.sub %q, %pp
  %ten = tgraph.constant {value = [10.0]} : tensor<1xf64>
  %first = tgraph.mul %ten, %bend
  %wide = tgraph.reshape %a {shape = [1]}
  %second = tgraph.sub %wide, %p
  %both = tgraph.concat %first, %second {axis = 0}
  tgraph.return %both
}
tgraph.module @valley {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.arg : f64
  %r = tgraph.call @residuals(%x, %a)
  %y = tgraph.dot %r, %r
  tgraph.return %y
}
tgraph.module @rosenbrock {
  %a = tgraph.arg : f64
  %x = tgraph.constant {value = [-1.2, 1.0]} : tensor<2xf64>
  %lm, %s1, %i1, %r1 = tgraph.minimize @residuals(%x, %a) {method = "levenberg_marquardt"}
  %gauss, %s2, %i2, %r2 = tgraph.minimize @residuals(%x, %a) {method = "gauss_newton"}
  %newton, %s3, %i3, %r3 = tgraph.minimize @valley(%x, %a) {method = "newton"}
  %lbfgs, %s4, %i4, %r4 = tgraph.minimize @valley(%x, %a)
  %slow, %s5, %i5, %r5 = tgraph.minimize @valley(%x, %a) {method = "gradient_descent", max_iter = 20000, tol = 1e-8}
  tgraph.return %lm, %s1, %i1, %gauss, %s2, %i2, %newton, %s3, %i3, %lbfgs, %s4, %i4, %slow, %s5, %i5
}
tgraph.module @rosenbrock_x {
  %a = tgraph.arg : f64
  %x = tgraph.constant {value = [-1.2, 1.0]} : tensor<2xf64>
  %lm, %status, %iterations, %residual = tgraph.minimize @residuals(%x, %a) {method = "levenberg_marquardt"}
  %y = tgraph.dot %lm, %lm
  tgraph.return %y
}
tgraph.adjoint @rosenbrock_x wrt(%a) -> @rosenbrock_x_grad
// cos(x + c): Anderson's method needs fewer steps.
tgraph.module @cosine {
  %x = tgraph.arg : tensor<2xf64>
  %c = tgraph.arg : tensor<2xf64>
  %sum = tgraph.add %x, %c
  %y = tgraph.cos %sum
  tgraph.return %y
}
tgraph.module @anderson {
  %c = tgraph.arg : tensor<2xf64>
  %x = tgraph.constant {value = [0.0, 0.0]} : tensor<2xf64>
  %plain, %s1, %i1, %r1 = tgraph.fixed_point @cosine(%x, %c)
  %mixed, %s2, %i2, %r2 = tgraph.fixed_point @cosine(%x, %c) {method = "anderson", memory = 3}
  tgraph.return %plain, %s1, %i1, %mixed, %s2, %i2
}
// x² + a = 0 has no real root: status 2 or 3, and a derivative that is NaN.
tgraph.module @parabola {
  %x = tgraph.arg : f64
  %a = tgraph.arg : f64
  %square = tgraph.mul %x, %x
  %y = tgraph.add %square, %a
  tgraph.return %y
}
tgraph.module @nowhere {
  %a = tgraph.arg : f64
  %x = tgraph.constant {value = 1.0} : f64
  %root, %status, %iterations, %residual = tgraph.root @parabola(%x, %a)
  tgraph.return %status
}
tgraph.module @nowhere_x {
  %a = tgraph.arg : f64
  %x = tgraph.constant {value = 1.0} : f64
  %root, %status, %iterations, %residual = tgraph.root @parabola(%x, %a)
  tgraph.return %root
}
tgraph.adjoint @nowhere_x wrt(%a) -> @nowhere_x_grad
// expect:
// > run @circle r=2.0 x=[1.0,0.5]
// [1.9318516525781366, 0.5176380902050416] : tensor<2xf64>
// 0 : i64
// 6 : i64
// 4.440892098500626e-16 : f64
// [1.9318516525781366, 0.5176380902050415] : tensor<2xf64>
// 0 : i64
// 6 : i64
// 2.220446049250313e-16 : f64
// > run @circle_x_grad r=2.0 x=[1.0,0.5]
// 0.5176380902050415 : f64
// [0.0, 0.0] : tensor<2xf64>
// > run @circle_x_hvp r=2.0 x=[1.0,0.5] v=1.0
// 0.5576775358252053 : f64
// > run @circle_x_taylor r=2.0 x=[1.0,0.5] dr=1.0
// 2.96712783298822 : f64
// 0.5176380902050413 : f64
// 0.27883876791260265 : f64
// -0.21079738616862542 : f64
// > run @rosenbrock a=1.0
// [0.9999999997864389, 0.999999999572018] : tensor<2xf64>
// 0 : i64
// 17 : i64
// [0.9999999997864389, 0.999999999572018] : tensor<2xf64>
// 0 : i64
// 18 : i64
// [0.9999999989775754, 0.9999999979508212] : tensor<2xf64>
// 0 : i64
// 31 : i64
// [0.9999999999103417, 0.9999999998132362] : tensor<2xf64>
// 0 : i64
// 42 : i64
// [0.9999986386901605, 0.9999972719351798] : tensor<2xf64>
// 0 : i64
// 739 : i64
// > run @rosenbrock_x_grad a=1.0
// 5.999999995974876 : f64
// > run @anderson c=[0.3,0.2]
// [0.6120924276194943, 0.65569438719363] : tensor<2xf64>
// 0 : i64
// 98 : i64
// [0.6120924276715508, 0.6556943872088313] : tensor<2xf64>
// 0 : i64
// 8 : i64
// > run @nowhere a=1.0
// 3 : i64
// > run @nowhere_x_grad a=1.0
// nan : f64
