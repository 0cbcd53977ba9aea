// test: run @plain x=[3e200, 4e200]
// test: run @scaled x=[3e200, 4e200]
// test: run @scaled x=[3e-320, 4e-320]
// test: run @scaled x=[0.0, -0.0]
// test: run @scaled x=[1.0, inf]
// test: run @scaled x=[nan, 1.0]
// test: run @scaled_grad x=[3e200, 4e200]
// test: run @scaled_grad x=[3e-160, 4e-160]
// test: run @scaled_grad x=[0.0, 0.0]
// test: run @scaled_hvp x=[3.0, 4.0] v=[1.0, 0.0]
// test: run @scaled_hvp x=[0.0, 0.0] v=[1.0, 0.0]
// test: run @rows x=[[3e200, 4e200], [0.0, 0.0], [5e-300, 12e-300]]
// Squares of 1e200 are infinite, those of 1e-200 are 0; a scaled norm has neither in it.
tgraph.module @plain {
  %x = tgraph.arg : tensor<2xf64>
  %n = tgraph.norm %x
  tgraph.return %n
}
tgraph.module @scaled {
  %x = tgraph.arg : tensor<2xf64>
  %n = tgraph.norm %x {scaled = true}
  tgraph.return %n
}
tgraph.module @rows {
  %x = tgraph.arg : tensor<?x2xf64>
  %n = tgraph.norm %x {axes = [1], scaled = true}
  tgraph.return %n
}
tgraph.adjoint @scaled wrt(%x) -> @scaled_grad
tgraph.hvp @scaled wrt(%x) dir(%v) -> @scaled_hvp
// expect:
