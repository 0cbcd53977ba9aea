// test: run @wide a=[[1, 2, 2], [0, 3, 4]] b=[[9], [25]]
// test: run @wide_grad a=[[1, 2, 2], [0, 3, 4]] b=[[9], [25]]
// test: run @deficient a=[[1, 2], [2, 4], [3, 6]] b=[[1], [2], [4]]
// test: run @deficient_grad a=[[1, 2], [2, 4], [3, 6]] b=[[1], [2], [4]]
// test: run @zero a=[[0, 0], [0, 0], [0, 0]]
// Fewer rows than columns: R is low, the singular values are as many as the rows, and `lstsq` gives the shortest solution.
tgraph.module @wide {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<2x1xf64>
  %q, %r, %full = tgraph.qr %a
  %u, %s, %v, %info = tgraph.svd %a
  %x = tgraph.lstsq %a, %b
  %y = tgraph.lstsq %a, %b {tol = 1e-10}
  tgraph.return %q, %r, %s, %x, %y
}
tgraph.module @length {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<2x1xf64>
  %x = tgraph.lstsq %a, %b
  %square = tgraph.mul %x, %x
  %y = tgraph.reduce %square {op = "sum"}
  tgraph.return %y
}
tgraph.adjoint @length wrt(%a, %b) -> @wide_grad
// Columns that depend on each other: with `tol` the shortest of the many best solutions, and its gradient.
tgraph.module @deficient {
  %a = tgraph.arg : tensor<3x2xf64>
  %b = tgraph.arg : tensor<3x1xf64>
  %x = tgraph.lstsq %a, %b {tol = 1e-10}
  %p = tgraph.pinv %a
  tgraph.return %x, %p
}
tgraph.module @size {
  %a = tgraph.arg : tensor<3x2xf64>
  %b = tgraph.arg : tensor<3x1xf64>
  %x = tgraph.lstsq %a, %b {tol = 1e-10}
  %square = tgraph.mul %x, %x
  %y = tgraph.reduce %square {op = "sum"}
  tgraph.return %y
}
tgraph.adjoint @size wrt(%a, %b) -> @deficient_grad
tgraph.module @zero {
  %a = tgraph.arg : tensor<3x2xf64>
  %p = tgraph.pinv %a
  tgraph.return %p
}
// expect:
// > run @wide a=[[1, 2, 2], [0, 3, 4]] b=[[9], [25]]
// [[-1.0, 0.0], [0.0, -1.0]] : tensor<2x2xf64>
// [[-1.0, -2.0, -2.0], [0.0, -3.0, -4.0]] : tensor<2x3xf64>
// [5.755390125490808, 0.9356732888155468] : tensor<2xf64>
// [[-4.310344827586205], [1.6206896551724146], [5.034482758620689]] : tensor<3x1xf64>
// [[-4.3103448275862], [1.6206896551724153], [5.034482758620686]] : tensor<3x1xf64>
// > run @wide_grad a=[[1, 2, 2], [0, 3, 4]] b=[[9], [25]]
// [[-37.15814506539824, 13.97146254458976, 43.40071343638517], [29.42925089179542, -11.065398335315097, -34.37336504161707]] : tensor<2x3xf64>
// [[-8.620689655172402], [6.827586206896545]] : tensor<2x1xf64>
// > run @deficient a=[[1, 2], [2, 4], [3, 6]] b=[[1], [2], [4]]
// [[0.24285714285714274], [0.48571428571428577]] : tensor<2x1xf64>
// [[0.0142857142857143, 0.02857142857142856, 0.04285714285714284], [0.028571428571428612, 0.05714285714285715, 0.08571428571428572]] : tensor<2x3xf64>
// > run @deficient_grad a=[[1, 2], [2, 4], [3, 6]] b=[[1], [2], [4]]
// [[-0.009912536443148698, -0.0198250728862974], [-0.019825072886297375, -0.03965014577259476], [-0.022798833819241977, -0.045597667638483955]] : tensor<3x2xf64>
// [[0.034693877551020456], [0.06938775510204082], [0.10408163265306121]] : tensor<3x1xf64>
// > run @zero a=[[0, 0], [0, 0], [0, 0]]
// [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]] : tensor<2x3xf64>
