// test: verify
// Wrong shapes, dtypes and attributes of linear algebra.
tgraph.module @m {
  %a = tgraph.arg : tensor<2x3xf64>
  %i = tgraph.arg : tensor<2x2xi64>
  %s = tgraph.arg : tensor<2x2xf64>
  %v = tgraph.arg : tensor<2xf64>
  %l, %info = tgraph.cholesky %a
  %f, %rows, %done = tgraph.lu %i
  %q, %r, %full = tgraph.qr %a
  %x = tgraph.solve %s, %v
  %y = tgraph.solve %s, %a {structure = "symmetric"}
  %z = tgraph.triangular_solve %s, %s {lower = true}
  %d = tgraph.det %v
  %e = tgraph.lstsq %a, %s
  tgraph.return %x
}
// expect:
