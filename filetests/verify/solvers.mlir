// test: verify
// What solvers refuse: each constraint, broken.
tgraph.module @double {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.add %x, %x
  tgraph.return %y
}
tgraph.module @scaled {
  %x = tgraph.arg : tensor<3xf64>
  %k = tgraph.arg : f64
  %wide = tgraph.broadcast %k {dims = [], shape = [3]}
  %y = tgraph.mul %wide, %x
  tgraph.return %y
}
tgraph.module @square {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.mul %x, %x
  tgraph.return %y
}
tgraph.module @shorter {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.slice %x {starts = [0], limits = [2]}
  tgraph.return %y
}
tgraph.module @two {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.add %x, %x
  tgraph.return %y, %x
}
tgraph.module @count {
  %x = tgraph.arg : tensor<3xi64>
  %y = tgraph.add %x, %x
  tgraph.return %y
}
tgraph.module @estimate {
  %x = tgraph.arg : tensor<3x3xf64>
  %k = tgraph.condition %x
  %wide = tgraph.broadcast %k {dims = [], shape = [3, 3]}
  tgraph.return %wide
}
tgraph.module @objective {
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.dot %x, %x
  tgraph.return %y
}
tgraph.module @before {
  %r = tgraph.arg : tensor<3xf64>
  %x = tgraph.arg : tensor<3xf64>
  %y = tgraph.slice %r {starts = [0], limits = [2]}
  tgraph.return %y
}
tgraph.module @linear {
  %b = tgraph.arg : tensor<3xf64>
  %s = tgraph.arg : tensor<2xf64>
  %n = tgraph.arg : tensor<3xi64>
  %k = tgraph.arg : f64
  %0, %s0, %i0, %r0 = tgraph.linear_solve %b  // error: linear_solve-1 linear_solve must name one module or two, got 0
  %1, %s1, %i1, %r1 = tgraph.linear_solve @double(%b) {method = "newton"}  // error: linear_solve-1 `method` of linear_solve must be one of "lu", "cholesky", "qr", "cg", "minres", "bicgstab", "gmres", got "newton"
  %2, %s2, %i2, %r2 = tgraph.linear_solve @double(%b) {tol = -1e-8}  // error: linear_solve-1 `tol` of linear_solve must be a number of at least 0, got -0.00000001
  %3, %s3, %i3, %r3 = tgraph.linear_solve @double(%b) {max_iter = 0}  // error: linear_solve-1 `max_iter` of linear_solve must be at least 1, got 0
  %4, %s4, %i4, %r4 = tgraph.linear_solve @double(%b) {adjoint = "jacobi"}  // error: linear_solve-1 `adjoint` of linear_solve must be one of "lu", "cholesky", "qr", "cg", "minres", "bicgstab", "gmres", got "jacobi"
  %5, %s5, %i5, %r5 = tgraph.linear_solve @double(%b) {preconditioner = "ilu"}  // error: linear_solve-1 `preconditioner` of linear_solve must be one of "identity", "jacobi", got "ilu"
  %6, %s6, %i6, %r6 = tgraph.linear_solve @double(%b) {tolerance = 1e-8}  // error: linear_solve-1 linear_solve must have only the attributes `method`, `tol`, `atol`, `max_iter`, `restart`, `preconditioner`, `adjoint`, `adjoint_tol`, `adjoint_atol`, `adjoint_max_iter`, `adjoint_restart`, `adjoint_preconditioner`, `history`, `over`, `over_2`, got `tolerance`
  %7, %s7, %i7, %r7 = tgraph.linear_solve @double(%b) {history = 1}  // error: attribute-3 attribute `history` of linear_solve must be of the kind and range that it reads, got an integer
  %8, %s8, %i8, %r8 = tgraph.linear_solve @double(%b) {over = [1, 0]}  // error: linear_solve-1 `over` of linear_solve must be the ascending positions of the operands with a batch axis, got [1, 0]
  %9, %s9, %i9, %r9 = tgraph.linear_solve @scaled(%b)  // error: linear_solve-2 linear_solve of @scaled must have 2 operands, or 3 with x to begin with, got 1
  %10, %s10, %i10, %r10 = tgraph.linear_solve @scaled(%b, %b, %k, %k)  // error: linear_solve-2 linear_solve of @scaled must have 2 operands, or 3 with x to begin with, got 4
  %11, %s11, %i11, %r11 = tgraph.linear_solve @double(%s)  // error: linear_solve-3 operand 0 of the linear_solve of @double must be tensor<3xf64>, got tensor<2xf64>
  %12, %s12, %i12, %r12 = tgraph.linear_solve @count(%n)  // error: linear_solve-3 the right-hand side of linear_solve must be a float, and x of its type, got tensor<3xi64> and tensor<3xi64>
  %13, %s13, %i13, %r13 = tgraph.linear_solve @double(%b, %s)  // error: linear_solve-3 the right-hand side of linear_solve must be a float, and x of its type, got tensor<3xf64> and tensor<2xf64>
  %14, %s14, %i14, %r14 = tgraph.linear_solve @shorter(%b)  // error: linear_solve-3 @shorter must return a value of the type tensor<3xf64> of its first input, got tensor<2xf64>
  %15, %s15, %i15, %r15 = tgraph.linear_solve @double, @shorter(%b)  // error: linear_solve-3 @shorter must return a value of the type tensor<3xf64> of its first input, got tensor<2xf64>
  %16, %s16, %i16, %r16 = tgraph.linear_solve @square(%b)  // error: linear_solve-4 @square must be linear in its first input, got a tangent that depends on it
  %17, %s17, %i17, %r17 = tgraph.linear_solve @missing(%b)  // error: module-3 a call must name a module, got @missing
  %18, %s18, %i18, %r18 = tgraph.linear_solve @double(%b) {tol = nan}  // error: attribute-3 attribute `tol` must be true or false, a number, a list of integers, a string or a dtype
  %19, %s19, %i19, %r19, %h19 = tgraph.linear_solve @double(%b)  // error: value-3 number of names left of `=` must be 4, got 5
  tgraph.return %b
}
tgraph.module @nonlinear {
  %x = tgraph.arg : tensor<3xf64>
  %s = tgraph.arg : tensor<2xf64>
  %n = tgraph.arg : tensor<3xi64>
  %m = tgraph.arg : tensor<3x3xf64>
  %k = tgraph.arg : f64
  %0, %s0, %i0, %r0 = tgraph.root %x  // error: root-1 root must name one module or two, got 0
  %1, %s1, %i1, %r1 = tgraph.root @square(%x) {method = "secant"}  // error: root-1 `method` of root must be one of "newton", "newton_krylov", "dogleg", got "secant"
  %2, %s2, %i2, %r2 = tgraph.root @square(%x) {atol = -1.0}  // error: root-1 `atol` of root must be a number of at least 0, got -1
  %3, %s3, %i3, %r3 = tgraph.root @square(%x) {max_iter = 0}  // error: root-1 `max_iter` of root must be at least 1, got 0
  %4, %s4, %i4, %r4 = tgraph.root @scaled(%x)  // error: root-2 root of @scaled must have 2 operands, got 1
  %5, %s5, %i5, %r5 = tgraph.root @square(%s)  // error: root-3 operand 0 of the root of @square must be tensor<3xf64>, got tensor<2xf64>
  %6, %s6, %i6, %r6 = tgraph.root @count(%n)  // error: root-3 the unknown of root must be a float, got tensor<3xi64>
  %7, %s7, %i7, %r7 = tgraph.root @shorter(%x)  // error: root-3 @shorter must return a value of the type tensor<3xf64> of its first input, got tensor<2xf64>
  %8, %s8, %i8, %r8 = tgraph.root @two(%x)  // error: root-3 @two must return one value, got tensor<3xf64>, tensor<3xf64>
  %9, %s9, %i9, %r9 = tgraph.root @estimate(%m)  // error: root-4 `condition` must have a derivative: it is an estimate; the singular values of `svd` have derivatives; reached from the output by broadcast %wide <- condition %k
  %10, %s10, %i10, %r10 = tgraph.root @square, @before(%x)  // error: root-3 @before must return a value of the type tensor<3xf64> of the unknown, as a preconditioner, got tensor<2xf64>
  %11, %s11, %i11, %r11 = tgraph.root @square, @double(%x)  // error: root-2 root of @double must have 1 operands, got 2
  %12, %s12, %i12, %r12 = tgraph.fixed_point @square(%x) {method = "aitken"}  // error: fixed_point-1 `method` of fixed_point must be one of "plain", "anderson", got "aitken"
  %13, %s13, %i13, %r13 = tgraph.fixed_point @square(%x) {damping = 0.0}  // error: fixed_point-1 `damping` of fixed_point must be above 0 and at most 1, got 0
  %14, %s14, %i14, %r14 = tgraph.fixed_point @square(%x) {damping = 1.5}  // error: fixed_point-1 `damping` of fixed_point must be above 0 and at most 1, got 1.5
  %15, %s15, %i15, %r15 = tgraph.fixed_point @square(%x) {memory = 0}  // error: fixed_point-1 `memory` of fixed_point must be at least 1, got 0
  %16, %s16, %i16, %r16 = tgraph.fixed_point @shorter(%x)  // error: fixed_point-3 @shorter must return a value of the type tensor<3xf64> of its first input, got tensor<2xf64>
  %17, %s17, %i17, %r17 = tgraph.fixed_point @square(%x, %k)  // error: fixed_point-2 fixed_point of @square must have 1 operands, got 2
  %18, %s18, %i18, %r18 = tgraph.minimize @objective(%x) {method = "simplex"}  // error: minimize-1 `method` of minimize must be one of "lbfgs", "gradient_descent", "newton", "gauss_newton", "levenberg_marquardt", got "simplex"
  %19, %s19, %i19, %r19 = tgraph.minimize @square(%x)  // error: minimize-3 @square must return one f64, the objective, got tensor<3xf64>
  %20, %s20, %i20, %r20 = tgraph.minimize @objective(%x) {memory = -3}  // error: minimize-1 `memory` of minimize must be an integer of at least 0, got -3
  %21, %s21, %i21, %r21 = tgraph.minimize @objective(%x) {tol = "small"}  // error: minimize-1 `tol` of minimize must be a number of at least 0, got "small"
  %22, %s22, %i22, %r22 = tgraph.minimize @two(%x) {method = "levenberg_marquardt"}  // error: minimize-3 @two must return one value, got tensor<3xf64>, tensor<3xf64>
  %23, %s23, %i23, %r23 = tgraph.minimize @estimate(%m) {method = "gauss_newton"}  // error: minimize-4 `condition` must have a derivative: it is an estimate; the singular values of `svd` have derivatives; reached from the output by mul <- dot <- reshape <- broadcast %wide <- condition %k
  %24 = tgraph.converged %x, %k  // error: converged-1 converged must have a float and its status, an i64 for all of it, got tensor<3xf64>, f64
  %25 = tgraph.converged %x  // error: converged-1 converged must have a float and its status, an i64 for all of it, got tensor<3xf64>
  %26, %s26, %i26, %r26 = tgraph.fixed_point @square()  // error: fixed_point-2 fixed_point of @square must have 1 operands, got 0
  tgraph.return %x
}
tgraph.module @matrices {
  %a = tgraph.arg : tensor<2x3xf64>
  %n = tgraph.arg : tensor<2x2xi64>
  %0 = tgraph.condition %a  // error: condition-2 condition must have square matrices, got 2 rows and 3 columns
  %1 = tgraph.condition %n  // error: condition-1 condition must have a float matrix, or a batch of them, got tensor<2x2xi64>
  %2 = tgraph.pinv %a {tol = 1.0}  // error: pinv-1 `tol` of pinv must be a number of at least 0 and below 1, got 1
  %3 = tgraph.pinv %n  // error: pinv-1 pinv must have a float matrix, or a batch of them, got tensor<2x2xi64>
  %4 = tgraph.lstsq %a, %a {tol = -0.5}  // error: lstsq-1 `tol` of lstsq must be a number of at least 0 and below 1, got -0.5
  %5 = tgraph.lstsq %a, %a {rank = 2}  // error: lstsq-1 lstsq must have only the attributes `tol`, got `rank`
  tgraph.return %a
}
