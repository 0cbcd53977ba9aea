// test: jmp
// test: run @m_jmp x=[1.0, 2.0, 3.0] v=[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
// The gradient 3x², once, and its derivatives 6x·v along all directions v.
tgraph.module @m {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.mul %x, %x
  %y3 = tgraph.mul %y, %x
  %z = tgraph.reduce %y3 {op = "sum"}
  tgraph.return %z
}
tgraph.jmp @m wrt(%x) dir(%v) -> @m_jmp
// expect:
// > jmp
// tgraph.module @m_jmp {
//   %x = tgraph.arg : tensor<3xf64>
//   %v = tgraph.arg : tensor<?x3xf64>
//   %y = tgraph.mul %x, %x : tensor<3xf64>
//   %add = tgraph.add %y, %y : tensor<3xf64>
//   %add_1 = tgraph.add %y, %add : tensor<3xf64>
//   %repeat = tgraph.repeat %x, %v {axis = 0} : tensor<?x3xf64>
//   %mul = tgraph.mul %v, %repeat : tensor<?x3xf64>
//   %dy = tgraph.add %mul, %mul : tensor<?x3xf64>
//   %add_2 = tgraph.add %dy, %dy : tensor<?x3xf64>
//   %add_3 = tgraph.add %dy, %add_2 : tensor<?x3xf64>
//   tgraph.return %add_1, %add_3 : tensor<3xf64>, tensor<?x3xf64>
// }
// > run @m_jmp x=[1.0, 2.0, 3.0] v=[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
// [3.0, 12.0, 27.0] : tensor<3xf64>
// [[6.0, 0.0, 0.0], [0.0, 12.0, 18.0]] : tensor<2x3xf64>
