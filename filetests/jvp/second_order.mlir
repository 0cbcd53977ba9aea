// test: verify
// test: run @second x=2.0 dx=1.0 dx_1=1.0
// test: run @mixed x=2.0 dx=1.0 y_bar=1.0 dy_bar=0.0
// Forward over forward: sin x, its derivative, and the second derivative −sin x.
tgraph.module @m {
  %x = tgraph.arg : f64
  %y = tgraph.sin %x
  tgraph.return %y
}
tgraph.jvp @m wrt(%x) -> @first
tgraph.jvp @first wrt(%x) -> @second
tgraph.adjoint @first wrt(%x) -> @mixed
// expect:
// > verify
// > run @second x=2.0 dx=1.0 dx_1=1.0
// 0.9092974268256817 : f64
// -0.4161468365471424 : f64
// -0.4161468365471424 : f64
// -0.9092974268256817 : f64
// > run @mixed x=2.0 dx=1.0 y_bar=1.0 dy_bar=0.0
// -0.4161468365471424 : f64
