// test: verify
tgraph.module @m {
  %x = tgraph.arg : tensor<3xf64>
  %labels = tgraph.arg : tensor<3xi64>
  %y = tgraph.sin %x
  %s = tgraph.reduce %y {op = "sum"}
  tgraph.return %s
}
tgraph.module @many {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.sin %x
  tgraph.return %y, %x
}
tgraph.module @ints {
  %x = tgraph.arg : tensor<3xf64>
  %i = tgraph.arg : tensor<3xi64>
  tgraph.return %i
}
tgraph.adjoint @m wrt(%x) -> @m_grad
tgraph.adjoint @m_grad wrt(%x) -> @m_grad_grad
tgraph.hvp @m wrt(%x) dir(%v) -> @m_hvp
tgraph.adjoint @mm wrt(%x) -> @a  // error: ad-5 the source must be a module, got @mm
tgraph.adjoint @m wrt(%X) -> @b  // error: ad-2 wrt must name inputs of @m (%x, %labels), got %X
tgraph.adjoint @m wrt(%labels) -> @c  // error: ad-2 wrt must name float inputs, got %labels of tensor<3xi64>
tgraph.adjoint @m wrt(%x, %x) -> @d  // error: ad-2 wrt must name each input once, got %x again
tgraph.adjoint @m wrt() -> @e  // error: ad-2 wrt must name one or more inputs, got none
tgraph.adjoint @m wrt(%x) -> @m  // error: ad-5 the target must be a new name, got @m
tgraph.adjoint @m wrt(%x) -> @m_grad  // error: ad-5 the target must be a new name, got @m_grad
tgraph.hvp @m wrt(%x) -> @f  // error: ad-4 dir must name 1 directions, got 0
tgraph.hvp @m wrt(%x) dir(%v, %w) -> @g  // error: ad-4 dir must name 1 directions, got 2
tgraph.hvp @m wrt(%x) dir(%x) -> @h  // error: ad-4 dir must name new directions, each once, got %x again
tgraph.jvp @m wrt(%x) dir(%v) -> @i  // error: ad-4 dir must name 0 directions, got 1
tgraph.hvp @many wrt(%x) dir(%v) -> @j  // error: ad-3 hvp must have one scalar output, got tensor<3xf64>, tensor<3xf64>
tgraph.jvp @ints wrt(%x) -> @k  // error: ad-3 outputs of @ints must be floats, got tensor<3xi64>
tgraph.taylor @many wrt(%x) order(3) -> @many_taylor
tgraph.taylor @many_taylor wrt(%x) order(64) -> @many_taylor_taylor
tgraph.taylor @m wrt(%x) -> @l  // error: taylor-1 taylor must have an order, got none
tgraph.taylor @m wrt(%x) order(0) -> @n  // error: taylor-1 order must be 1 to 64, got 0
tgraph.taylor @m wrt(%x) order(65) -> @o  // error: taylor-1 order must be 1 to 64, got 65
tgraph.jvp @m wrt(%x) order(2) -> @p  // error: taylor-1 jvp must have no order, got 2
tgraph.taylor @m wrt(%x) dir(%v) order(2) -> @q  // error: ad-4 dir must name 0 directions, got 1
