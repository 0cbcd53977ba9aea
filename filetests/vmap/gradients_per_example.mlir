// test: run @per_example x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]] w=[0.5, -0.5] t=[0.0, 1.0, 2.0]
// test: run @total_grad x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]] w=[0.5, -0.5] t=[0.0, 1.0, 2.0]
// The gradient of every example by itself is the batch of a gradient; the gradient of the batch's losses is their sum.
tgraph.module @loss {
  %x = tgraph.arg : tensor<2xf64>
  %w = tgraph.arg : tensor<2xf64>
  %t = tgraph.arg : f64
  %y = tgraph.dot %x, %w
  %e = tgraph.sub %y, %t
  %l = tgraph.mul %e, %e
  tgraph.return %l
}
tgraph.adjoint @loss wrt(%w) -> @loss_grad
tgraph.vmap @loss_grad over(%x, %t) -> @per_example
tgraph.vmap @loss over(%x, %t) -> @losses
tgraph.module @total {
  %x = tgraph.arg : tensor<?x2xf64>
  %w = tgraph.arg : tensor<2xf64>
  %t = tgraph.arg : tensor<?xf64>
  %rows = tgraph.broadcast %w, %x {dims = [1]}
  %y = tgraph.dot %x, %rows
  %e = tgraph.sub %y, %t
  %l = tgraph.mul %e, %e
  %s = tgraph.reduce %l {op = "sum"}
  tgraph.return %s
}
tgraph.adjoint @total wrt(%w) -> @total_grad
// expect:
// > run @per_example x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]] w=[0.5, -0.5] t=[0.0, 1.0, 2.0]
// [[-1.0, -2.0], [-9.0, -12.0], [-25.0, -30.0]] : tensor<3x2xf64>
// > run @total_grad x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]] w=[0.5, -0.5] t=[0.0, 1.0, 2.0]
// [-35.0, -44.0] : tensor<2xf64>
