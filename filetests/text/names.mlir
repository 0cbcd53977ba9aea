// test: jvp
// Names of the module that is made: those given where they are free.
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %sin = tgraph.cos %x
  %y = tgraph.mul %sin, %x
  tgraph.return %y
}
tgraph.jvp @m wrt(%x) -> @m_jvp
// expect:
// tgraph.module @m_jvp {
//   %x, %dx = tgraph.arg, tgraph.tangent : tensor<2xf64>
//   %sin = tgraph.cos %x : tensor<2xf64>
//   %y = tgraph.mul %x, %sin : tensor<2xf64>
//   %sin_1 = tgraph.sin %x : tensor<2xf64>
//   %neg = tgraph.neg %sin_1 : tensor<2xf64>
//   %dsin = tgraph.mul %dx, %neg : tensor<2xf64>
//   %mul = tgraph.mul %dx, %sin : tensor<2xf64>
//   %mul_1 = tgraph.mul %x, %dsin : tensor<2xf64>
//   %dy = tgraph.add %mul, %mul_1 : tensor<2xf64>
//   tgraph.return %y, %dy : tensor<2xf64>, tensor<2xf64>
// }
