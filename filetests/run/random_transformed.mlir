// test: run @y seed=42 x=[1.0, 1.0, 1.0]
// test: run @y_jvp seed=42 x=[1.0, 1.0, 1.0] dx=[1.0, 1.0, 1.0]
// test: run @y_adjoint seed=42 x=[1.0, 1.0, 1.0] z_bar=[1.0, 1.0, 1.0]
// test: run @again_adjoint seed=42 x=[1.0, 1.0, 1.0] y_bar=[1.0, 1.0, 1.0]
// test: run @y_at seed=42 x=[1.0, 1.0, 1.0]
// test: run @y_taylor seed=42 x=[1.0, 1.0, 1.0] dx=[1.0, 1.0, 1.0]
// test: run @y_rows seed=42 x=[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
// test: run @y_seeds seed=[42, 43] x=[1.0, 1.0, 1.0]
// Of x z with the noise z every derivative is z: the same numbers in every mode, in a recomputation, and at every position of a batch, but
// for another seed others.
tgraph.module @y {
  %seed = tgraph.arg : u64
  %x = tgraph.arg : tensor<3xf64>
  %noise = tgraph.random.normal %seed {stream = 1} : tensor<3xf64>
  %z = tgraph.mul %x, %noise
  tgraph.return %z
}
tgraph.module @again {
  %seed = tgraph.arg : u64
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.checkpoint @y(%seed, %x)
  tgraph.return %y
}
tgraph.jvp @y wrt(%x) -> @y_jvp
tgraph.adjoint @y wrt(%x) -> @y_adjoint
tgraph.adjoint @again wrt(%x) -> @again_adjoint
tgraph.linearize @y wrt(%x) -> @y_at, @y_linear
tgraph.taylor @y wrt(%x) order(1) -> @y_taylor
tgraph.vmap @y over(%x) size(2) -> @y_rows
tgraph.vmap @y over(%seed) size(2) -> @y_seeds
// expect:
// > run @y seed=42 x=[1.0, 1.0, 1.0]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @y_jvp seed=42 x=[1.0, 1.0, 1.0] dx=[1.0, 1.0, 1.0]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @y_adjoint seed=42 x=[1.0, 1.0, 1.0] z_bar=[1.0, 1.0, 1.0]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @again_adjoint seed=42 x=[1.0, 1.0, 1.0] y_bar=[1.0, 1.0, 1.0]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @y_at seed=42 x=[1.0, 1.0, 1.0]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @y_taylor seed=42 x=[1.0, 1.0, 1.0] dx=[1.0, 1.0, 1.0]
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797] : tensor<3xf64>
// > run @y_rows seed=42 x=[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
// [[-0.12409858730465695, 0.46978382953784925, -0.27300517052129797], [-0.12409858730465695, 0.46978382953784925, -0.27300517052129797]] : tensor<2x3xf64>
// > run @y_seeds seed=[42, 43] x=[1.0, 1.0, 1.0]
// [[-0.12409858730465695, 0.46978382953784925, -0.27300517052129797], [-0.5640592030472314, -1.7826628157702087, -0.5478546070621865]] : tensor<2x3xf64>
