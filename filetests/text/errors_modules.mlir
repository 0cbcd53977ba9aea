// test: verify
tgraph.module @self {
  %x = tgraph.arg : f64
  %y = tgraph.call @self(%x) : f64  // error: module-4 a module must not call itself, got the cycle @self -> @self
  tgraph.return %y
}
tgraph.module @ping {
  %x = tgraph.arg : f64
  %y = tgraph.call @pong(%x) : f64
  tgraph.return %y
}
tgraph.module @pong {
  %x = tgraph.arg : f64
  %y = tgraph.call @ping(%x) : f64  // error: module-4 a module must not call itself, got the cycle @ping -> @pong -> @ping
  tgraph.return %y
}
tgraph.module @f {
  %x = tgraph.arg : tensor<?x3xf64>
  %y = tgraph.matmul %x, %x
  tgraph.return %y
}
tgraph.module @f {  // error: module-1 a module's name must be new, got @f again
  %x = tgraph.arg : f64
  tgraph.return %x
}
tgraph.module @g {
  %x = tgraph.arg : tensor<4x3xf64>
  %1 = tgraph.call @f(%x)  // error: matmul-2 inner extents must agree, got 3 and 4
  %2 = tgraph.call @f(%x, %x)  // error: call-1 call of @f must have 1 operands, got 2
  %3 = tgraph.sin %x
  %4 = tgraph.reduce %3 {op = "sum"}
  %5 = tgraph.call @f(%4)  // error: call-2 operand 0 of the call of @f must be tensor<?x3xf64>, got f64
  %6 = tgraph.call @ff(%x)  // error: module-3 a call must name a module, got @ff
  %7 = tgraph.call @made(%x)
  %8 = tgraph.call @ping(%4)
  tgraph.return %8
}
tgraph.jvp @g wrt(%x) -> @made  // error: module-4 a module must not call itself, got the cycle @g -> @made -> @g
