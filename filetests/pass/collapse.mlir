// test: pass collapse
// The Laplacian of a network of two hidden layers in two dimensions.
tgraph.module @u {
  %x = tgraph.arg : tensor<8x1xf64>
  %y = tgraph.arg : tensor<8x1xf64>
  %w0 = tgraph.arg : tensor<2x16xf64>
  %w1 = tgraph.arg : tensor<16x16xf64>
  %w2 = tgraph.arg : tensor<16x1xf64>
  %z = tgraph.concat %x, %y {axis = 1}
  %z0 = tgraph.matmul %z, %w0
  %h0 = tgraph.tanh %z0
  %z1 = tgraph.matmul %h0, %w1
  %h1 = tgraph.tanh %z1
  %u = tgraph.matmul %h1, %w2
  tgraph.return %u
}
tgraph.jvp @u wrt(%x) -> @u_x
tgraph.jvp @u_x wrt(%x) -> @u_xx
tgraph.jvp @u wrt(%y) -> @u_y
tgraph.jvp @u_y wrt(%y) -> @u_yy
tgraph.module @sum {
  %x = tgraph.arg : tensor<8x1xf64>
  %w = tgraph.arg : tensor<1x16xf64>
  %a = tgraph.arg : tensor<8x1xf64>
  %xw = tgraph.matmul %x, %w
  %aw = tgraph.matmul %a, %w
  %y = tgraph.sub %xw, %aw
  tgraph.return %y
}
