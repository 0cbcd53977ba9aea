// test: run @m x=[[[1, 2, 3, 4]]] w=[[[1, 0, -1]]]
// test: run @m_grad x=[[[1, 2, 3, 4]]] w=[[[1, 0, -1]]]
// test: run @trace a=[[1, 2], [3, 4]] b=[[5, 6], [7, 8]]
// test: run @trace_grad a=[[1, 2], [3, 4]] b=[[5, 6], [7, 8]]
// test: run @length x=[3, 4]
// test: run @length_grad x=[3, 4]
// test: run @length_grad x=[0, 0]
// A difference with a zero on each side; the trace of a product; a norm, whose gradient at 0 is 0.
tgraph.module @m {
  %x = tgraph.arg : tensor<?x1x4xf64>
  %w = tgraph.arg : tensor<1x1x3xf64>
  %y = tgraph.convolution %x, %w {low = [1], high = [1]}
  tgraph.return %y
}
tgraph.module @energy {
  %x = tgraph.arg : tensor<?x1x4xf64>
  %w = tgraph.arg : tensor<1x1x3xf64>
  %y = tgraph.convolution %x, %w {low = [1], high = [1]}
  %l = tgraph.reduce %y {op = "sum"}
  tgraph.return %l
}
tgraph.adjoint @energy wrt(%x, %w) -> @m_grad
tgraph.module @trace {
  %a = tgraph.arg : tensor<?x?xf64>
  %b = tgraph.arg : tensor<?x?xf64>
  %t = tgraph.contract %a, %b {einsum = "ij,ji->"}
  tgraph.return %t
}
tgraph.adjoint @trace wrt(%a, %b) -> @trace_grad
tgraph.module @length {
  %x = tgraph.arg : tensor<?xf64>
  %n = tgraph.norm %x
  tgraph.return %n
}
tgraph.adjoint @length wrt(%x) -> @length_grad
// expect:
// > run @m x=[[[1, 2, 3, 4]]] w=[[[1, 0, -1]]]
// [[[-2.0, -2.0, -2.0, 3.0]]] : tensor<1x1x4xf64>
// > run @m_grad x=[[[1, 2, 3, 4]]] w=[[[1, 0, -1]]]
// [[[1.0, 0.0, 0.0, -1.0]]] : tensor<1x1x4xf64>
// [[[6.0, 10.0, 9.0]]] : tensor<1x1x3xf64>
// > run @trace a=[[1, 2], [3, 4]] b=[[5, 6], [7, 8]]
// 69.0 : f64
// > run @trace_grad a=[[1, 2], [3, 4]] b=[[5, 6], [7, 8]]
// [[5.0, 7.0], [6.0, 8.0]] : tensor<2x2xf64>
// [[1.0, 3.0], [2.0, 4.0]] : tensor<2x2xf64>
// > run @length x=[3, 4]
// 5.0 : f64
// > run @length_grad x=[3, 4]
// [0.6000000000000001, 0.8] : tensor<2xf64>
// > run @length_grad x=[0, 0]
// [0.0, 0.0] : tensor<2xf64>
