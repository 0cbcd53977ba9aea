// test: verify
tgraph.module @m {
  %1 = tgraph.constant {value = [1, 2]} : tensor<3xf64>  // error: attribute-4 `value` must nest as tensor<3xf64>: a list must have 3 entries, got 2
  %2 = tgraph.constant {value = [1, [2]]} : tensor<2xf64>  // error: attribute-4 `value` must nest as tensor<2xf64>: a number must stand here, got a list
  %3 = tgraph.constant {value = 1} : tensor<2xf64>  // error: attribute-4 `value` must nest as tensor<2xf64>: a list of 2 entries must stand here, got a number
  %4 = tgraph.constant {value = [1]} : f64  // error: attribute-4 `value` must nest as f64: a number must stand here, got a list
  %5 = tgraph.constant {value = 1.5} : i64  // error: attribute-2 number of i64 must be an integer
  %6 = tgraph.constant {value = -1} : u32  // error: attribute-2 number of u32 must be an integer in its range
  %7 = tgraph.constant {value = 2147483648} : i32  // error: attribute-2 number of i32 must be an integer in its range
  %8 = tgraph.constant {value = 1e999} : f64  // error: attribute-2 number of f64 must be in its range, or `inf`
  %9 = tgraph.constant {value = 0x1.000001p0} : f32  // error: attribute-2 number of f32 must be a hex float that is exact in its dtype
  %10 = tgraph.constant {value = 1} : bool  // error: attribute-2 number of bool must be true or false
  %11 = tgraph.constant {value = "1"} : f64  // error: attribute-2 number of f64 must be a number
  %12 = tgraph.constant {value = infinity} : f64  // error: attribute-2 number of f64 must be a number, `inf` or `nan`
  %13 = tgraph.constant {value = 1.0}  // error: constant-1 `value` must have a written type that says what its numbers are
  %14 = tgraph.constant {value = []} : tensor<?xf64>  // error: constant-1 the type of a constant must be static, got tensor<?xf64>
  %15 = tgraph.constant : f64  // error: constant-1 constant must have `value` and a written type
  %16 = tgraph.constant %1 {value = 1} : f64  // error: constant-1 constant must have no operand, got 1
  %17 = tgraph.constant {value = - 1} : f64
  %18 = tgraph.constant {value = -true} : bool  // error: text-5 a number must stand here, got `true`
  %19 = tgraph.constant {value = 1.2.3} : f64  // error: attribute-2 number of f64 must be a number such as 2, 0.5, 1e-3 or 0x1.8p+1
  tgraph.return %17
}
