// test: print
// Everything that the grammar knows, in unusual spelling.
tgraph.adjoint @late wrt(%p, %q) -> @late_grad
/* A block
   comment. */
tgraph.module @early { %x, %dx = tgraph.arg, tgraph.tangent : tensor<2x?xf64> // behind a brace
  %d2 = tgraph.tangent %x
  %c,
  %r = tgraph.call @late(%x,
     %dx) : (tensor<2x?xf64>, tensor<2x?xf64>) -> (tensor< 2 x ? x f64 >, f64)
  %0 = tgraph.add %c, %c
  tgraph.return %0, %r, %d2 : tensor<2x?xf64>, f64, tensor<?x?xf64> }
tgraph.module @late {
  %p = tgraph.arg : tensor<2x?xf64>
  %q = tgraph.arg : tensor<2x?xf64>
  %t = tgraph.matmul %p, %q {transpose_b = true}
  %ν = tgraph.reduce %t {op = "\u{6d}ax", axes = []}
  %u = tgraph.reduce %ν {axes = [0, 1], op = "max"}
  tgraph.return %p, %u
}
// expect:
// tgraph.module @late {
//   %p = tgraph.arg : tensor<2x?xf64>
//   %q = tgraph.arg : tensor<2x?xf64>
//   %t = tgraph.matmul %p, %q {transpose_b = true} : tensor<2x2xf64>
//   %ν = tgraph.reduce %t {op = "max", axes = []} : tensor<2x2xf64>
//   %u = tgraph.reduce %ν {op = "max", axes = [0, 1]} : tensor<2x2xf64> -> f64
//   tgraph.return %p, %u : tensor<2x?xf64>, f64
// }
//
// tgraph.module @early {
//   %x, %dx = tgraph.arg, tgraph.tangent : tensor<2x?xf64>
//   %d2 = tgraph.tangent %x : tensor<2x?xf64>
//   %c, %r = tgraph.call @late(%x, %dx) : tensor<2x?xf64>, f64
//   %0 = tgraph.add %c, %c : tensor<2x?xf64>
//   tgraph.return %0, %r, %d2 : tensor<2x?xf64>, f64, tensor<2x?xf64>
// }
//
// tgraph.adjoint @late wrt(%p, %q) -> @late_grad
