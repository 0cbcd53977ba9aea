// test: run @u_xx x=[[0.25], [0.5]] y=[[0.5], [0.25]] w1=[[1.0, -0.5], [0.5, 1.0]] w2=[[1.0], [0.5]] dx=[[1.0], [1.0]]
// test: hvp
// Section 11 of the guide: first and second derivatives of a network u(x, y) at many points. The output is no scalar, so that
// hvp is the second derivative along a direction: with 1 for every point, u_xx and u_yy.
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
tgraph.jvp @u wrt(%x) -> @u_x
tgraph.jvp @u wrt(%y) -> @u_y
tgraph.hvp @u wrt(%x) dir(%dx) -> @u_xx
tgraph.hvp @u wrt(%y) dir(%dy) -> @u_yy
// expect:
// > run @u_xx x=[[0.25], [0.5]] y=[[0.5], [0.25]] w1=[[1.0, -0.5], [0.5, 1.0]] w2=[[1.0], [0.5]] dx=[[1.0], [1.0]]
// [[-0.8049462644617317], [-0.7680309344271026]] : tensor<2x1xf64>
// > hvp
// tgraph.module @u_xx {
//   %x = tgraph.arg : tensor<?x1xf64>
//   %y = tgraph.arg : tensor<?x1xf64>
//   %w1 = tgraph.arg : tensor<2x2xf64>
//   %w2 = tgraph.arg : tensor<2x1xf64>
//   %dx = tgraph.tangent %x : tensor<?x1xf64>
//   %p = tgraph.concat %x, %y {axis = 1} : tensor<?x2xf64>
//   %z = tgraph.matmul %p, %w1 : tensor<?x2xf64>
//   %h = tgraph.tanh %z : tensor<?x2xf64>
//   %constant = tgraph.constant {value = 0.0} : f64
//   %broadcast = tgraph.broadcast %constant, %y {dims = []} : tensor<?x1xf64>
//   %dp = tgraph.concat %dx, %broadcast {axis = 1} : tensor<?x2xf64>
//   %dz = tgraph.matmul %dp, %w1 : tensor<?x2xf64>
//   %constant_1 = tgraph.constant {value = 1.0} : f64
//   %broadcast_1 = tgraph.broadcast %constant_1, %h {dims = []} : tensor<?x2xf64>
//   %mul = tgraph.mul %h, %h : tensor<?x2xf64>
//   %sub = tgraph.sub %broadcast_1, %mul : tensor<?x2xf64>
//   %dh = tgraph.mul %dz, %sub : tensor<?x2xf64>
//   %mul_1 = tgraph.mul %h, %dh : tensor<?x2xf64>
//   %add = tgraph.add %mul_1, %mul_1 : tensor<?x2xf64>
//   %neg = tgraph.neg %add : tensor<?x2xf64>
//   %ddh = tgraph.mul %dz, %neg : tensor<?x2xf64>
//   %ddu = tgraph.matmul %ddh, %w2 : tensor<?x1xf64>
//   tgraph.return %ddu : tensor<?x1xf64>
// }
//
// tgraph.module @u_yy {
//   %x = tgraph.arg : tensor<?x1xf64>
//   %y = tgraph.arg : tensor<?x1xf64>
//   %w1 = tgraph.arg : tensor<2x2xf64>
//   %w2 = tgraph.arg : tensor<2x1xf64>
//   %dy = tgraph.tangent %y : tensor<?x1xf64>
//   %p = tgraph.concat %x, %y {axis = 1} : tensor<?x2xf64>
//   %z = tgraph.matmul %p, %w1 : tensor<?x2xf64>
//   %h = tgraph.tanh %z : tensor<?x2xf64>
//   %constant = tgraph.constant {value = 0.0} : f64
//   %broadcast = tgraph.broadcast %constant, %x {dims = []} : tensor<?x1xf64>
//   %dp = tgraph.concat %broadcast, %dy {axis = 1} : tensor<?x2xf64>
//   %dz = tgraph.matmul %dp, %w1 : tensor<?x2xf64>
//   %constant_1 = tgraph.constant {value = 1.0} : f64
//   %broadcast_1 = tgraph.broadcast %constant_1, %h {dims = []} : tensor<?x2xf64>
//   %mul = tgraph.mul %h, %h : tensor<?x2xf64>
//   %sub = tgraph.sub %broadcast_1, %mul : tensor<?x2xf64>
//   %dh = tgraph.mul %dz, %sub : tensor<?x2xf64>
//   %mul_1 = tgraph.mul %h, %dh : tensor<?x2xf64>
//   %add = tgraph.add %mul_1, %mul_1 : tensor<?x2xf64>
//   %neg = tgraph.neg %add : tensor<?x2xf64>
//   %ddh = tgraph.mul %dz, %neg : tensor<?x2xf64>
//   %ddu = tgraph.matmul %ddh, %w2 : tensor<?x1xf64>
//   tgraph.return %ddu : tensor<?x1xf64>
// }
