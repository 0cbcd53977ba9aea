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
// > run @plain x=[3e200, 4e200]
// inf : f64
// > run @scaled x=[3e200, 4e200]
// 4.9999999999999995e200 : f64
// > run @scaled x=[3e-320, 4e-320]
// 5e-320 : f64
// > run @scaled x=[0.0, -0.0]
// 0.0 : f64
// > run @scaled x=[1.0, inf]
// inf : f64
// > run @scaled x=[nan, 1.0]
// nan : f64
// > run @scaled_grad x=[3e200, 4e200]
// [0.6000000000000001, 0.8] : tensor<2xf64>
// > run @scaled_grad x=[3e-160, 4e-160]
// [0.6, 0.8] : tensor<2xf64>
// > run @scaled_grad x=[0.0, 0.0]
// [0.0, 0.0] : tensor<2xf64>
// > run @scaled_hvp x=[3.0, 4.0] v=[1.0, 0.0]
// [0.128, -0.096] : tensor<2xf64>
// > run @scaled_hvp x=[0.0, 0.0] v=[1.0, 0.0]
// [0.0, 0.0] : tensor<2xf64>
// > run @rows x=[[3e200, 4e200], [0.0, 0.0], [5e-300, 12e-300]]
// [4.9999999999999995e200, 0.0, 1.3e-299] : tensor<3xf64>
