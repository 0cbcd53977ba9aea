// test: pass expand
// How least squares are solved follows from which extent is larger: with open extents they stay.
tgraph.module @tall {
  %a = tgraph.arg : tensor<4x2xf64>
  %b = tgraph.arg : tensor<4x1xf64>
  %x = tgraph.lstsq %a, %b
  tgraph.return %x
}
tgraph.module @open {
  %a = tgraph.arg : tensor<4x?xf64>
  %b = tgraph.arg : tensor<4x1xf64>
  %x = tgraph.lstsq %a, %b
  tgraph.return %x
}
// expect:
// tgraph.module @tall {
//   %a = tgraph.arg : tensor<4x2xf64>
//   %b = tgraph.arg : tensor<4x1xf64>
//   %qr, %qr_1, %qr_2 = tgraph.qr %a : tensor<4x2xf64>, tensor<2x2xf64>, i64
//   %matmul = tgraph.matmul %qr, %b {transpose_a = true} : tensor<2x1xf64>
//   %x = tgraph.triangular_solve %qr_1, %matmul {upper = true} : tensor<2x1xf64>
//   tgraph.return %x : tensor<2x1xf64>
// }
//
// tgraph.module @open {
//   %a = tgraph.arg : tensor<4x?xf64>
//   %b = tgraph.arg : tensor<4x1xf64>
//   %x = tgraph.lstsq %a, %b : tensor<?x1xf64>
//   tgraph.return %x : tensor<?x1xf64>
// }
