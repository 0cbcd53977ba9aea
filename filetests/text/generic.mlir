// test: print generic
tgraph.module @f {
  %x = tgraph.arg : tensor<?xf64>
  %s = tgraph.reduce %x {op = "sum"}
  tgraph.return %x, %s
}
tgraph.module @g {
  %x, %dx = tgraph.arg, tgraph.tangent : tensor<?xf64>
  %c = tgraph.constant {value = [1e-7, inf, 1.5]} : tensor<3xf64>
  %k = tgraph.constant {value = true} : bool
  %u = tgraph.constant {value = 7} : u32
  %none = tgraph.constant {value = []} : tensor<0xf32>
  %a, %b = tgraph.call @f(%dx)
  %m = tgraph.reshape %c {shape = [1, -1]}
  tgraph.return %a, %b, %m, %k, %u, %none
}
tgraph.jvp @f wrt(%x) -> @f_jvp
// expect:
// "tgraph.module"() ({
// ^bb0(%x: tensor<?xf64>):
//   %s = "tgraph.reduce"(%x) {op = "sum"} : (tensor<?xf64>) -> f64
//   "tgraph.return"(%x, %s) : (tensor<?xf64>, f64) -> ()
// }) {sym_name = "f"} : () -> ()
//
// "tgraph.module"() ({
// ^bb0(%x: tensor<?xf64>, %dx: tensor<?xf64>):
//   %c = "tgraph.constant"() {value = dense<[1.0e-7, 0x7FF0000000000000, 1.5]> : tensor<3xf64>} : () -> tensor<3xf64>
//   %k = "tgraph.constant"() {value = dense<true> : tensor<i1>} : () -> i1
//   %u = "tgraph.constant"() {value = dense<7> : tensor<ui32>} : () -> ui32
//   %none = "tgraph.constant"() {value = dense<> : tensor<0xf32>} : () -> tensor<0xf32>
//   %a, %b = "tgraph.call"(%dx) {callee = @f} : (tensor<?xf64>) -> (tensor<?xf64>, f64)
//   %m = "tgraph.reshape"(%c) {shape = [1, -1]} : (tensor<3xf64>) -> tensor<1x3xf64>
//   "tgraph.return"(%a, %b, %m, %k, %u, %none) : (tensor<?xf64>, f64, tensor<1x3xf64>, i1, ui32, tensor<0xf32>) -> ()
// }) {sym_name = "g", tangent_of = [-1, 0]} : () -> ()
//
// "tgraph.jvp"() {source = @f, wrt = ["x"], target = "f_jvp"} : () -> ()
