// test: run @root a=2.0
// test: run @root_jvp a=2.0 da=1.0
// test: run @bounded_grad a=2.0
// test: run @bounded_hvp a=2.0 v=1.0
// test: run @choice i=-1 x=3.0
// test: run @choice i=1 x=3.0
// test: run @choice i=7 x=3.0
// test: run @choice_grad i=1 x=3.0
// test: run @choice_jvp i=7 x=3.0 dx=2.0
// test: run @absolute p=true x=-2.0
// √a by Newton's steps; the derivative in forward mode without a bound, in reverse mode with one.
tgraph.module @wrong {
  %x = tgraph.arg : f64
  %a = tgraph.arg : f64
  %square = tgraph.mul %x, %x
  %difference = tgraph.sub %square, %a
  %size = tgraph.abs %difference
  %small = tgraph.constant {value = 1e-12} : f64
  %wrong = tgraph.compare %size, %small {direction = "gt"}
  tgraph.return %wrong
}
tgraph.module @newton {
  %x = tgraph.arg : f64
  %a = tgraph.arg : f64
  %ratio = tgraph.div %a, %x
  %sum = tgraph.add %x, %ratio
  %half = tgraph.constant {value = 0.5} : f64
  %next = tgraph.mul %half, %sum
  tgraph.return %next
}
tgraph.module @root {
  %a = tgraph.arg : f64
  %root = tgraph.while @wrong, @newton(%a, %a) {carries = 1}
  tgraph.return %root
}
tgraph.module @bounded {
  %a = tgraph.arg : f64
  %root = tgraph.while @wrong, @newton(%a, %a) {carries = 1, max = 20}
  tgraph.return %root
}
tgraph.jvp @root wrt(%a) -> @root_jvp
tgraph.adjoint @bounded wrt(%a) -> @bounded_grad
tgraph.hvp @bounded wrt(%a) dir(%v) -> @bounded_hvp
// One of three modules by position, clamped.
tgraph.module @square {
  %x = tgraph.arg : f64
  %y = tgraph.mul %x, %x
  tgraph.return %y
}
tgraph.module @cube {
  %x = tgraph.arg : f64
  %square = tgraph.mul %x, %x
  %y = tgraph.mul %square, %x
  tgraph.return %y
}
tgraph.module @ten {
  %x = tgraph.arg : f64
  %y = tgraph.constant {value = 10.0} : f64
  tgraph.return %y
}
tgraph.module @choice {
  %i = tgraph.arg : i64
  %x = tgraph.arg : f64
  %y = tgraph.cond @square, @cube, @ten(%i, %x)
  tgraph.return %y
}
tgraph.adjoint @choice wrt(%x) -> @choice_grad
tgraph.jvp @choice wrt(%x) -> @choice_jvp
// Only the module that is chosen runs: this one would never end.
tgraph.module @always {
  %x = tgraph.arg : f64
  %true = tgraph.constant {value = true} : bool
  tgraph.return %true
}
tgraph.module @same {
  %x = tgraph.arg : f64
  tgraph.return %x
}
tgraph.module @forever {
  %x = tgraph.arg : f64
  %y = tgraph.while @always, @same(%x) {carries = 1}
  tgraph.return %y
}
tgraph.module @absolute {
  %p = tgraph.arg : bool
  %x = tgraph.arg : f64
  %y = tgraph.cond @square, @forever(%p, %x)
  tgraph.return %y
}
// expect:
// > run @root a=2.0
// 1.414213562373095 : f64
// > run @root_jvp a=2.0 da=1.0
// 1.414213562373095 : f64
// 0.35355339059327373 : f64
// > run @bounded_grad a=2.0
// 0.35355339059327373 : f64
// > run @bounded_hvp a=2.0 v=1.0
// -0.08838834764831845 : f64
// > run @choice i=-1 x=3.0
// 9.0 : f64
// > run @choice i=1 x=3.0
// 27.0 : f64
// > run @choice i=7 x=3.0
// 10.0 : f64
// > run @choice_grad i=1 x=3.0
// 27.0 : f64
// > run @choice_jvp i=7 x=3.0 dx=2.0
// 10.0 : f64
// 0.0 : f64
// > run @absolute p=true x=-2.0
// 4.0 : f64
