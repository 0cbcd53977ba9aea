// test: verify
tgraph.module @m {
  %x = tgraph.arg : tensor<2xf64>
  %a = tgraph.sin %xx  // error: value-1 value must be defined before it is used, got %xx
  %b = tgraph.cos %xx
  %x = tgraph.cos %x  // error: value-2 value must be defined once, got %x again
  %c, %d = tgraph.sin %x  // error: value-3 number of names left of `=` must be 1, got 2
  tgraph.cos %x  // error: value-3 number of names left of `=` must be 1, got 0
  %e = tgraph.tangent : f64  // error: input-1 a tangent must follow its argument, or name it
  %f = tgraph.tangent %c  // error: input-1 a tangent must be of an input, got a computed value
  %n = tgraph.arg : i64
  %dn = tgraph.tangent %n  // error: input-1 a tangent must be of a float, got i64
  %g, %dg = tgraph.arg, tgraph.tangent : f64, f32  // error: input-1 a tangent must have its argument's type f64, got f32
  %h = tgraph.arg  // error: type-4 input %h must have a written type
  %i, %j = tgraph.arg : f64  // error: value-3 number of names left of `=` must be 1, got 2
  %k = tgraph.return %x  // error: value-3 `tgraph.return` must define no value
}
tgraph.module @n {
  %x = tgraph.arg : f64
  tgraph.return %x
  %y = tgraph.sin %x  // error: module-2 `tgraph.return` must be the last statement of its module
}
tgraph.module @o {
  %x = tgraph.arg : f64
}  // error: module-2 module @o must end with `tgraph.return`
tgraph.module @p {
  tgraph.return  // error: module-2 `tgraph.return` must name one or more values, got none
}
