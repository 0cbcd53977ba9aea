// test: run @m x=[[1.0, 1e100, -1e100, 3.0]] w=[[1.0], [1.0], [1.0], [1.0]]
// test: run @of_z z=[[2.0]] w=[[1.0, 1e100, 1.0, -1e100]] y_bar=[[1.0, 1.0, 1.0, 1.0]]
// Products, contractions and convolutions under each policy: the plain one gives 3 (1e100 takes the 1), the others 4. So does the
// adjoint, which is a product of the same policy: 2, not 0.
tgraph.module @m {
  %x = tgraph.arg : tensor<1x4xf64>
  %w = tgraph.arg : tensor<4x1xf64>
  %p = tgraph.matmul %x, %w
  %k = tgraph.matmul %x, %w {stable = "kahan"}
  %c = tgraph.contract %x, %w, %w {einsum = "ij,jk,jl->il", stable = "double_double"}
  %signal = tgraph.reshape %x {shape = [1, 1, 4]}
  %kernel = tgraph.reshape %w {shape = [1, 1, 4]}
  %v = tgraph.convolution %signal, %kernel {stable = "kahan"}
  tgraph.return %p, %k, %c, %v
}
tgraph.module @product {
  %z = tgraph.arg : tensor<1x1xf64>
  %w = tgraph.arg : tensor<1x4xf64>
  %y = tgraph.matmul %z, %w {stable = "kahan"}
  tgraph.return %y
}
tgraph.adjoint @product wrt(%z) -> @of_z
// expect:
// > run @m x=[[1.0, 1e100, -1e100, 3.0]] w=[[1.0], [1.0], [1.0], [1.0]]
// [[3.0]] : tensor<1x1xf64>
// [[4.0]] : tensor<1x1xf64>
// [[4.0]] : tensor<1x1xf64>
// [[[4.0]]] : tensor<1x1x1xf64>
// > run @of_z z=[[2.0]] w=[[1.0, 1e100, 1.0, -1e100]] y_bar=[[1.0, 1.0, 1.0, 1.0]]
// [[2.0]] : tensor<1x1xf64>
