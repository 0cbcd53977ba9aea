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
tgraph.jvp @m wrt(%x) dir(%v) -> @i  // error: ad-6 tgraph.jvp must have no clause but wrt, got dir
tgraph.hvp @many wrt(%x) dir(%v) -> @j
tgraph.vmap @ints over(%x, %i) -> @l
tgraph.vmap @ints over(%z) -> @n  // error: ad-2 over must name inputs of @ints (%x, %i), got %z
tgraph.vmap @ints over() -> @o  // error: ad-2 over must name one or more inputs, got none
tgraph.vmap @ints over(%x) mode(forward) -> @p  // error: ad-6 tgraph.vmap must have no clause but over, size, got mode
tgraph.vjp @many wrt(%x) seed(%w) -> @q  // error: ad-4 seed must name 2 cotangents, got 1
tgraph.vjp @many wrt(%x) seed(%x, %w) -> @r  // error: ad-4 seed must name new cotangents, each once, got %x again
tgraph.jmp @m wrt(%x) dir(%v) seed(%v) -> @s  // error: ad-4 seed must name new cotangents, each once, got %v again
tgraph.jacobian @m wrt(%x) size(3) -> @t  // error: ad-6 tgraph.jacobian must have no clause but wrt, mode, got size
tgraph.linearize @m wrt(%x) -> @u  // error: ad-6 tgraph.linearize must make two modules, got one
tgraph.adjoint @m wrt(%x) -> @v, @w  // error: ad-6 tgraph.adjoint must make one module, got two
tgraph.linearize @m wrt(%x) -> @m_at, @m  // error: ad-5 the target must be a new name, got @m
tgraph.jvp @ints wrt(%x) -> @k  // error: ad-3 outputs of @ints must be floats, got tensor<3xi64>
tgraph.taylor @many wrt(%x) order(3) -> @many_taylor
tgraph.taylor @many_taylor wrt(%x) order(64) -> @many_taylor_taylor
tgraph.taylor @m wrt(%x) -> @t_l  // error: taylor-1 order must be 1 to 64, got none
tgraph.taylor @m wrt(%x) order(0) -> @t_n  // error: taylor-1 order must be 1 to 64, got 0
tgraph.taylor @m wrt(%x) order(65) -> @t_o  // error: taylor-1 order must be 1 to 64, got 65
tgraph.jvp @m wrt(%x) order(2) -> @t_p  // error: ad-6 tgraph.jvp must have no clause but wrt, got order
tgraph.taylor @m wrt(%x) dir(%v) order(2) -> @t_q  // error: ad-6 tgraph.taylor must have no clause but wrt, order, got dir
