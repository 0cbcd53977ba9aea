// test: adjoint
// test: jvp
// test: run @attention_jvp Q=[[1.0, 0.0], [0.0, 1.0]] K=[[1.0, 1.0], [0.0, 2.0]] V=[[1.0, 2.0], [3.0, 4.0]] dQ=[[0.0, 0.0], [0.0, 0.0]] dK=[[0.0, 0.0], [0.0, 0.0]] dV=[[1.0, 0.0], [1.0, 0.0]]
// Section 7 of the guide: attention, its gradient and its linearisation.
tgraph.module @attention {
  %Q = tgraph.arg : tensor<?x2xf64>
  %K = tgraph.arg : tensor<?x2xf64>
  %V = tgraph.arg : tensor<?x2xf64>
  %S = tgraph.matmul %Q, %K {transpose_b = true}
  %P = tgraph.softmax %S
  %O = tgraph.matmul %P, %V
  tgraph.return %O
}
tgraph.adjoint @attention wrt(%Q, %K, %V) -> @grads
tgraph.jvp @attention wrt(%Q, %K, %V) -> @attention_jvp
// expect:
// > adjoint
// tgraph.module @grads {
//   %Q = tgraph.arg : tensor<?x2xf64>
//   %K = tgraph.arg : tensor<?x2xf64>
//   %V = tgraph.arg : tensor<?x2xf64>
//   %O_bar = tgraph.arg : tensor<?x2xf64>
//   %S = tgraph.matmul %Q, %K {transpose_b = true} : tensor<?x?xf64>
//   %P = tgraph.softmax %S : tensor<?x?xf64>
//   %P_bar = tgraph.matmul %O_bar, %V {transpose_b = true} : tensor<?x?xf64>
//   %matmul = tgraph.matmul %P, %O_bar {transpose_a = true} : tensor<?x2xf64>
//   %mul = tgraph.mul %P, %P_bar : tensor<?x?xf64>
//   %reduce = tgraph.reduce %mul {op = "sum", axes = [1]} : tensor<?x?xf64> -> tensor<?xf64>
//   %broadcast = tgraph.broadcast %reduce, %S {dims = [0]} : tensor<?x?xf64>
//   %sub = tgraph.sub %P_bar, %broadcast : tensor<?x?xf64>
//   %S_bar = tgraph.mul %P, %sub : tensor<?x?xf64>
//   %matmul_1 = tgraph.matmul %S_bar, %K : tensor<?x2xf64>
//   %matmul_2 = tgraph.matmul %S_bar, %Q {transpose_a = true} : tensor<?x2xf64>
//   tgraph.return %matmul_1, %matmul_2, %matmul : tensor<?x2xf64>, tensor<?x2xf64>, tensor<?x2xf64>
// }
// > jvp
// tgraph.module @attention_jvp {
//   %Q = tgraph.arg : tensor<?x2xf64>
//   %K = tgraph.arg : tensor<?x2xf64>
//   %V = tgraph.arg : tensor<?x2xf64>
//   %dQ = tgraph.tangent %Q : tensor<?x2xf64>
//   %dK = tgraph.tangent %K : tensor<?x2xf64>
//   %dV = tgraph.tangent %V : tensor<?x2xf64>
//   %S = tgraph.matmul %Q, %K {transpose_b = true} : tensor<?x?xf64>
//   %P = tgraph.softmax %S : tensor<?x?xf64>
//   %O = tgraph.matmul %P, %V : tensor<?x2xf64>
//   %matmul = tgraph.matmul %dQ, %K {transpose_b = true} : tensor<?x?xf64>
//   %matmul_1 = tgraph.matmul %Q, %dK {transpose_b = true} : tensor<?x?xf64>
//   %dS = tgraph.add %matmul, %matmul_1 : tensor<?x?xf64>
//   %mul = tgraph.mul %P, %dS : tensor<?x?xf64>
//   %reduce = tgraph.reduce %mul {op = "sum", axes = [1]} : tensor<?x?xf64> -> tensor<?xf64>
//   %broadcast = tgraph.broadcast %reduce, %S {dims = [0]} : tensor<?x?xf64>
//   %sub = tgraph.sub %dS, %broadcast : tensor<?x?xf64>
//   %dP = tgraph.mul %P, %sub : tensor<?x?xf64>
//   %matmul_2 = tgraph.matmul %dP, %V : tensor<?x2xf64>
//   %matmul_3 = tgraph.matmul %P, %dV : tensor<?x2xf64>
//   %dO = tgraph.add %matmul_2, %matmul_3 : tensor<?x2xf64>
//   tgraph.return %O, %dO : tensor<?x2xf64>, tensor<?x2xf64>
// }
// > run @attention_jvp Q=[[1.0, 0.0], [0.0, 1.0]] K=[[1.0, 1.0], [0.0, 2.0]] V=[[1.0, 2.0], [3.0, 4.0]] dQ=[[0.0, 0.0], [0.0, 0.0]] dK=[[0.0, 0.0], [0.0, 0.0]] dV=[[1.0, 0.0], [1.0, 0.0]]
// [[1.5378828427399902, 2.5378828427399904], [2.4621171572600096, 3.4621171572600096]] : tensor<2x2xf64>
// [[1.0, 0.0], [1.0, 0.0]] : tensor<2x2xf64>
