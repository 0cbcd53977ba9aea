// test: print
// Section 4.2 of the autodiff guide, verbatim.
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf32>
  %y = tgraph.exp %x : tensor<?xf32>
  tgraph.return %y : tensor<?xf32>
}

// Forward-mode transform
tgraph.jvp @m wrt(%x) -> @m_jvp
// expect:
// tgraph.module @m {
//   %x = tgraph.arg : tensor<?xf32>
//   %y = tgraph.exp %x : tensor<?xf32>
//   tgraph.return %y : tensor<?xf32>
// }
//
// tgraph.jvp @m wrt(%x) -> @m_jvp
