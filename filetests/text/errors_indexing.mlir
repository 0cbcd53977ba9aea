// test: verify
tgraph.module @m {
  %x = tgraph.arg : tensor<4x3xf64>
  %b = tgraph.arg : tensor<4xbool>
  %i = tgraph.arg : tensor<5xi64>
  %k = tgraph.arg : i64
  %f = tgraph.arg : f64
  %v = tgraph.arg : tensor<?xf64>
  %1 = tgraph.floor %i  // error: elementwise-2 floor must be of a dtype it is defined for, got tensor<5xi64>
  %2 = tgraph.rem %x, %x  // error: elementwise-2 rem must be of a dtype it is defined for, got tensor<4x3xf64>
  %3 = tgraph.shift_left %b, %b  // error: elementwise-2 shift_left must be of a dtype it is defined for, got tensor<4xbool>
  %4 = tgraph.gather %x, %i {axis = 2}  // error: gather-1 axis must be below 2, got 2
  %5 = tgraph.gather %x, %v  // error: gather-2 indices must be integers with the first 0 axes of tensor<4x3xf64>, got tensor<?xf64>
  %6 = tgraph.gather %x, %i {axis = 1, batch = 1}  // error: gather-2 indices must be integers with the first 1 axes of tensor<4x3xf64>, got tensor<5xi64>
  %7 = tgraph.gather %x, %i {axis = 0, batch = 1}  // error: gather-1 `axis` and `batch` must be 0 or more, and `batch` at most `axis`
  %8 = tgraph.gather %x {axis = 0}  // error: gather-1 gather must have 2 operands, got 1
  %9 = tgraph.scatter_add %x, %i, %x {axis = 0}  // error: scatter_add-3 what is added must be tensor<5x3xf64>, got tensor<4x3xf64>
  %10 = tgraph.scatter_add %x, %i {axis = 1}  // error: scatter_add-1 scatter_add must have 2 operands and `extent`, or 3, got 2
  %11 = tgraph.scatter_add %x, %i {axis = 3, extent = 2}  // error: scatter_add-1 axis must be one of the result, got 3 for tensor<5xi64>
  %12 = tgraph.scatter_add %b, %i {axis = 0, extent = 2}  // error: scatter_add-1 what is added must be numbers, got tensor<4xbool>
  %13 = tgraph.scatter_add %x, %i {extent = -1}  // error: scatter_add-1 `extent` must be 0 or more
  %14 = tgraph.one_hot %x {extent = 3, to = "f64"}  // error: one_hot-1 indices must be integers, got tensor<4x3xf64>
  %15 = tgraph.one_hot %i {extent = 3}  // error: one_hot-1 one_hot must have `extent`, 0 or more, and `to`, a dtype in quotes
  %16 = tgraph.dynamic_slice %x, %i {axis = 0, size = 1}  // error: dynamic_slice-1 axis must be below 2 and the index an integer scalar, got 0 and tensor<5xi64>
  %17 = tgraph.dynamic_slice %x, %k {axis = 0, size = 5}  // error: dynamic_slice-2 size must be at most 4, got 5
  %18 = tgraph.dynamic_slice %x, %k {axis = 0}  // error: dynamic_slice-1 dynamic_slice must have `axis` and `size`, 0 or more
  %19 = tgraph.dynamic_update_slice %x, %v, %k {axis = 0}  // error: dynamic_update_slice-2 tensor<?xf64> must fit into tensor<4x3xf64> along axis 0
  %20 = tgraph.dynamic_update_slice %x, %x, %f {axis = 0}  // error: dynamic_update_slice-1 axis must be below 2 and the index an integer scalar, got 0 and f64
  %21 = tgraph.reverse %x {axes = [1, 0]}  // error: reverse-1 axes must be ascending and below 2, got [1, 0]
  %22 = tgraph.sort %x {axis = 2}  // error: sort-1 axis must be below 2, got 2
  %23 = tgraph.argsort %x  // error: argsort-1 argsort must have the attribute `axis`, 0 or more
  %24 = tgraph.argmax %b {axis = 0}  // error: argmax-1 argmax must run over at least one number, got tensor<4xbool>
  %25 = tgraph.argmin %x, %x {axis = 0}  // error: argmin-1 argmin must have 1 operand, got 2
  %26 = tgraph.cumsum %b {axis = 0}  // error: cumsum-1 cumsum must have a numeric operand with axis 0, got tensor<4xbool>
  %27 = tgraph.cumsum %x {axis = 0, reverse = 1}  // error: attribute-3 attribute `reverse` of cumsum must be of the kind and range that it reads, got an integer
  %28 = tgraph.is_nan %i  // error: is_nan-1 is_nan must have a float operand, got tensor<5xi64>
  %29 = tgraph.is_finite %x {axis = 1}  // error: is_finite-1 is_finite must have no attributes, got `axis`
  %30 = tgraph.norm %i  // error: norm-1 norm must have a float operand, got tensor<5xi64>
  %31 = tgraph.norm %x {axes = [2]}  // error: norm-1 axes must be ascending and below 2, got [2]
  tgraph.return %x
}
tgraph.module @products {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<4x5xf64>
  %i = tgraph.arg : tensor<2x3xi64>
  %x = tgraph.arg : tensor<?x4x8xf64>
  %w = tgraph.arg : tensor<2x4x3xf64>
  %s = tgraph.arg : u64
  %1 = tgraph.contract %a, %b {einsum = "ij,jk->ik"}  // error: contract-3 axes `j` must have one extent, got 3 and 4
  %2 = tgraph.contract %a, %b {einsum = "ij,jk"}  // error: contract-1 einsum must be such as "ij,jk->ik", each letter once in a part, got "ij,jk"
  %3 = tgraph.contract %a, %b {einsum = "ii,jk->ik"}  // error: contract-1 einsum must be such as "ij,jk->ik", each letter once in a part, got "ii,jk->ik"
  %4 = tgraph.contract %a {einsum = "ij->ijk"}  // error: contract-1 einsum must be such as "ij,jk->ik", each letter once in a part, got "ij->ijk"
  %5 = tgraph.contract %a {einsum = "ij,jk->ik"}  // error: contract-2 operands must be floats with the axes ij,jk->ik, got tensor<2x3xf64>
  %6 = tgraph.contract %i {einsum = "ij->i"}  // error: contract-2 operands must be floats with the axes ij->i, got tensor<2x3xi64>
  %7 = tgraph.contract %a, %b {einsum = "ij,kl->il", strong = 2}  // error: contract-1 strong must be 0 or 1, got 2
  %8 = tgraph.convolution %a, %w  // error: convolution-1 operands must be floats with 3 to 5 axes, static but for the samples, got tensor<2x3xf64> and tensor<2x4x3xf64>
  %9 = tgraph.convolution %x, %w {groups = 2}  // error: convolution-2 groups must divide the channels of tensor<?x4x8xf64> and the features of tensor<2x4x3xf64>, got 2
  %10 = tgraph.convolution %x, %w {groups = 0}  // error: convolution-2 groups must be 1 or more, got 0
  %11 = tgraph.convolution %x, %w {strides = [0]}  // error: convolution-3 windows over 1 axes must have 1 numbers in each list, the sizes and steps 1 or more, got sizes [3], strides [0] and dilations [1], low [0] and high [0]
  %12 = tgraph.convolution %x, %w {strides = [1, 1]}  // error: convolution-3 windows over 1 axes must have 1 numbers in each list, the sizes and steps 1 or more, got sizes [3], strides [1, 1] and dilations [1], low [0] and high [0]
  %13 = tgraph.convolution %x, %w {dilations = [4]}  // error: convolution-3 a window of 3 must fit into 8 elements with their padding
  %14 = tgraph.unfold %a {sizes = [4]}  // error: unfold-2 a window of 4 must fit into 3 elements with their padding
  %15 = tgraph.unfold %a {sizes = [1, 1, 1]}  // error: unfold-1 tensor<2x3xf64> must have 3 axes or more
  %16 = tgraph.unfold %a {sizes = [1], low = [-1]}  // error: unfold-1 `low` must hold no negative number, got [-1]
  %17 = tgraph.fold %a, %b {sizes = [2]}  // error: fold-2 windows over tensor<4x5xf64> must be tensor<4x2x4xf64>, got tensor<2x3xf64>
  %18 = tgraph.fold %i, %b {sizes = [2]}  // error: fold-1 operands must be numbers of one dtype, got tensor<2x3xi64> and tensor<4x5xf64>
  %19 = tgraph.random.uniform %s {stream = 1}  // error: random-3 random.uniform must have a written type of floats
  %20 = tgraph.random.uniform %s : tensor<4xf64>  // error: random-1 a draw must have the attribute `stream`, 0 or more
  %21 = tgraph.random.normal %s {stream = 1} : tensor<?xf64>  // error: random-3 random.normal of tensor<?xf64> must be static, or have a second operand for the shape
  %22 = tgraph.random.exponential %s {stream = 1} : tensor<4xi64>  // error: random-3 random.exponential must have a written type of floats
  %23 = tgraph.random.bits %a, %i {stream = 1}  // error: random-2 the seed must be an integer scalar, got tensor<2x3xf64>
  %24 = tgraph.random.bits %s, %a {stream = 1}  // error: random-2 indices must be integers with the axes of the seed first, got tensor<2x3xf64>
  %25 = tgraph.random.bits %s, %i {stream = -1}  // error: random-1 a draw must have the attribute `stream`, 0 or more
  %26 = tgraph.random.bits %s, %i {stream = 1, half = 2}  // error: random-1 half must be 0 or 1, got 2
  %27 = tgraph.random.permutation %s {stream = 1} : tensor<4xf64>  // error: random-3 random.permutation must have a written type such as tensor<8xi64>
  %28 = tgraph.atan2 %a, %b  // error: elementwise-3 operands of atan2 must have one shape and dtype, got tensor<2x3xf64> and tensor<4x5xf64>
  tgraph.return %a
}
