// test: run @walk u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5
// test: run @loss u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5
// test: run @loss_grad u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5
// test: run @loss_jvp u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5 du=[1.0, 0.0] df=[[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]] dk=1.0
// test: run @loss_hvp u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5 v=1.0
// u <- k u + f[i] for each row, and the rows 2 u.
tgraph.module @step {
  %u = tgraph.arg : tensor<2xf64>
  %f = tgraph.arg : tensor<2xf64>
  %k = tgraph.arg : f64
  %kk = tgraph.broadcast %k {dims = [], shape = [2]}
  %ku = tgraph.mul %kk, %u
  %next = tgraph.add %ku, %f
  %row = tgraph.add %next, %next
  tgraph.return %next, %row
}
tgraph.module @walk {
  %u = tgraph.arg : tensor<2xf64>
  %f = tgraph.arg : tensor<?x2xf64>
  %k = tgraph.arg : f64
  %last, %path = tgraph.scan @step(%u, %f, %k) {carries = 1, rows = 1}
  tgraph.return %last, %path
}
tgraph.module @loss {
  %u = tgraph.arg : tensor<2xf64>
  %f = tgraph.arg : tensor<?x2xf64>
  %k = tgraph.arg : f64
  %last, %path = tgraph.scan @step(%u, %f, %k) {carries = 1, rows = 1}
  %s = tgraph.reduce %path {op = "sum"}
  %t = tgraph.reduce %last {op = "sum"}
  %y = tgraph.mul %s, %t
  tgraph.return %y
}
tgraph.adjoint @loss wrt(%u, %f, %k) -> @loss_grad
tgraph.jvp @loss wrt(%u, %f, %k) -> @loss_jvp
tgraph.hvp @loss wrt(%k) dir(%v) -> @loss_hvp
// expect:
// > run @walk u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5
// [4.375, 4.5] : tensor<2xf64>
// [[3.0, 4.0], [5.5, 6.0], [8.75, 9.0]] : tensor<3x2xf64>
// > run @loss u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5
// 321.71875 : f64
// > run @loss_grad u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5
// [20.0625, 20.0625] : tensor<2xf64>
// [[40.125, 40.125], [44.75, 44.75], [54.0, 54.0]] : tensor<3x2xf64>
// 587.5 : f64
// > run @loss_jvp u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5 du=[1.0, 0.0] df=[[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]] dk=1.0
// 321.71875 : f64
// 652.3125 : f64
// > run @loss_hvp u=[1.0, 2.0] f=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]] k=0.5 v=1.0
// 1344.75 : f64
