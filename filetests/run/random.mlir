// test: run @draw seed=42 x=[1, 1, 1]
// test: run @draw_jvp seed=42 x=[1, 1, 1] dx=[1, 1, 1]
// test: run @bits seed=2965872143909643144 i=[0, 1]
// The same numbers in the derivative as in the primal: the second result of the tangent module is the noise itself.
tgraph.module @draw {
  %seed = tgraph.arg : u64
  %x = tgraph.arg : tensor<?xf64>
  %z = tgraph.random.normal %seed, %x {stream = 1} : tensor<?xf64>
  %y = tgraph.mul %x, %z
  tgraph.return %y
}
tgraph.jvp @draw wrt(%x) -> @draw_jvp
tgraph.module @bits {
  %seed = tgraph.arg : u64
  %i = tgraph.arg : tensor<?xi64>
  %b = tgraph.random.bits %seed, %i {stream = 0}
  %u = tgraph.random.uniform %seed {stream = 0} : tensor<2xf32>
  %e = tgraph.random.exponential %seed {stream = 0} : tensor<2xf64>
  %p = tgraph.random.permutation %seed {stream = 0} : tensor<5xi64>
  tgraph.return %b, %u, %e, %p
}
// expect:
// > run @draw seed=42 x=[1, 1, 1]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @draw_jvp seed=42 x=[1, 1, 1] dx=[1, 1, 1]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @bits seed=2965872143909643144 i=[0, 1]
// [1760222838512903812, 7615626432286035115] : tensor<2xu64>
// [0.09542185, 0.41284388] : tensor<2xf32>
// [0.10028660007582402, 0.5324646276013286] : tensor<2xf64>
// [0, 3, 2, 4, 1] : tensor<5xi64>
