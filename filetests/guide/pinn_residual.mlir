// test: print
// test: adjoint
// test: run @pinn x=[[0.25], [0.5]] y=[[0.5], [0.25]] w1=[[1.0, -0.5], [0.5, 1.0]] w2=[[1.0], [0.5]] nu=0.1
// test: run @loss_grad x=[[0.25], [0.5]] y=[[0.5], [0.25]] w1=[[1.0, -0.5], [0.5, 1.0]] w2=[[1.0], [0.5]] nu=0.1
// Section 11 of the guide in one text: forward mode makes the residual of an equation, reverse mode the
// gradient of its square for the weights. Modules call what statements make of other modules.
tgraph.module @u {
  %x = tgraph.arg : tensor<?x1xf64>
  %y = tgraph.arg : tensor<?x1xf64>
  %w1 = tgraph.arg : tensor<2x2xf64>
  %w2 = tgraph.arg : tensor<2x1xf64>
  %p = tgraph.concat %x, %y {axis = 1}
  %z = tgraph.matmul %p, %w1
  %h = tgraph.tanh %z
  %u = tgraph.matmul %h, %w2
  tgraph.return %u
}
tgraph.jvp @u wrt(%x) -> @du_dx
tgraph.jvp @u wrt(%y) -> @du_dy
tgraph.hvp @u wrt(%x) dir(%dx) -> @d2u_dx2
tgraph.hvp @u wrt(%y) dir(%dy) -> @d2u_dy2

