// test: verify
tgraph.module @m {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<4x5xf64>
  %v = tgraph.arg : tensor<?xf64>
  %1 = tgraph.matmul %a, %b  // error: matmul-2 inner extents must agree, got 3 and 4
  %2 = tgraph.redcue %a {op = "sum"}  // error: op-1 operation must be one of the table, got `tgraph.redcue`
  %3 = tgraph.frobnicate %a  // error: op-1 operation must be one of the table, got `tgraph.frobnicate`
  %4 = tgraph.add %a, %b  // error: elementwise-3 operands of add must have one shape and dtype, got tensor<2x3xf64> and tensor<4x5xf64>
  %5 = tgraph.reduce %a {op = "total"}  // error: reduce-1 op must be "sum", "mean", "max", "min" or "prod", got "total"
  %6 = tgraph.reduce %a {op = "sum", op = "max"}  // error: attribute-1 attribute `op` must be given once, got it again
  %7 = tgraph.reduce %a {op = sum}  // error: attribute-3 attribute `op` must be true or false, a number, a list of integers, a string or a dtype
  %8 = tgraph.reduce %a {op = "sum", axes = "0"}  // error: attribute-3 attribute `axes` of reduce must be a list of integers, got a string
  %9 = tgraph.matmul %a, %a {transpose_b = 1}  // error: attribute-3 attribute `transpose_b` of matmul must be of the kind and range that it reads, got an integer
  %10 = tgraph.slice %a {starts = [0, 0], limits = [-2, 1]}  // error: attribute-3 attribute `limits` of slice must be of the kind and range that it reads, got a list of integers
  %11 = tgraph.reduce %a {op = "sum", axes = [0.5]}  // error: attribute-2 number must be an integer, got 0.5
  %12 = tgraph.reduce %a {op = "sum", axes = [[0]]}  // error: attribute-3 list must hold integers only
  %13 = tgraph.transpose %a {permutation = [99999999999999999999, 0]}  // error: attribute-2 number must be an integer in its range, got 99999999999999999999
  %14 = tgraph.sin %a : tensor<2x4xf64>  // error: type-3 written type of results must agree with the inferred one, got tensor<2x4xf64> for tensor<2x3xf64>
  %15 = tgraph.sin %a : tensor<2x3xf32>  // error: type-3 written type of results must agree with the inferred one, got tensor<2x3xf32> for tensor<2x3xf64>
  %16 = tgraph.sin %v : tensor<5xf64>  // error: type-3 written type of results must agree with the inferred one, got tensor<5xf64> for tensor<?xf64>
  %17 = tgraph.sin %v : tensor<?xf64>, f64  // error: type-3 number of types of results must be 1, got 2
  %18 = tgraph.reduce %v {op = "sum"} : tensor<3xf64> -> f64  // error: type-3 written type of operands must agree with the inferred one, got tensor<3xf64> for tensor<?xf64>
  %19 = tgraph.sin %a : tensor<2x3xf16>  // error: type-1 type must name a dtype behind its extents, got `tensor<2x3xf16>`
  %20 = tgraph.sin %a : double  // error: type-1 type must name a dtype, got `double`
  %21 = tgraph.sin %a : tensor<2xx3xf64>  // error: type-1 type must name extents that are numbers or `?`, got `tensor<2xx3xf64>`
  %22 = tgraph.sin %a : tensor<99999999999999999999xf64>  // error: type-2 extent must fit 64 bits, got 99999999999999999999
  %23 = tgraph.pad %v {low = [9223372036854775807], high = [0]}
  %24 = tgraph.pad %a {low = [9223372036854775807, 0], high = [9, 0]}  // error: type-2 a tensor must have at most 2^48 elements, got tensor<9223372036854775818x3xf64>
  %25 = tgraph.sin %a : tensor<?x3xf64>
  %26 = tgraph.reduce %a {op = "sum", stable = "fast"}  // error: reduce-4 stable must be "pairwise", "kahan" or "double_double", got "fast"
  %27 = tgraph.reduce %a {op = "max", stable = "kahan"}  // error: reduce-4 stable must be on a sum or mean of floats, got max of tensor<2x3xf64>
  %28 = tgraph.dot %a, %b  // error: dot-2 shapes must agree, got tensor<2x3xf64> and tensor<4x5xf64>
  %29 = tgraph.dot %a, %a {stable = "kahan", op = "sum"}  // error: dot-1 dot must have only the attributes `stable`, got `op`
  tgraph.return %25 : tensor<2x4xf64>  // error: type-3 written type of returned values must agree with the inferred one, got tensor<2x4xf64> for tensor<2x3xf64>
}
