// test: hessian
// test: run @f_hessian x=1.0 y=2.0
// test: run @f_reverse x=1.0 y=2.0
// test: run @f_grad_jacobian x=1.0 y=2.0
// (1 − x)² + 100 (y − x²)²: the Hessian is [[2 − 400 y + 1200 x², −400 x], [−400 x, 200]].
tgraph.module @f {
  %x, %y = tgraph.arg, tgraph.arg : f64, f64
  %one = tgraph.constant {value = 1.0} : f64
  %hundred = tgraph.constant {value = 100.0} : f64
  %a = tgraph.sub %one, %x
  %a2 = tgraph.mul %a, %a
  %xx = tgraph.mul %x, %x
  %b = tgraph.sub %y, %xx
  %b2 = tgraph.mul %b, %b
  %scaled = tgraph.mul %hundred, %b2
  %z = tgraph.add %a2, %scaled
  tgraph.return %z
}
tgraph.hessian @f wrt(%x, %y) -> @f_hessian
tgraph.hessian @f wrt(%x, %y) mode(reverse) -> @f_reverse
tgraph.adjoint @f wrt(%x, %y) -> @f_grad
tgraph.jacobian @f_grad wrt(%x, %y) -> @f_grad_jacobian
// expect:
// > hessian
// tgraph.module @f_hessian {
//   %x = tgraph.arg : f64
//   %y = tgraph.arg : f64
//   %hundred = tgraph.constant {value = 100.0} : f64
//   %xx = tgraph.mul %x, %x : f64
//   %b = tgraph.sub %y, %xx : f64
//   %mul = tgraph.mul %hundred, %b : f64
//   %dz_dy = tgraph.add %mul, %mul : f64
//   %xx_bar = tgraph.neg %dz_dy : f64
//   %dxx = tgraph.add %x, %x : f64
//   %db = tgraph.neg %dxx : f64
//   %mul_1 = tgraph.mul %hundred, %db : f64
//   %ddz_dy_dx = tgraph.add %mul_1, %mul_1 : f64
//   %dxx_bar = tgraph.neg %ddz_dy_dx : f64
//   %mul_2 = tgraph.mul %x, %dxx_bar : f64
//   %add = tgraph.add %xx_bar, %mul_2 : f64
//   %constant = tgraph.constant {value = 2.0} : f64
//   %add_1 = tgraph.add %add, %constant : f64
//   %ddz_dx_dx = tgraph.add %add, %add_1 : f64
//   %ddz_dy_dy = tgraph.constant {value = 200.0} : f64
//   %dxx_bar_1 = tgraph.constant {value = -200.0} : f64
//   %mul_3 = tgraph.mul %x, %dxx_bar_1 : f64
//   %ddz_dx_dy = tgraph.add %mul_3, %mul_3 : f64
//   tgraph.return %ddz_dx_dx, %ddz_dx_dy, %ddz_dy_dx, %ddz_dy_dy : f64, f64, f64, f64
// }
//
// tgraph.module @f_reverse {
//   %x = tgraph.arg : f64
//   %y = tgraph.arg : f64
//   %hundred = tgraph.constant {value = 100.0} : f64
//   %xx = tgraph.mul %x, %x : f64
//   %b = tgraph.sub %y, %xx : f64
//   %mul = tgraph.mul %hundred, %b : f64
//   %dz_dy = tgraph.add %mul, %mul : f64
//   %xx_bar = tgraph.neg %dz_dy : f64
//   %constant = tgraph.constant {value = 2.0} : f64
//   %mul_1 = tgraph.mul %xx_bar, %constant : f64
//   %xx_bar_bar = tgraph.mul %x, %constant : f64
//   %dz_dy_bar = tgraph.neg %xx_bar_bar : f64
//   %add = tgraph.add %dz_dy_bar, %dz_dy_bar : f64
//   %ddz_dx_dy = tgraph.mul %hundred, %add : f64
//   %xx_bar_1 = tgraph.neg %ddz_dx_dy : f64
//   %mul_2 = tgraph.mul %x, %xx_bar_1 : f64
//   %add_1 = tgraph.add %constant, %mul_2 : f64
//   %add_2 = tgraph.add %mul_2, %add_1 : f64
//   %ddz_dx_dx = tgraph.add %mul_1, %add_2 : f64
//   %ddz_dy_dy = tgraph.constant {value = 200.0} : f64
//   %xx_bar_2 = tgraph.constant {value = -200.0} : f64
//   %mul_3 = tgraph.mul %x, %xx_bar_2 : f64
//   %ddz_dy_dx = tgraph.add %mul_3, %mul_3 : f64
//   tgraph.return %ddz_dx_dx, %ddz_dx_dy, %ddz_dy_dx, %ddz_dy_dy : f64, f64, f64, f64
// }
// > run @f_hessian x=1.0 y=2.0
// 402.0 : f64
// -400.0 : f64
// -400.0 : f64
// 200.0 : f64
// > run @f_reverse x=1.0 y=2.0
// 402.0 : f64
// -400.0 : f64
// -400.0 : f64
// 200.0 : f64
// > run @f_grad_jacobian x=1.0 y=2.0
// 402.0 : f64
// -400.0 : f64
// -400.0 : f64
// 200.0 : f64
