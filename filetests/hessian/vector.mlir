// test: run @f_hessian x=[1.0, 2.0, 3.0]
// test: run @rows x=[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]
// The Hessian of Σ x³ is diagonal; that of many points at once is a batch.
tgraph.module @f {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.mul %x, %x
  %y3 = tgraph.mul %y, %x
  %z = tgraph.reduce %y3 {op = "sum"}
  tgraph.return %z
}
tgraph.hessian @f wrt(%x) -> @f_hessian
tgraph.vmap @f_hessian over(%x) -> @rows
// expect:
// > run @f_hessian x=[1.0, 2.0, 3.0]
// [[6.0, 0.0, 0.0], [0.0, 12.0, 0.0], [0.0, 0.0, 18.0]] : tensor<3x3xf64>
// > run @rows x=[[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]
// [[[6.0, 0.0, 0.0], [0.0, 12.0, 0.0], [0.0, 0.0, 18.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]] : tensor<2x3x3xf64>
