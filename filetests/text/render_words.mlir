// test: render
// Words that are no operation's name, but in what one says that it is.
tgraph.module @heat {
  %a = tgraph.arg : tensor<2x3xf64>
  %s = tgraph.sum %a
  %e = tgraph.einsum %a, %a
  tgraph.return %s
}
// expect:
// error[op-1]: operation must be one of the table, got `tgraph.sum`
//  --> render_words.mlir:5:8
//   |
// 5 |   %s = tgraph.sum %a
//   |        ^^^^^^^^^^
//   |
//   = help: `tgraph.reduce` is described by this word, as in `%s = tgraph.reduce %x {op = "sum", axes = [0]} : tensor<64xf64>`, or run `tessera explain op-1`
//
// error[op-1]: operation must be one of the table, got `tgraph.einsum`
//  --> render_words.mlir:6:8
//   |
// 6 |   %e = tgraph.einsum %a, %a
//   |        ^^^^^^^^^^^^^
//   |
//   = help: `tgraph.contract` is described by this word, as in `%y = tgraph.contract %a, %b {einsum = "bij,bjk->bik"} : tensor<?x3x4xf64>`, or run `tessera explain op-1`
