// test: parse
// Section 9.3 of the autodiff guide, verbatim.
// Hessian-vector product: ∇²f(x) * v
tgraph.hvp @m wrt(%x) dir(%v) -> @m_hvp
// expect:
// tgraph.hvp @m wrt(%x) dir(%v) -> @m_hvp
