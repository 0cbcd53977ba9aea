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
