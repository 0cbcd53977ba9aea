// test: verify
// Statements whose targets are called: what is wrong with them is said once, and so is a circle.
tgraph.module @m {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.sin %x
  tgraph.return %y
}
tgraph.jvp @m wrt(%z) -> @a  // error: ad-2 wrt must name inputs of @m (%x), got %z
tgraph.jvp @missing wrt(%x) -> @b  // error: ad-5 the source must be a module, got @missing
tgraph.jvp @m wrt(%x) size(3) -> @c  // error: ad-6 tgraph.jvp must have no clause but wrt, got size
tgraph.jvp @circle wrt(%x) -> @d  // error: module-4 a module must not call itself, got the cycle @circle -> @d -> @circle
tgraph.linearize @m wrt(%x) -> @at, @linear
tgraph.module @uses {
  %x = tgraph.arg : tensor<3xf64>
  %a, %da = tgraph.call @a(%x, %x)
  %b, %db = tgraph.call @b(%x, %x)
  %c, %dc = tgraph.call @c(%x, %x)
  tgraph.return %x
}
tgraph.module @circle {
  %x = tgraph.arg : tensor<3xf64>
  %y, %dy = tgraph.call @d(%x, %x)
  tgraph.return %y
}
tgraph.module @right {
  %x = tgraph.arg : tensor<3xf64>
  %y, %r = tgraph.call @at(%x)
  %dy = tgraph.call @linear(%r, %x)
  %wrong = tgraph.call @linear(%r)  // error: call-1 call of @linear must have 2 operands, got 1
  tgraph.return %dy
}