tgraph.module @pinn {
  %x = tgraph.arg : tensor<?x1xf64>
  %y = tgraph.arg : tensor<?x1xf64>
  %w1 = tgraph.arg : tensor<2x2xf64>
  %w2 = tgraph.arg : tensor<2x1xf64>
  %nu = tgraph.arg : f64
  %dx = tgraph.ones_like %x
  %dy = tgraph.ones_like %y
  %u, %u_x = tgraph.call @du_dx(%x, %y, %w1, %w2, %dx)
  %v, %u_y = tgraph.call @du_dy(%x, %y, %w1, %w2, %dy)
  %u_xx = tgraph.call @d2u_dx2(%x, %y, %w1, %w2, %dx)
  %u_yy = tgraph.call @d2u_dy2(%x, %y, %w1, %w2, %dy)
  %convection = tgraph.add %u_x, %u_y
  %laplacian = tgraph.add %u_xx, %u_yy
  %viscosity = tgraph.broadcast %nu, %x {dims = []}
  %diffusion = tgraph.mul %viscosity, %laplacian
  %residual = tgraph.sub %convection, %diffusion
  tgraph.return %residual
}
tgraph.module @loss {
  %x = tgraph.arg : tensor<?x1xf64>
  %y = tgraph.arg : tensor<?x1xf64>
  %w1 = tgraph.arg : tensor<2x2xf64>
  %w2 = tgraph.arg : tensor<2x1xf64>
  %nu = tgraph.arg : f64
  %r = tgraph.call @pinn(%x, %y, %w1, %w2, %nu)
  %square = tgraph.mul %r, %r
  %l = tgraph.reduce %square {op = "mean"}
  tgraph.return %l
}
tgraph.adjoint @loss wrt(%w1, %w2) -> @loss_grad
// expect:
// > print
// tgraph.module @u {
//   %x = tgraph.arg : tensor<?x1xf64>
//   %y = tgraph.arg : tensor<?x1xf64>
//   %w1 = tgraph.arg : tensor<2x2xf64>
//   %w2 = tgraph.arg : tensor<2x1xf64>
//   %p = tgraph.concat %x, %y {axis = 1} : tensor<?x2xf64>
//   %z = tgraph.matmul %p, %w1 : tensor<?x2xf64>
//   %h = tgraph.tanh %z : tensor<?x2xf64>
//   %u = tgraph.matmul %h, %w2 : tensor<?x1xf64>
//   tgraph.return %u : tensor<?x1xf64>
// }
//
// tgraph.module @pinn {
//   %x = tgraph.arg : tensor<?x1xf64>
//   %y = tgraph.arg : tensor<?x1xf64>
//   %w1 = tgraph.arg : tensor<2x2xf64>
//   %w2 = tgraph.arg : tensor<2x1xf64>
//   %nu = tgraph.arg : f64
//   %dx = tgraph.ones_like %x : tensor<?x1xf64>
//   %dy = tgraph.ones_like %y : tensor<?x1xf64>
//   %u, %u_x = tgraph.call @du_dx(%x, %y, %w1, %w2, %dx) : tensor<?x1xf64>, tensor<?x1xf64>
//   %v, %u_y = tgraph.call @du_dy(%x, %y, %w1, %w2, %dy) : tensor<?x1xf64>, tensor<?x1xf64>
//   %u_xx = tgraph.call @d2u_dx2(%x, %y, %w1, %w2, %dx) : tensor<?x1xf64>
//   %u_yy = tgraph.call @d2u_dy2(%x, %y, %w1, %w2, %dy) : tensor<?x1xf64>
//   %convection = tgraph.add %u_x, %u_y : tensor<?x1xf64>
//   %laplacian = tgraph.add %u_xx, %u_yy : tensor<?x1xf64>
//   %viscosity = tgraph.broadcast %nu, %x {dims = []} : tensor<?x1xf64>
//   %diffusion = tgraph.mul %viscosity, %laplacian : tensor<?x1xf64>
//   %residual = tgraph.sub %convection, %diffusion : tensor<?x1xf64>
//   tgraph.return %residual : tensor<?x1xf64>
// }
//
// tgraph.module @loss {
//   %x = tgraph.arg : tensor<?x1xf64>
//   %y = tgraph.arg : tensor<?x1xf64>
//   %w1 = tgraph.arg : tensor<2x2xf64>
//   %w2 = tgraph.arg : tensor<2x1xf64>
//   %nu = tgraph.arg : f64
//   %r = tgraph.call @pinn(%x, %y, %w1, %w2, %nu) : tensor<?x1xf64>
//   %square = tgraph.mul %r, %r : tensor<?x1xf64>
//   %l = tgraph.reduce %square {op = "mean"} : tensor<?x1xf64> -> f64
//   tgraph.return %l : f64
// }
//
// tgraph.jvp @u wrt(%x) -> @du_dx
// tgraph.jvp @u wrt(%y) -> @du_dy
// tgraph.hvp @u wrt(%x) dir(%dx) -> @d2u_dx2
// tgraph.hvp @u wrt(%y) dir(%dy) -> @d2u_dy2
// tgraph.adjoint @loss wrt(%w1, %w2) -> @loss_grad
// > adjoint
// tgraph.module @loss_grad {
//   %x = tgraph.arg : tensor<?x1xf64>
//   %y = tgraph.arg : tensor<?x1xf64>
//   %w1 = tgraph.arg : tensor<2x2xf64>
//   %w2 = tgraph.arg : tensor<2x1xf64>
//   %nu = tgraph.arg : f64
//   %constant = tgraph.constant {value = 1.0} : f64
//   %dx = tgraph.ones_like %x : tensor<?x1xf64>
//   %dy = tgraph.ones_like %y : tensor<?x1xf64>
//   %u, %u_x = tgraph.call @du_dx(%x, %y, %w1, %w2, %dx) : tensor<?x1xf64>, tensor<?x1xf64>
//   %v, %u_y = tgraph.call @du_dy(%x, %y, %w1, %w2, %dy) : tensor<?x1xf64>, tensor<?x1xf64>
//   %u_xx = tgraph.call @d2u_dx2(%x, %y, %w1, %w2, %dx) : tensor<?x1xf64>
//   %u_yy = tgraph.call @d2u_dy2(%x, %y, %w1, %w2, %dy) : tensor<?x1xf64>
//   %convection = tgraph.add %u_x, %u_y : tensor<?x1xf64>
//   %laplacian = tgraph.add %u_xx, %u_yy : tensor<?x1xf64>
//   %viscosity = tgraph.broadcast %nu, %x {dims = []} : tensor<?x1xf64>
//   %diffusion = tgraph.mul %laplacian, %viscosity : tensor<?x1xf64>
//   %residual = tgraph.sub %convection, %diffusion : tensor<?x1xf64>
//   %mul = tgraph.mul %residual, %residual : tensor<?x1xf64>
//   %size = tgraph.size %mul {axes = [0, 1]} : tensor<?x1xf64> -> f64
//   %p = tgraph.concat %x, %y {axis = 1} : tensor<?x2xf64>
//   %z = tgraph.matmul %p, %w1 : tensor<?x2xf64>
//   %h = tgraph.tanh %z : tensor<?x2xf64>
//   %constant_1 = tgraph.constant {value = 0.0} : f64
//   %broadcast = tgraph.broadcast %constant_1, %y {dims = []} : tensor<?x1xf64>
//   %dp = tgraph.concat %dx, %broadcast {axis = 1} : tensor<?x2xf64>
//   %dz = tgraph.matmul %dp, %w1 : tensor<?x2xf64>
//   %broadcast_1 = tgraph.broadcast %constant, %h {dims = []} : tensor<?x2xf64>
//   %mul_1 = tgraph.mul %h, %h : tensor<?x2xf64>
//   %sub = tgraph.sub %broadcast_1, %mul_1 : tensor<?x2xf64>
//   %dh = tgraph.mul %dz, %sub : tensor<?x2xf64>
//   %du = tgraph.matmul %dh, %w2 : tensor<?x1xf64>
//   %broadcast_2 = tgraph.broadcast %constant_1, %x {dims = []} : tensor<?x1xf64>
//   %dp_1 = tgraph.concat %broadcast_2, %dy {axis = 1} : tensor<?x2xf64>
//   %dz_1 = tgraph.matmul %dp_1, %w1 : tensor<?x2xf64>
//   %dh_1 = tgraph.mul %sub, %dz_1 : tensor<?x2xf64>
//   %du_1 = tgraph.matmul %dh_1, %w2 : tensor<?x1xf64>
//   %mul_2 = tgraph.mul %h, %dh : tensor<?x2xf64>
//   %add = tgraph.add %mul_2, %mul_2 : tensor<?x2xf64>
//   %neg = tgraph.neg %add : tensor<?x2xf64>
//   %ddh = tgraph.mul %dz, %neg : tensor<?x2xf64>
//   %ddu = tgraph.matmul %ddh, %w2 : tensor<?x1xf64>
//   %mul_3 = tgraph.mul %h, %dh_1 : tensor<?x2xf64>
//   %add_1 = tgraph.add %mul_3, %mul_3 : tensor<?x2xf64>
//   %neg_1 = tgraph.neg %add_1 : tensor<?x2xf64>
//   %ddh_1 = tgraph.mul %dz_1, %neg_1 : tensor<?x2xf64>
//   %ddu_1 = tgraph.matmul %ddh_1, %w2 : tensor<?x1xf64>
//   %add_2 = tgraph.add %du, %du_1 : tensor<?x1xf64>
//   %add_3 = tgraph.add %ddu, %ddu_1 : tensor<?x1xf64>
//   %mul_4 = tgraph.mul %viscosity, %add_3 : tensor<?x1xf64>
//   %sub_1 = tgraph.sub %add_2, %mul_4 : tensor<?x1xf64>
//   %mul_5 = tgraph.mul %sub_1, %sub_1 : tensor<?x1xf64>
//   %reciprocal = tgraph.reciprocal %size : f64
//   %broadcast_3 = tgraph.broadcast %reciprocal, %mul_5 {dims = []} : tensor<?x1xf64>
//   %mul_6 = tgraph.mul %sub_1, %broadcast_3 : tensor<?x1xf64>
//   %du_bar = tgraph.add %mul_6, %mul_6 : tensor<?x1xf64>
//   %neg_2 = tgraph.neg %du_bar : tensor<?x1xf64>
//   %ddu_bar = tgraph.mul %viscosity, %neg_2 : tensor<?x1xf64>
//   %ddh_bar = tgraph.matmul %ddu_bar, %w2 {transpose_b = true} : tensor<?x2xf64>
//   %matmul = tgraph.matmul %ddh_1, %ddu_bar {transpose_a = true} : tensor<2x1xf64>
//   %mul_7 = tgraph.mul %neg_1, %ddh_bar : tensor<?x2xf64>
//   %mul_8 = tgraph.mul %dz_1, %ddh_bar : tensor<?x2xf64>
//   %neg_3 = tgraph.neg %mul_8 : tensor<?x2xf64>
//   %add_4 = tgraph.add %neg_3, %neg_3 : tensor<?x2xf64>
//   %mul_9 = tgraph.mul %dh_1, %add_4 : tensor<?x2xf64>
//   %mul_10 = tgraph.mul %h, %add_4 : tensor<?x2xf64>
//   %matmul_1 = tgraph.matmul %ddh, %ddu_bar {transpose_a = true} : tensor<2x1xf64>
//   %mul_11 = tgraph.mul %neg, %ddh_bar : tensor<?x2xf64>
//   %mul_12 = tgraph.mul %dz, %ddh_bar : tensor<?x2xf64>
//   %neg_4 = tgraph.neg %mul_12 : tensor<?x2xf64>
//   %add_5 = tgraph.add %neg_4, %neg_4 : tensor<?x2xf64>
//   %mul_13 = tgraph.mul %dh, %add_5 : tensor<?x2xf64>
//   %mul_14 = tgraph.mul %h, %add_5 : tensor<?x2xf64>
//   %matmul_2 = tgraph.matmul %du_bar, %w2 {transpose_b = true} : tensor<?x2xf64>
//   %matmul_3 = tgraph.matmul %dh_1, %du_bar {transpose_a = true} : tensor<2x1xf64>
//   %dh_bar = tgraph.add %mul_10, %matmul_2 : tensor<?x2xf64>
//   %mul_15 = tgraph.mul %dz_1, %dh_bar : tensor<?x2xf64>
//   %mul_16 = tgraph.mul %sub, %dh_bar : tensor<?x2xf64>
//   %dz_bar = tgraph.add %mul_7, %mul_16 : tensor<?x2xf64>
//   %matmul_4 = tgraph.matmul %dp_1, %dz_bar {transpose_a = true} : tensor<2x2xf64>
//   %matmul_5 = tgraph.matmul %dh, %du_bar {transpose_a = true} : tensor<2x1xf64>
//   %dh_bar_1 = tgraph.add %mul_14, %matmul_2 : tensor<?x2xf64>
//   %mul_17 = tgraph.mul %sub, %dh_bar_1 : tensor<?x2xf64>
//   %mul_18 = tgraph.mul %dz, %dh_bar_1 : tensor<?x2xf64>
//   %add_6 = tgraph.add %mul_15, %mul_18 : tensor<?x2xf64>
//   %neg_5 = tgraph.neg %add_6 : tensor<?x2xf64>
//   %mul_19 = tgraph.mul %h, %neg_5 : tensor<?x2xf64>
//   %dz_bar_1 = tgraph.add %mul_11, %mul_17 : tensor<?x2xf64>
//   %matmul_6 = tgraph.matmul %dp, %dz_bar_1 {transpose_a = true} : tensor<2x2xf64>
//   %add_7 = tgraph.add %mul_19, %mul_19 : tensor<?x2xf64>
//   %add_8 = tgraph.add %mul_13, %add_7 : tensor<?x2xf64>
//   %h_bar = tgraph.add %mul_9, %add_8 : tensor<?x2xf64>
//   %z_bar = tgraph.mul %sub, %h_bar : tensor<?x2xf64>
//   %matmul_7 = tgraph.matmul %p, %z_bar {transpose_a = true} : tensor<2x2xf64>
//   %add_9 = tgraph.add %matmul_6, %matmul_7 : tensor<2x2xf64>
//   %add_10 = tgraph.add %matmul_4, %add_9 : tensor<2x2xf64>
//   %add_11 = tgraph.add %matmul_3, %matmul_5 : tensor<2x1xf64>
//   %add_12 = tgraph.add %matmul_1, %add_11 : tensor<2x1xf64>
//   %add_13 = tgraph.add %matmul, %add_12 : tensor<2x1xf64>
//   tgraph.return %add_10, %add_13 : tensor<2x2xf64>, tensor<2x1xf64>
// }
// > run @pinn x=[[0.25], [0.5]] y=[[0.5], [0.25]] w1=[[1.0, -0.5], [0.5, 1.0]] w2=[[1.0], [0.5]] nu=0.1
// [[1.527466482422726], [1.38463258875837]] : tensor<2x1xf64>
// > run @loss_grad x=[[0.25], [0.5]] y=[[0.5], [0.25]] w1=[[1.0, -0.5], [0.5, 1.0]] w2=[[1.0], [0.5]] nu=0.1
// [[1.4170693805712447, 1.3627416964687362], [1.2044932661899745, 1.4285369943738284]] : tensor<2x2xf64>
// [[3.511740251325152], [1.4772420189028184]] : tensor<2x1xf64>
