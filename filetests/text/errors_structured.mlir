// test: verify
tgraph.module @step {
  %c = tgraph.arg : tensor<3xf64>
  %x = tgraph.arg : tensor<3xf64>
  %k = tgraph.arg : f64
  %h = tgraph.add %c, %x
  tgraph.return %h, %k
}
tgraph.module @next {
  %c = tgraph.arg : f64
  %k = tgraph.arg : f64
  %y = tgraph.mul %c, %k
  tgraph.return %y
}
tgraph.module @holds {
  %c = tgraph.arg : f64
  %k = tgraph.arg : f64
  %p = tgraph.compare %c, %k {direction = "lt"}
  tgraph.return %p
}
tgraph.module @vector {
  %c = tgraph.arg : f64
  %k = tgraph.arg : f64
  %y = tgraph.broadcast %c {dims = [], shape = [2]}
  tgraph.return %y
}
tgraph.module @scans {
  %c = tgraph.arg : tensor<3xf64>
  %rows = tgraph.arg : tensor<5x3xf64>
  %k = tgraph.arg : f64
  %0, %a = tgraph.scan %c  // error: scan-1 scan must name one module, got 0
  %1, %b = tgraph.scan @step(%c, %rows, %k) {carries = -1, rows = 1}  // error: scan-1 `carries` of scan must be an integer of at least 0, got -1
  %2, %d = tgraph.scan @step(%c, %rows) {carries = 1, rows = 1}  // error: scan-2 scan of @step must have 3 operands, got 2
  %3, %e = tgraph.scan @step(%c, %rows, %k) {carries = 3, rows = 1}  // error: scan-2 carries and rows of scan must be at most the 3 inputs of @step, got 3 and 1
  %4, %f = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 2}  // error: scan-3 operand 2 of scan is a sequence and must have a leading axis, got f64
  %5, %g = tgraph.scan @step(%c, %rows, %rows) {carries = 1, rows = 1}  // error: scan-3 operand 2 of the scan of @step must be f64, got tensor<5x3xf64>
  %6 = tgraph.scan @vector(%k, %k) {carries = 1, length = 2}  // error: scan-4 the body of scan must return the carried values (f64) first, got tensor<2xf64>
  %7, %h = tgraph.scan @step(%c, %c, %k) {carries = 1}  // error: scan-5 scan must have a `length` or a sequence, got neither
  %8, %i = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 1, length = 4}  // error: scan-5 sequences of scan must have 4 rows, got tensor<5x3xf64> for operand 1
  %9, %j = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 1, keep = "some"}  // error: scan-6 `keep` of scan must be "all", "recompute", "periodic(10)", "revolve(5)" or names such as "%h %z", got "some"
  %10, %l = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 1, keep = "periodic(0)"}  // error: scan-6 `keep` of scan must be "all", "recompute", "periodic(10)", "revolve(5)" or names such as "%h %z", got "periodic(0)"
  %11, %m = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 1, keep = "%h %z"}  // error: scan-6 `keep` of scan must name values of @step, got %z
  %12, %n = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 1, steps = 4}  // error: scan-1 scan must have only the attributes `carries`, `rows`, `length`, `reverse`, `keep`, got `steps`
  %13, %o = tgraph.scan @step(%c, %rows, %k) {carries = 1, rows = 1, reverse = 1}  // error: attribute-3 attribute `reverse` of scan must be of the kind and range that it reads, got an integer
  tgraph.return %0
}
tgraph.module @others {
  %p = tgraph.arg : bool
  %i = tgraph.arg : i64
  %c = tgraph.arg : f64
  %v = tgraph.arg : tensor<3xf64>
  %0 = tgraph.cond @next(%p, %c, %c)  // error: cond-1 cond must name two modules or more, got 1
  %1 = tgraph.cond @next, @step(%p, %c, %c)  // error: cond-1 the modules of cond must have the same inputs, got @next(f64, f64) and @step(tensor<3xf64>, tensor<3xf64>, f64)
  %2 = tgraph.cond @next, @next, @next(%p, %c, %c)  // error: cond-2 the first operand of cond must be a scalar, an integer, got bool
  %3 = tgraph.cond @next, @next(%c, %c, %c)  // error: cond-2 the first operand of cond must be a scalar, a bool or an integer, got f64
  %4 = tgraph.cond @next, @next(%p, %c)  // error: cond-3 cond of @next must have 2 operands, got 1
  %5 = tgraph.cond @next, @next(%p, %c, %v)  // error: cond-4 operand 1 of the cond of @next must be f64, got tensor<3xf64>
  %6 = tgraph.cond @next, @vector(%p, %c, %c)  // error: cond-5 the modules of cond must return the same types, got f64 and tensor<2xf64>
  %7 = tgraph.while @holds(%c, %c) {carries = 1}  // error: while-1 while must name two modules, got 1
  %8 = tgraph.while @holds, @next(%c, %c)  // error: while-2 carries of while must be 1 to 2, got 0
  %9 = tgraph.while @holds, @next(%c, %v) {carries = 1}  // error: while-3 operand 1 of the while of @holds must be f64, got tensor<3xf64>
  %10 = tgraph.while @next, @next(%c, %c) {carries = 1}  // error: while-4 the condition of while must return one bool, got f64
  %11 = tgraph.while @holds, @vector(%c, %c) {carries = 1}  // error: while-5 the body of while must return the carried values (f64), got tensor<2xf64>
  %12 = tgraph.checkpoint %c  // error: checkpoint-1 checkpoint must name one module, got 0
  %13 = tgraph.checkpoint @next(%c, %v)  // error: checkpoint-2 operand 1 of the checkpoint of @next must be f64, got tensor<3xf64>
  %14 = tgraph.call @next(%c, %c) {length = 1}  // error: call-1 call must have no attributes, got `length`
  %15 = tgraph.sin @next(%c)  // error: module-6 sin must name no module, got @next
  %16 = tgraph.scan @missing(%c) {length = 1}  // error: module-3 a call must name a module, got @missing
  tgraph.return %c
}
