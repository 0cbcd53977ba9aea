// Random programs for digests, made once by tessera_testing::generate from fixed numbers; kept as text, so that a new operation
// does not alter them.

tgraph.module @f0 {
  %x0, %d0 = tgraph.arg, tgraph.tangent : tensor<?x?x1xf64>
  %0 = tgraph.sigmoid %d0 : tensor<?x?x1xf64>
  %tanh = tgraph.tanh %x0 : tensor<?x?x1xf64>
  %neg = tgraph.neg %x0 : tensor<?x?x1xf64>
  %y_1 = tgraph.min %neg, %neg : tensor<?x?x1xf64>
  %0_1 = tgraph.sin %d0 : tensor<?x?x1xf64>
  %broadcast = tgraph.broadcast %d0, %x0 {dims = [0, 1, 2]} : tensor<?x?x1xf64>
  %0_2 = tgraph.logsumexp %d0 : tensor<?x?x1xf64> -> tensor<?x?xf64>
  tgraph.return %0_2, %broadcast : tensor<?x?xf64>, tensor<?x?x1xf64>
}

tgraph.module @f1 {
  %x0 = tgraph.arg : tensor<2x2xf64>
  %softmax = tgraph.softmax %x0 : tensor<2x2xf64>
  %sign = tgraph.sign %softmax : tensor<2x2xf64>
  %0 = tgraph.transpose %sign {permutation = [0, 1]} : tensor<2x2xf64>
  %zeros_like = tgraph.zeros_like %x0 : tensor<2x2xf64>
  %sign_1 = tgraph.sign %x0 : tensor<2x2xf64>
  %sin = tgraph.reciprocal %sign_1 : tensor<2x2xf64>
  %y_1 = tgraph.max %x0, %x0 : tensor<2x2xf64>
  %sigmoid = tgraph.sigmoid %0 : tensor<2x2xf64>
  tgraph.return %sigmoid : tensor<2x2xf64>
}

tgraph.module @f2 {
  %x0 = tgraph.arg : tensor<2x?xf64>
  %x1, %d1 = tgraph.arg, tgraph.tangent : tensor<3x3xf64>
  %log = tgraph.log %x1 : tensor<3x3xf64>
  %y = tgraph.max %d1, %x1 : tensor<3x3xf64>
  %transpose = tgraph.transpose %x1 {permutation = [0, 1]} : tensor<3x3xf64>
  %add = tgraph.add %x0, %x0 : tensor<2x?xf64>
  %reduce = tgraph.reduce %x1 {op = "prod"} : tensor<3x3xf64> -> f64
  %nu = tgraph.pad %d1 {low = [2, 1], high = [1, 1], interior = [1, 0]} : tensor<3x3xf64> -> tensor<8x5xf64>
  %logsumexp = tgraph.logsumexp %d1 : tensor<3x3xf64> -> tensor<3xf64>
  tgraph.return %logsumexp : tensor<3xf64>
}

tgraph.module @f3 {
  %x0 = tgraph.arg : tensor<1x2xu32>
  %x1, %d1 = tgraph.arg, tgraph.tangent : tensor<3xf64>
  %cos = tgraph.cos %d1 : tensor<3xf64>
  %y = tgraph.neg %x0 : tensor<1x2xu32>
  %pow = tgraph.pow %x1, %x1 : tensor<3xf64>
  %y_1 = tgraph.softmax %pow : tensor<3xf64>
  %a_b = tgraph.reduce %y {op = "prod", axes = [1]} : tensor<1x2xu32> -> tensor<1xu32>
  %nu = tgraph.zeros_like %d1 : tensor<3xf64>
  %min = tgraph.min %cos, %cos : tensor<3xf64>
  tgraph.return %min : tensor<3xf64>
}

tgraph.module @f4 {
  %x0 = tgraph.arg : tensor<1x2x?xf32>
  %tanh = tgraph.tanh %x0 : tensor<1x2x?xf32>
  %sin = tgraph.reduce %x0 {op = "mean"} : tensor<1x2x?xf32> -> f32
  %0 = tgraph.min %tanh, %tanh : tensor<1x2x?xf32>
  %y_1 = tgraph.tanh %x0 : tensor<1x2x?xf32>
  %nu = tgraph.matmul %y_1, %0 {transpose_a = true, transpose_b = true} : tensor<1x?x2xf32>
  %max = tgraph.max %nu, %nu : tensor<1x?x2xf32>
  %0_1 = tgraph.exp %x0 : tensor<1x2x?xf32>
  %log = tgraph.log %x0 : tensor<1x2x?xf32>
  tgraph.return %log, %0_1 : tensor<1x2x?xf32>, tensor<1x2x?xf32>
}

tgraph.module @f5 {
  %x0 = tgraph.arg : tensor<3x1xf64>
  %x1 = tgraph.arg : tensor<2x0xf64>
  %x2, %d2 = tgraph.arg, tgraph.tangent : tensor<0x1xf64>
  %softmax = tgraph.softmax %d2 : tensor<0x1xf64>
  %log = tgraph.log %softmax : tensor<0x1xf64>
  %0 = tgraph.slice %x0 {starts = [1, 0], limits = [1, -1]} : tensor<3x1xf64> -> tensor<0x1xf64>
  %nu = tgraph.sub %d2, %d2 : tensor<0x1xf64>
  %reduce = tgraph.reduce %0 {op = "prod", axes = []} : tensor<0x1xf64>
  %add = tgraph.add %d2, %d2 : tensor<0x1xf64>
  %broadcast = tgraph.broadcast %0 {dims = [0, 1], shape = [0, 1, 2]} : tensor<0x1xf64> -> tensor<0x1x2xf64>
  %cos = tgraph.cos %nu : tensor<0x1xf64>
  %tanh = tgraph.tanh %x0 : tensor<3x1xf64>
  tgraph.return %tanh : tensor<3x1xf64>
}

