// test: pass share
// test: pass share dead
// Equal operations on equal operands, commuted ones too, stand once; what no output needs goes.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf64>
  %y = tgraph.arg : tensor<?xf64>
  %a = tgraph.add %x, %y
  %b = tgraph.add %y, %x
  %c = tgraph.sub %x, %y
  %d = tgraph.sub %y, %x
  %p = tgraph.mul %a, %b
  %q = tgraph.mul %p, %d
  tgraph.return %p, %d
}
// expect:
// > pass share
// tgraph.module @m {
//   %x = tgraph.arg : tensor<?xf64>
//   %y = tgraph.arg : tensor<?xf64>
//   %a = tgraph.add %x, %y : tensor<?xf64>
//   %c = tgraph.sub %x, %y : tensor<?xf64>
//   %d = tgraph.sub %y, %x : tensor<?xf64>
//   %p = tgraph.mul %a, %a : tensor<?xf64>
//   %q = tgraph.mul %p, %d : tensor<?xf64>
//   tgraph.return %p, %d : tensor<?xf64>, tensor<?xf64>
// }
// > pass share dead
// tgraph.module @m {
//   %x = tgraph.arg : tensor<?xf64>
//   %y = tgraph.arg : tensor<?xf64>
//   %a = tgraph.add %x, %y : tensor<?xf64>
//   %d = tgraph.sub %y, %x : tensor<?xf64>
//   %p = tgraph.mul %a, %a : tensor<?xf64>
//   tgraph.return %p, %d : tensor<?xf64>, tensor<?xf64>
// }
