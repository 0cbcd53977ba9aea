// test: verify
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.sin %x # ; : tensor<2xf64>  // error: text-2 text must be made of the grammar's characters, got `#`  // error: text-2 text must be made of the grammar's characters, got `;`
  %b = tgraph.reduce %x {op = "sum}  // error: text-3 string must be closed with `"` on its line, got the line's end
  %c = tgraph.reduce %x {op = "s\qum"}  // error: text-3 escape must be \", \\, \n, \t or \u{…}, got `\qum`
  %d = tgraph.sin % : tensor<2xf64>  // error: text-2 a name must follow `%`  // error: value-1 value must be defined before it is used, got %
  %e = tgraph.arg : tensor<2xf64  // error: type-1 tensor type must be closed with `>` on its line
  %f = tgraph.sin %x : tensor<2xf64>
  tgraph.return %f
}
tgraph.module @n {
  %x = tgraph.arg : f64
  tgraph.return %x
}
/* never closed  // error: text-4 comment must be closed with `*/`, got the end of the text
