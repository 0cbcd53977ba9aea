// test: print
// test: print hex
tgraph.module @constants {
  %a = tgraph.constant {value = [0x1.8p+1, -inf, nan, -0.0, 1e-300, 2, 4.9e-324]} : tensor<7xf64>
  %b = tgraph.constant {value = [0.1, 16777217, 3.4028235e38, -0x1p-149]} : tensor<4xf32>
  %c = tgraph.constant {value = [[1, -2, 0x10], [3, 4, -9223372036854775808]]} : tensor<2x3xi64>
  %d = tgraph.constant {value = 18446744073709551615} : u64
  %e = tgraph.constant {value = [true, false]} : tensor<2xbool>
  %f = tgraph.constant {value = []} : tensor<4x0xi32>
  %g = tgraph.constant {value = [[], []]} : tensor<2x0xf32>
  %h = tgraph.constant {value = 0.5} : tensor<f64>
  tgraph.return %a, %b, %c, %d, %e, %f, %g, %h
}
// expect:
// > print
// tgraph.module @constants {
//   %a = tgraph.constant {value = [3.0, -inf, nan, -0.0, 1e-300, 2.0, 5e-324]} : tensor<7xf64>
//   %b = tgraph.constant {value = [0.1, 16777216.0, 3.4028235e38, -1e-45]} : tensor<4xf32>
//   %c = tgraph.constant {value = [[1, -2, 16], [3, 4, -9223372036854775808]]} : tensor<2x3xi64>
//   %d = tgraph.constant {value = 18446744073709551615} : u64
//   %e = tgraph.constant {value = [true, false]} : tensor<2xbool>
//   %f = tgraph.constant {value = []} : tensor<4x0xi32>
//   %g = tgraph.constant {value = []} : tensor<2x0xf32>
//   %h = tgraph.constant {value = 0.5} : f64
//   tgraph.return %a, %b, %c, %d, %e, %f, %g, %h : tensor<7xf64>, tensor<4xf32>, tensor<2x3xi64>, u64, tensor<2xbool>, tensor<4x0xi32>, tensor<2x0xf32>, f64
// }
// > print hex
// tgraph.module @constants {
//   %a = tgraph.constant {value = [0x1.8p+1, -inf, nan, -0x0p+0, 0x1.56e1fc2f8f359p-997, 0x1p+1, 0x0.0000000000001p-1022]} : tensor<7xf64>
//   %b = tgraph.constant {value = [0x1.99999ap-4, 0x1p+24, 0x1.fffffep+127, -0x0.000002p-126]} : tensor<4xf32>
//   %c = tgraph.constant {value = [[1, -2, 16], [3, 4, -9223372036854775808]]} : tensor<2x3xi64>
//   %d = tgraph.constant {value = 18446744073709551615} : u64
//   %e = tgraph.constant {value = [true, false]} : tensor<2xbool>
//   %f = tgraph.constant {value = []} : tensor<4x0xi32>
//   %g = tgraph.constant {value = []} : tensor<2x0xf32>
//   %h = tgraph.constant {value = 0x1p-1} : f64
//   tgraph.return %a, %b, %c, %d, %e, %f, %g, %h : tensor<7xf64>, tensor<4xf32>, tensor<2x3xi64>, u64, tensor<2xbool>, tensor<4x0xi32>, tensor<2x0xf32>, f64
// }
