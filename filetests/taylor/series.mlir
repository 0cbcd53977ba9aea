// test: taylor
// test: run @sine_taylor x=0.0 dx=2.0
// test: run @closed_taylor x=[1.0, 2.0] w=[3.0, 4.0] dx=[1.0, 0.5] dw=[0.0, 1.0]
// sin 2t = 2t - 8/6 t^3 + 32/120 t^5; names follow the coefficients.
tgraph.module @sine {
  %x = tgraph.arg : f64
  %y = tgraph.sin %x
  tgraph.return %y
}
tgraph.taylor @sine wrt(%x) order(5) -> @sine_taylor
// Of products, and of what does not depend on the path.
tgraph.module @product {
  %x = tgraph.arg : tensor<2xf64>
  %w = tgraph.arg : tensor<2xf64>
  %c = tgraph.arg : f64
  %d = tgraph.dot %x, %w
  %square = tgraph.mul %d, %d
  tgraph.return %square, %c
}
tgraph.module @closed {
  %x = tgraph.arg : tensor<2xf64>
  %w = tgraph.arg : tensor<2xf64>
  %c = tgraph.constant {value = 7.0} : f64
  %square, %seven = tgraph.call @product(%x, %w, %c)
  tgraph.return %square, %seven
}
tgraph.taylor @closed wrt(%x, %w) order(3) -> @closed_taylor
// expect:
// > taylor
// tgraph.module @sine_taylor {
//   %x, %dx = tgraph.arg, tgraph.tangent : f64
//   %y = tgraph.sin %x : f64
//   %cos = tgraph.cos %x : f64
//   %y_1 = tgraph.mul %dx, %cos : f64
//   %neg = tgraph.neg %y : f64
//   %mul = tgraph.mul %dx, %neg : f64
//   %mul_1 = tgraph.mul %dx, %mul : f64
//   %constant = tgraph.constant {value = 0.5} : f64
//   %y_2 = tgraph.mul %mul_1, %constant : f64
//   %neg_1 = tgraph.neg %y_1 : f64
//   %mul_2 = tgraph.mul %dx, %neg_1 : f64
//   %mul_3 = tgraph.mul %constant, %mul_2 : f64
//   %mul_4 = tgraph.mul %dx, %mul_3 : f64
//   %constant_1 = tgraph.constant {value = 0.3333333333333333} : f64
//   %y_3 = tgraph.mul %mul_4, %constant_1 : f64
//   %neg_2 = tgraph.neg %y_2 : f64
//   %mul_5 = tgraph.mul %dx, %neg_2 : f64
//   %mul_6 = tgraph.mul %constant_1, %mul_5 : f64
//   %mul_7 = tgraph.mul %dx, %mul_6 : f64
//   %constant_2 = tgraph.constant {value = 0.25} : f64
//   %y_4 = tgraph.mul %mul_7, %constant_2 : f64
//   %neg_3 = tgraph.neg %y_3 : f64
//   %mul_8 = tgraph.mul %dx, %neg_3 : f64
//   %mul_9 = tgraph.mul %constant_2, %mul_8 : f64
//   %mul_10 = tgraph.mul %dx, %mul_9 : f64
//   %constant_3 = tgraph.constant {value = 0.2} : f64
//   %y_5 = tgraph.mul %mul_10, %constant_3 : f64
//   tgraph.return %y, %y_1, %y_2, %y_3, %y_4, %y_5 : f64, f64, f64, f64, f64, f64
// }
//
// tgraph.module @closed_taylor {
//   %x = tgraph.arg : tensor<2xf64>
//   %w = tgraph.arg : tensor<2xf64>
//   %dx = tgraph.tangent %x : tensor<2xf64>
//   %dw = tgraph.tangent %w : tensor<2xf64>
//   %c = tgraph.constant {value = 7.0} : f64
//   %square, %seven = tgraph.call @product(%x, %w, %c) : f64, f64
//   %d = tgraph.dot %x, %w : f64
//   %dot = tgraph.dot %w, %dx : f64
//   %dot_1 = tgraph.dot %x, %dw : f64
//   %d_1 = tgraph.add %dot, %dot_1 : f64
//   %mul = tgraph.mul %d, %d_1 : f64
//   %square_1 = tgraph.add %mul, %mul : f64
//   %d_2 = tgraph.dot %dx, %dw : f64
//   %mul_1 = tgraph.mul %d_1, %d_1 : f64
//   %mul_2 = tgraph.mul %d, %d_2 : f64
//   %add = tgraph.add %mul_2, %mul_2 : f64
//   %square_2 = tgraph.add %mul_1, %add : f64
//   %mul_3 = tgraph.mul %d_1, %d_2 : f64
//   %square_3 = tgraph.add %mul_3, %mul_3 : f64
//   %constant = tgraph.constant {value = 0.0} : f64
//   tgraph.return %square, %square_1, %square_2, %square_3, %seven, %constant, %constant, %constant : f64, f64, f64, f64, f64, f64, f64, f64
// }
// > run @sine_taylor x=0.0 dx=2.0
// 0.0 : f64
// 2.0 : f64
// -0.0 : f64
// -1.3333333333333333 : f64
// 0.0 : f64
// 0.26666666666666666 : f64
// > run @closed_taylor x=[1.0, 2.0] w=[3.0, 4.0] dx=[1.0, 0.5] dw=[0.0, 1.0]
// 121.0 : f64
// 154.0 : f64
// 60.0 : f64
// 7.0 : f64
// 7.0 : f64
// 0.0 : f64
// 0.0 : f64
// 0.0 : f64
