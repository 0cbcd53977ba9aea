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
  %0, %s0, %i0, %r0 = tgraph.linear_solve %b
  %1, %s1, %i1, %r1 = tgraph.linear_solve @double(%b) {method = "newton"}
  %2, %s2, %i2, %r2 = tgraph.linear_solve @double(%b) {tol = -1e-8}
  %3, %s3, %i3, %r3 = tgraph.linear_solve @double(%b) {max_iter = 0}
  %4, %s4, %i4, %r4 = tgraph.linear_solve @double(%b) {adjoint = "jacobi"}
  %5, %s5, %i5, %r5 = tgraph.linear_solve @double(%b) {preconditioner = "ilu"}
  %6, %s6, %i6, %r6 = tgraph.linear_solve @double(%b) {tolerance = 1e-8}
  %7, %s7, %i7, %r7 = tgraph.linear_solve @double(%b) {history = 1}
  %8, %s8, %i8, %r8 = tgraph.linear_solve @double(%b) {over = [1]}
  %9, %s9, %i9, %r9 = tgraph.linear_solve @scaled(%b)
  %10, %s10, %i10, %r10 = tgraph.linear_solve @scaled(%b, %b, %k, %k)
  %11, %s11, %i11, %r11 = tgraph.linear_solve @double(%s)
  %12, %s12, %i12, %r12 = tgraph.linear_solve @count(%n)
  %13, %s13, %i13, %r13 = tgraph.linear_solve @double(%b, %s)
  %14, %s14, %i14, %r14 = tgraph.linear_solve @shorter(%b)
  %15, %s15, %i15, %r15 = tgraph.linear_solve @double, @shorter(%b)
  %16, %s16, %i16, %r16 = tgraph.linear_solve @square(%b)
  %17, %s17, %i17, %r17 = tgraph.linear_solve @missing(%b)
  %18, %s18, %i18, %r18 = tgraph.linear_solve @double(%b) {tol = nan}
  %19, %s19, %i19, %r19, %h19 = tgraph.linear_solve @double(%b)
  tgraph.return %b
}
tgraph.module @nonlinear {
  %x = tgraph.arg : tensor<3xf64>
  %s = tgraph.arg : tensor<2xf64>
  %n = tgraph.arg : tensor<3xi64>
  %m = tgraph.arg : tensor<3x3xf64>
  %k = tgraph.arg : f64
  %0, %s0, %i0, %r0 = tgraph.root %x
  %1, %s1, %i1, %r1 = tgraph.root @square(%x) {method = "secant"}
  %2, %s2, %i2, %r2 = tgraph.root @square(%x) {atol = -1.0}
  %3, %s3, %i3, %r3 = tgraph.root @square(%x) {max_iter = 0}
  %4, %s4, %i4, %r4 = tgraph.root @scaled(%x)
  %5, %s5, %i5, %r5 = tgraph.root @square(%s)
  %6, %s6, %i6, %r6 = tgraph.root @count(%n)
  %7, %s7, %i7, %r7 = tgraph.root @shorter(%x)
  %8, %s8, %i8, %r8 = tgraph.root @two(%x)
  %9, %s9, %i9, %r9 = tgraph.root @estimate(%m)
  %10, %s10, %i10, %r10 = tgraph.root @square, @before(%x)
  %11, %s11, %i11, %r11 = tgraph.root @square, @double(%x)
  %12, %s12, %i12, %r12 = tgraph.fixed_point @square(%x) {method = "aitken"}
  %13, %s13, %i13, %r13 = tgraph.fixed_point @square(%x) {damping = 0.0}
  %14, %s14, %i14, %r14 = tgraph.fixed_point @square(%x) {damping = 1.5}
  %15, %s15, %i15, %r15 = tgraph.fixed_point @square(%x) {memory = 0}
  %16, %s16, %i16, %r16 = tgraph.fixed_point @shorter(%x)
  %17, %s17, %i17, %r17 = tgraph.fixed_point @square(%x, %k)
  %18, %s18, %i18, %r18 = tgraph.minimize @objective(%x) {method = "simplex"}
  %19, %s19, %i19, %r19 = tgraph.minimize @square(%x)
  %20, %s20, %i20, %r20 = tgraph.minimize @objective(%x) {memory = -3}
  %21, %s21, %i21, %r21 = tgraph.minimize @objective(%x) {tol = "small"}
  %22, %s22, %i22, %r22 = tgraph.minimize @two(%x) {method = "levenberg_marquardt"}
  %23, %s23, %i23, %r23 = tgraph.minimize @estimate(%m) {method = "gauss_newton"}
  %24 = tgraph.converged %x, %k
  %25 = tgraph.converged %x
  %26, %s26, %i26, %r26 = tgraph.fixed_point @square()
  tgraph.return %x
}
tgraph.module @matrices {
  %a = tgraph.arg : tensor<2x3xf64>
  %n = tgraph.arg : tensor<2x2xi64>
  %0 = tgraph.condition %a
  %1 = tgraph.condition %n
  %2 = tgraph.pinv %a {tol = 1.0}
  %3 = tgraph.pinv %n
  %4 = tgraph.lstsq %a, %a {tol = -0.5}
  %5 = tgraph.lstsq %a, %a {rank = 2}
  tgraph.return %a
}