tgraph.module @f6 {
  %x0, %d0 = tgraph.arg, tgraph.tangent : tensor<3xf64>
  %x1 = tgraph.arg : tensor<2xbool>
  %div = tgraph.div %d0, %d0 : tensor<3xf64>
  %softmax = tgraph.softmax %div : tensor<3xf64>
  %reciprocal = tgraph.reciprocal %div : tensor<3xf64>
  %y = tgraph.reduce %x0 {op = "prod", axes = [0]} : tensor<3xf64> -> f64
  %cos = tgraph.cos %x0 : tensor<3xf64>
  %size = tgraph.size %softmax {axes = []} : tensor<3xf64> -> f64
  %nu = tgraph.neg %softmax : tensor<3xf64>
  tgraph.return %nu : tensor<3xf64>
}

tgraph.module @f7 {
  %x0, %d0 = tgraph.arg, tgraph.tangent : tensor<?xf32>
  %x1 = tgraph.arg : tensor<2x0xf64>
  %x2 = tgraph.arg : tensor<1x?xbool>
  %mul_strong = tgraph.mul_strong %x1, %x1 : tensor<2x0xf64>
  %0 = tgraph.reshape %x1 {shape = [1, -1]} : tensor<2x0xf64> -> tensor<1x0xf64>
  %softmax = tgraph.softmax %x0 : tensor<?xf32>
  %sin = tgraph.sin %0 : tensor<1x0xf64>
  %nu = tgraph.compare %mul_strong, %mul_strong {direction = "eq"} : tensor<2x0xbool>
  %reshape = tgraph.reshape %x1 {shape = [1, -1]} : tensor<2x0xf64> -> tensor<1x0xf64>
  %broadcast = tgraph.broadcast %x0, %x0 {dims = [0]} : tensor<?xf32>
  tgraph.return %broadcast : tensor<?xf32>
}

tgraph.module @f8 {
  %x0 = tgraph.arg : tensor<3x2xf32>
  %nu = tgraph.abs %x0 : tensor<3x2xf32>
  %sin = tgraph.abs %nu : tensor<3x2xf32>
  %pow = tgraph.pow %nu, %nu : tensor<3x2xf32>
  %exp = tgraph.exp %sin : tensor<3x2xf32>
  %nu_1 = tgraph.size %nu {axes = [0, 1]} : tensor<3x2xf32> -> f32
  %softmax = tgraph.softmax %nu : tensor<3x2xf32>
  %sqrt = tgraph.sqrt %pow : tensor<3x2xf32>
  tgraph.return %sqrt : tensor<3x2xf32>
}

tgraph.module @f9 {
  %x0, %d0 = tgraph.arg, tgraph.tangent : tensor<2x?xf64>
  %concat = tgraph.concat %d0, %d0, %d0 {axis = 0} : tensor<6x?xf64>
  %slice = tgraph.slice %x0 {starts = [1, 1], limits = [2, 2]} : tensor<2x?xf64> -> tensor<1x1xf64>
  %size = tgraph.size %concat {axes = [0, 1]} : tensor<6x?xf64> -> f64
  %reduce = tgraph.reduce %size {op = "prod"} : f64
  %y_1 = tgraph.softmax %slice : tensor<1x1xf64>
  %a_b = tgraph.log %x0 : tensor<2x?xf64>
  %sigmoid = tgraph.sigmoid %d0 : tensor<2x?xf64>
  tgraph.return %sigmoid : tensor<2x?xf64>
}

tgraph.module @f10 {
  %x0 = tgraph.arg : tensor<2x2xf64>
  %nu = tgraph.sign %x0 : tensor<2x2xf64>
  %div = tgraph.div %x0, %x0 : tensor<2x2xf64>
  %softmax = tgraph.softmax %div : tensor<2x2xf64>
  %add = tgraph.add %div, %div : tensor<2x2xf64>
  %exp = tgraph.exp %nu : tensor<2x2xf64>
  %y_1 = tgraph.relu %softmax : tensor<2x2xf64>
  %sigmoid = tgraph.sigmoid %x0 : tensor<2x2xf64>
  %abs = tgraph.abs %sigmoid : tensor<2x2xf64>
  tgraph.return %abs : tensor<2x2xf64>
}

tgraph.module @f11 {
  %x0 = tgraph.arg : tensor<2x3xf32>
  %x1, %d1 = tgraph.arg, tgraph.tangent : tensor<3xf32>
  %sign = tgraph.sign %x1 : tensor<3xf32>
  %sqrt = tgraph.sqrt %d1 : tensor<3xf32>
  %slice = tgraph.slice %sqrt {starts = [1], limits = [1]} : tensor<3xf32> -> tensor<0xf32>
  %reshape = tgraph.reshape %slice, %slice : tensor<0xf32>
  %y_1 = tgraph.transpose %x1 {permutation = [0]} : tensor<3xf32>
  %exp = tgraph.exp %d1 : tensor<3xf32>
  %y_1_1 = tgraph.concat %x0, %x0, %x0 {axis = 1} : tensor<2x9xf32>
  tgraph.return %y_1_1 : tensor<2x9xf32>
}
