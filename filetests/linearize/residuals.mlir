// test: linearize
// test: run @at x=[0.0, 1.0] w=[2.0, 3.0]
// What a derivative needs of the point, and the derivative as a linear module, whose adjoint transposes it.
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %w = tgraph.arg : tensor<2xf64>
  %y = tgraph.sin %x
  %z = tgraph.mul %y, %w
  tgraph.return %z
}
tgraph.linearize @m wrt(%x) -> @at, @linear
// expect:
// > linearize
// tgraph.module @at {
//   %x = tgraph.arg : tensor<2xf64>
//   %w = tgraph.arg : tensor<2xf64>
//   %y = tgraph.sin %x : tensor<2xf64>
//   %z = tgraph.mul %w, %y : tensor<2xf64>
//   %r1 = tgraph.cos %x : tensor<2xf64>
//   tgraph.return %z, %w, %r1 : tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
// }
//
// tgraph.module @linear {
//   %w = tgraph.arg : tensor<2xf64>
//   %r1 = tgraph.arg : tensor<2xf64>
//   %dx = tgraph.arg : tensor<2xf64>
//   %dy = tgraph.mul %r1, %dx : tensor<2xf64>
//   %dz = tgraph.mul %w, %dy : tensor<2xf64>
//   tgraph.return %dz : tensor<2xf64>
// }
// > run @at x=[0.0, 1.0] w=[2.0, 3.0]
// [0.0, 2.5244129544236893] : tensor<2xf64>
// [2.0, 3.0] : tensor<2xf64>
// [1.0, 0.5403023058681398] : tensor<2xf64>
