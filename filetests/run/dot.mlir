// test: run @m x=[1.0, 1e100, -1e100, 3.0] y=[1.0, 1.0, 1.0, 1.0]
// test: run @m_grad x=[1.0, 1e100, -1e100, 3.0] y=[1.0, 1.0, 1.0, 1.0]
// A dot product and a sum under each policy: the plain one gives 0, the others 4.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.arg : tensor<?xf64>
  %p = tgraph.dot %x, %y
  %k = tgraph.dot %x, %y {stable = "kahan"}
  %d = tgraph.reduce %x {op = "sum", stable = "double_double"}
  %s = tgraph.add %p, %k
  %z = tgraph.add %s, %d
  tgraph.return %z
}
tgraph.adjoint @m wrt(%x, %y) -> @m_grad
// expect:
// > run @m x=[1.0, 1e100, -1e100, 3.0] y=[1.0, 1.0, 1.0, 1.0]
// 8.0 : f64
// > run @m_grad x=[1.0, 1e100, -1e100, 3.0] y=[1.0, 1.0, 1.0, 1.0]
// [3.0, 3.0, 3.0, 3.0] : tensor<4xf64>
// [2.0, 2e100, -2e100, 6.0] : tensor<4xf64>
