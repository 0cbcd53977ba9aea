// test: run @m x=[1.0, 1e100, 3.0, -1e100] y=[1.0, 1.0, 1.0, 1.0]
// test: run @m_grad x=[1.0, 1e100, 3.0, -1e100] y=[1.0, 1.0, 1.0, 1.0]
// A dot product and a sum under each policy: the plain ones lose what cancellation uncovers. Lanes 0 and 2, 1 and 3 fold first.
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
