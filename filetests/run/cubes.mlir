// test: run @m x=[1.0, 2.0, -0.5]
// test: run @m_grad x=[1.0, 2.0, -0.5]
// test: run @m_jvp x=[1.0, 2.0, -0.5] dx=[1, 0, 2]
// test: run @m_hvp x=[1.0, 2.0, -0.5] v=[1, 0, 2]
// f = Σ x³: gradient 3x², Hessian 6x.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.mul %x, %x
  %y3 = tgraph.mul %y, %x
  %z = tgraph.reduce %y3 {op = "sum"}
  tgraph.return %z
}
tgraph.adjoint @m wrt(%x) -> @m_grad
tgraph.jvp @m wrt(%x) -> @m_jvp
tgraph.hvp @m wrt(%x) dir(%v) -> @m_hvp
// expect:
// > run @m x=[1.0, 2.0, -0.5]
// 8.875 : f64
// > run @m_grad x=[1.0, 2.0, -0.5]
// [3.0, 12.0, 0.75] : tensor<3xf64>
// > run @m_jvp x=[1.0, 2.0, -0.5] dx=[1, 0, 2]
// 8.875 : f64
// 4.5 : f64
// > run @m_hvp x=[1.0, 2.0, -0.5] v=[1, 0, 2]
// [6.0, 0.0, -6.0] : tensor<3xf64>
