// test: pass expand share collapse dead
// A Laplacian by a batch of unit directions: the sum over their axis goes down through the layers, and what all directions share is taken
// out of it. The weights %v are multiplied with 5 × (1 + 2 + 1) rows, not 5 × (1 + 2 + 2).
tgraph.module @u {
  %x = tgraph.arg : tensor<5x2xf64>
  %w = tgraph.arg : tensor<2x4xf64>
  %v = tgraph.arg : tensor<4x4xf64>
  %a = tgraph.arg : tensor<4x1xf64>
  %xw = tgraph.matmul %x, %w
  %g = tgraph.tanh %xw
  %gv = tgraph.matmul %g, %v
  %h = tgraph.tanh %gv
  %y = tgraph.matmul %h, %a
  tgraph.return %y
}
tgraph.hvp @u wrt(%x) dir(%d) -> @u_dd
tgraph.vmap @u_dd over(%d) size(2) -> @curves
tgraph.module @laplacian {
  %x = tgraph.arg : tensor<5x2xf64>
  %w = tgraph.arg : tensor<2x4xf64>
  %v = tgraph.arg : tensor<4x4xf64>
  %a = tgraph.arg : tensor<4x1xf64>
  %unit = tgraph.constant {value = [[1.0, 0.0], [0.0, 1.0]]} : tensor<2x2xf64>
  %d = tgraph.broadcast %unit {dims = [0, 2], shape = [2, 5, 2]}
  %all = tgraph.call @curves(%x, %w, %v, %a, %d)
  %sum = tgraph.reduce %all {op = "sum", axes = [0]}
  tgraph.return %sum
}
// expect:
// tgraph.module @u {
//   %x = tgraph.arg : tensor<5x2xf64>
//   %w = tgraph.arg : tensor<2x4xf64>
//   %v = tgraph.arg : tensor<4x4xf64>
//   %a = tgraph.arg : tensor<4x1xf64>
//   %xw = tgraph.matmul %x, %w : tensor<5x4xf64>
//   %g = tgraph.tanh %xw : tensor<5x4xf64>
//   %gv = tgraph.matmul %g, %v : tensor<5x4xf64>
//   %h = tgraph.tanh %gv : tensor<5x4xf64>
//   %y = tgraph.matmul %h, %a : tensor<5x1xf64>
//   tgraph.return %y : tensor<5x1xf64>
// }
//
// tgraph.module @curves {
//   %x = tgraph.arg : tensor<5x2xf64>
//   %w = tgraph.arg : tensor<2x4xf64>
//   %v = tgraph.arg : tensor<4x4xf64>
//   %a = tgraph.arg : tensor<4x1xf64>
//   %d = tgraph.arg : tensor<2x5x2xf64>
//   %xw = tgraph.matmul %x, %w : tensor<5x4xf64>
//   %g = tgraph.tanh %xw : tensor<5x4xf64>
//   %gv = tgraph.matmul %g, %v : tensor<5x4xf64>
//   %h = tgraph.tanh %gv : tensor<5x4xf64>
//   %reshape = tgraph.reshape %d {shape = [10, 2]} : tensor<2x5x2xf64> -> tensor<10x2xf64>
//   %matmul = tgraph.matmul %reshape, %w : tensor<10x4xf64>
//   %dxw = tgraph.reshape %matmul {shape = [2, 5, 4]} : tensor<10x4xf64> -> tensor<2x5x4xf64>
//   %constant = tgraph.constant {value = 1.0} : f64
//   %broadcast = tgraph.broadcast %constant {dims = [], shape = [5, 4]} : f64 -> tensor<5x4xf64>
//   %mul = tgraph.mul %g, %g : tensor<5x4xf64>
//   %sub = tgraph.sub %broadcast, %mul : tensor<5x4xf64>
//   %broadcast_1 = tgraph.broadcast %sub {dims = [1, 2], shape = [2, 5, 4]} : tensor<5x4xf64> -> tensor<2x5x4xf64>
//   %dg = tgraph.mul %dxw, %broadcast_1 : tensor<2x5x4xf64>
//   %reshape_1 = tgraph.reshape %dg {shape = [10, 4]} : tensor<2x5x4xf64> -> tensor<10x4xf64>
//   %matmul_1 = tgraph.matmul %reshape_1, %v : tensor<10x4xf64>
//   %dgv = tgraph.reshape %matmul_1 {shape = [2, 5, 4]} : tensor<10x4xf64> -> tensor<2x5x4xf64>
//   %mul_1 = tgraph.mul %h, %h : tensor<5x4xf64>
//   %sub_1 = tgraph.sub %broadcast, %mul_1 : tensor<5x4xf64>
//   %broadcast_2 = tgraph.broadcast %sub_1 {dims = [1, 2], shape = [2, 5, 4]} : tensor<5x4xf64> -> tensor<2x5x4xf64>
//   %broadcast_3 = tgraph.broadcast %g {dims = [1, 2], shape = [2, 5, 4]} : tensor<5x4xf64> -> tensor<2x5x4xf64>
//   %mul_2 = tgraph.mul %dg, %broadcast_3 : tensor<2x5x4xf64>
//   %add = tgraph.add %mul_2, %mul_2 : tensor<2x5x4xf64>
//   %neg = tgraph.neg %add : tensor<2x5x4xf64>
//   %ddg = tgraph.mul %dxw, %neg : tensor<2x5x4xf64>
//   %reshape_2 = tgraph.reshape %ddg {shape = [10, 4]} : tensor<2x5x4xf64> -> tensor<10x4xf64>
//   %matmul_2 = tgraph.matmul %reshape_2, %v : tensor<10x4xf64>
//   %ddgv = tgraph.reshape %matmul_2 {shape = [2, 5, 4]} : tensor<10x4xf64> -> tensor<2x5x4xf64>
//   %broadcast_4 = tgraph.broadcast %h {dims = [1, 2], shape = [2, 5, 4]} : tensor<5x4xf64> -> tensor<2x5x4xf64>
//   %mul_3 = tgraph.mul %dgv, %dgv : tensor<2x5x4xf64>
//   %mul_4 = tgraph.mul %broadcast_4, %mul_3 : tensor<2x5x4xf64>
//   %add_1 = tgraph.add %mul_4, %mul_4 : tensor<2x5x4xf64>
//   %sub_2 = tgraph.sub %ddgv, %add_1 : tensor<2x5x4xf64>
//   %mul_5 = tgraph.mul %broadcast_2, %sub_2 : tensor<2x5x4xf64>
//   %reshape_3 = tgraph.reshape %mul_5 {shape = [10, 4]} : tensor<2x5x4xf64> -> tensor<10x4xf64>
//   %matmul_3 = tgraph.matmul %reshape_3, %a : tensor<10x1xf64>
//   %ddy = tgraph.reshape %matmul_3 {shape = [2, 5, 1]} : tensor<10x1xf64> -> tensor<2x5x1xf64>
//   tgraph.return %ddy : tensor<2x5x1xf64>
// }
//
// tgraph.module @laplacian {
//   %x = tgraph.arg : tensor<5x2xf64>
//   %w = tgraph.arg : tensor<2x4xf64>
//   %v = tgraph.arg : tensor<4x4xf64>
//   %a = tgraph.arg : tensor<4x1xf64>
//   %xw = tgraph.matmul %x, %w : tensor<5x4xf64>
//   %g = tgraph.tanh %xw : tensor<5x4xf64>
//   %gv = tgraph.matmul %g, %v : tensor<5x4xf64>
//   %h = tgraph.tanh %gv : tensor<5x4xf64>
//   %constant = tgraph.constant {value = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]} : tensor<10x2xf64>
//   %matmul = tgraph.matmul %constant, %w : tensor<10x4xf64>
//   %dxw = tgraph.reshape %matmul {shape = [2, 5, 4]} : tensor<10x4xf64> -> tensor<2x5x4xf64>
//   %constant_1 = tgraph.constant {value = 1.0} : f64
//   %broadcast = tgraph.broadcast %constant_1 {dims = [], shape = [5, 4]} : f64 -> tensor<5x4xf64>
//   %mul = tgraph.mul %g, %g : tensor<5x4xf64>
//   %sub = tgraph.sub %broadcast, %mul : tensor<5x4xf64>
//   %broadcast_1 = tgraph.broadcast %sub {dims = [1, 2], shape = [2, 5, 4]} : tensor<5x4xf64> -> tensor<2x5x4xf64>
//   %dg = tgraph.mul %dxw, %broadcast_1 : tensor<2x5x4xf64>
//   %reshape = tgraph.reshape %dg {shape = [10, 4]} : tensor<2x5x4xf64> -> tensor<10x4xf64>
//   %matmul_1 = tgraph.matmul %reshape, %v : tensor<10x4xf64>
//   %dgv = tgraph.reshape %matmul_1 {shape = [2, 5, 4]} : tensor<10x4xf64> -> tensor<2x5x4xf64>
//   %mul_1 = tgraph.mul %h, %h : tensor<5x4xf64>
//   %sub_1 = tgraph.sub %broadcast, %mul_1 : tensor<5x4xf64>
//   %mul_2 = tgraph.mul %dxw, %dg : tensor<2x5x4xf64>
//   %reduce = tgraph.reduce %mul_2 {op = "sum", axes = [0]} : tensor<2x5x4xf64> -> tensor<5x4xf64>
//   %mul_3 = tgraph.mul %g, %reduce : tensor<5x4xf64>
//   %add = tgraph.add %mul_3, %mul_3 : tensor<5x4xf64>
//   %neg = tgraph.neg %add : tensor<5x4xf64>
//   %matmul_2 = tgraph.matmul %neg, %v : tensor<5x4xf64>
//   %mul_4 = tgraph.mul %dgv, %dgv : tensor<2x5x4xf64>
//   %reduce_1 = tgraph.reduce %mul_4 {op = "sum", axes = [0]} : tensor<2x5x4xf64> -> tensor<5x4xf64>
//   %mul_5 = tgraph.mul %h, %reduce_1 : tensor<5x4xf64>
//   %add_1 = tgraph.add %mul_5, %mul_5 : tensor<5x4xf64>
//   %sub_2 = tgraph.sub %matmul_2, %add_1 : tensor<5x4xf64>
//   %mul_6 = tgraph.mul %sub_1, %sub_2 : tensor<5x4xf64>
//   %matmul_3 = tgraph.matmul %mul_6, %a : tensor<5x1xf64>
//   tgraph.return %matmul_3 : tensor<5x1xf64>
// }
//
// tgraph.module @u_dd {
//   %x = tgraph.arg : tensor<5x2xf64>
//   %w = tgraph.arg : tensor<2x4xf64>
//   %v = tgraph.arg : tensor<4x4xf64>
//   %a = tgraph.arg : tensor<4x1xf64>
//   %d = tgraph.tangent %x : tensor<5x2xf64>
//   %xw = tgraph.matmul %x, %w : tensor<5x4xf64>
//   %g = tgraph.tanh %xw : tensor<5x4xf64>
//   %gv = tgraph.matmul %g, %v : tensor<5x4xf64>
//   %h = tgraph.tanh %gv : tensor<5x4xf64>
//   %dxw = tgraph.matmul %d, %w : tensor<5x4xf64>
//   %constant = tgraph.constant {value = 1.0} : f64
//   %broadcast = tgraph.broadcast %constant {dims = [], shape = [5, 4]} : f64 -> tensor<5x4xf64>
//   %mul = tgraph.mul %g, %g : tensor<5x4xf64>
//   %sub = tgraph.sub %broadcast, %mul : tensor<5x4xf64>
//   %dg = tgraph.mul %dxw, %sub : tensor<5x4xf64>
//   %dgv = tgraph.matmul %dg, %v : tensor<5x4xf64>
//   %mul_1 = tgraph.mul %h, %h : tensor<5x4xf64>
//   %sub_1 = tgraph.sub %broadcast, %mul_1 : tensor<5x4xf64>
//   %mul_2 = tgraph.mul %g, %dg : tensor<5x4xf64>
//   %add = tgraph.add %mul_2, %mul_2 : tensor<5x4xf64>
//   %neg = tgraph.neg %add : tensor<5x4xf64>
//   %ddg = tgraph.mul %dxw, %neg : tensor<5x4xf64>
//   %ddgv = tgraph.matmul %ddg, %v : tensor<5x4xf64>
//   %mul_3 = tgraph.mul %h, %dgv : tensor<5x4xf64>
//   %mul_4 = tgraph.mul %dgv, %mul_3 : tensor<5x4xf64>
//   %add_1 = tgraph.add %mul_4, %mul_4 : tensor<5x4xf64>
//   %sub_2 = tgraph.sub %ddgv, %add_1 : tensor<5x4xf64>
//   %mul_5 = tgraph.mul %sub_1, %sub_2 : tensor<5x4xf64>
//   %ddy = tgraph.matmul %mul_5, %a : tensor<5x1xf64>
//   tgraph.return %ddy : tensor<5x1xf64>
// }
