// test: verify
// Wrong shapes, dtypes and attributes of linear algebra.
tgraph.module @m {
  %a = tgraph.arg : tensor<2x3xf64>
  %i = tgraph.arg : tensor<2x2xi64>
  %s = tgraph.arg : tensor<2x2xf64>
  %v = tgraph.arg : tensor<2xf64>
  %w = tgraph.arg : tensor<3x1xf64>
  %l, %info = tgraph.cholesky %a  // error: cholesky-2 cholesky must have square matrices, got 2 rows and 3 columns
  %f, %rows, %done = tgraph.lu %i  // error: lu-1 lu must have a float matrix, or a batch of them, got tensor<2x2xi64>
  %q, %r, %full = tgraph.qr %i  // error: qr-1 qr must have a float matrix, or a batch of them, got tensor<2x2xi64>
  %x = tgraph.solve %s, %v  // error: solve-1 operands must be float matrices of one dtype and as many axes, got tensor<2x2xf64> and tensor<2xf64>
  %y = tgraph.solve %s, %a {structure = "symmetric"}  // error: solve-1 structure must be "general" or "positive_definite", got "symmetric"
  %z = tgraph.triangular_solve %s, %s {lower = true}  // error: triangular_solve-1 triangular_solve must have only the attributes `upper`, `transpose`, `unit`, got `lower`
  %d = tgraph.det %v  // error: det-1 det must have a float matrix, or a batch of them, got tensor<2xf64>
  %e = tgraph.lstsq %s, %w  // error: lstsq-2 rows and batch extents must agree, got tensor<2x2xf64> and tensor<3x1xf64>
  tgraph.return %x
}
