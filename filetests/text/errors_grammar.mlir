// test: verify
%stray = tgraph.arg : f64  // error: text-5 statements of this kind must stand inside a `tgraph.module`
hello
tgraph.module m {  // error: text-5 the module's name, such as `@m`, must stand here, got `m`
  %x = tgraph.arg : f64
  %y = tgraph.sinus %x  // error: op-1 operation must be one of the table, got `tgraph.sinus`
  tgraph.return %y
}
tgraph.module @a {
  %x = tgraph.arg : f64
  %y tgraph.sin %x  // error: text-5 `=` must stand here, got `tgraph.sin`
  %z = sin %x  // error: text-5 an operation must begin with `tgraph.`, got `sin`
  %w = tgraph.sin %x : f64 extra  // error: text-5 an operation must begin with `tgraph.`, got `extra`
  %v = tgraph.sin (%x)  // error: text-5 operands of `tgraph.sin` must stand without parentheses
  %u = tgraph.arg, tgraph.sin : f64  // error: text-5 only `tgraph.arg` and `tgraph.tangent` must share a statement
  %t = tgraph.call f(%x)  // error: text-5 a module such as `@f` must stand here, got `f`
  %s = tgraph.call @f(%x  // error: text-5 `)` must stand here, got `%r`
  %r = tgraph.reduce %x {op "sum"}  // error: text-5 `=` must stand here, got `"sum"`
  %q = tgraph.reduce %x {op = }  // error: text-5 a number, string, list, `true` or `false` must stand here, got `}`
  %p = tgraph.sin %v
  tgraph.return %p
}
tgraph.adjoint @a -> @b  // error: text-5 `wrt(%x)` must stand here, got `->`
tgraph.adjoint @a wrt(%x) wrt(%x) -> @b  // error: text-5 `->` and the new module's name must stand here, got `wrt`
tgraph.taylor @a wrt(%x) order -> @b  // error: text-5 `(` must stand here, got `->`
tgraph.taylor @a wrt(%x) order(-1) -> @b  // error: text-5 an order such as `4` must stand here, got `-`
tgraph.taylor @a wrt(%x) order(1e3) -> @b  // error: text-5 an order such as `4` must stand here, got `1e3`
tgraph.taylor @a wrt(%x) order(99999999999999999999999) -> @b  // error: text-5 an order such as `4` must stand here, got `99999999999999999999999`
tgraph.taylor @a order(2) order(3) wrt(%x) -> @b  // error: text-5 `wrt(%x)` must stand here, got `order`
tgraph.jvp @a wrt %x -> @b  // error: text-5 `(` must stand here, got `%x`
tgraph.hvp @a wrt(%x) dir(%v) @b  // error: text-5 `->` and the new module's name must stand here, got `@b`
tgraph.module @open {
  %x = tgraph.arg : f64
  tgraph.return %x  // error: text-5 the module must be closed with `}`
tgraph.jvp @open wrt(%x) -> @c
