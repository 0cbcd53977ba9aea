// test: render
// What a person sees.
tgraph.module @heat {
  %a = tgraph.arg : tensor<2x3xf64>
  %b = tgraph.arg : tensor<4x5xf64>
  %y = tgraph.matmul %a, %b
  %z = tgraph.redcue %a {op = "sum"}
  %w = tgraph.reduce %a {op = "sum",
                         op = "max"} : tensor<2x3xf64> -> tensor<3xf64>
  %a = tgraph.sin %q
}
tgraph.jvp @heet wrt(%a) -> @heat_jvp
// expect:
// error[matmul-2]: inner extents must agree, got 3 and 4
//  --> render.mlir:6:8
//   |
// 6 |   %y = tgraph.matmul %a, %b
//   |        ^^^^^^^^^^^^^^^^^^^^ %a: tensor<2x3xf64>, %b: tensor<4x5xf64>
//   |
//   = help: transpose an operand with `{transpose_a = true}` or `{transpose_b = true}`, or run `tessera explain matmul-2`
//
// error[op-1]: operation must be one of the table, got `tgraph.redcue`
//  --> render.mlir:7:8
//   |
// 7 |   %z = tgraph.redcue %a {op = "sum"}
//   |        ^^^^^^^^^^^^^
//   |
//   = help: an operation with a similar name is `tgraph.reduce`, or run `tessera explain op-1`
//
// error[attribute-1]: attribute `op` must be given once, got it again
//  --> render.mlir:9:26
//   |
// 9 |                          op = "max"} : tensor<2x3xf64> -> tensor<3xf64>
//   |                          ^^
//   |
//   = help: remove one of the two, or run `tessera explain attribute-1`
//
// error[type-3]: written type of results must agree with the inferred one, got tensor<3xf64> for f64
//  --> render.mlir:9:59
//   |
// 9 |                          op = "max"} : tensor<2x3xf64> -> tensor<3xf64>
//   |                                                           ^^^^^^^^^^^^^ inferred: f64
//   |
//   = help: correct the type or leave it out; the printer writes the inferred one, or run `tessera explain type-3`
//
// error[value-2]: value must be defined once, got %a again
//   --> render.mlir:10:3
//    |
// 10 |   %a = tgraph.sin %q
//    |   ^^
//    |
//    = note: it is defined in line 4
//    = help: give the second value a name of its own, or run `tessera explain value-2`
//
// error[value-1]: value must be defined before it is used, got %q
//   --> render.mlir:10:19
//    |
// 10 |   %a = tgraph.sin %q
//    |                   ^^
//    |
//    = help: correct the name, or define the value in a line above, or run `tessera explain value-1`
//
// error[module-2]: module @heat must end with `tgraph.return`
//   --> render.mlir:11:1
//    |
// 11 | }
//    | ^
//    |
//    = help: end the module with `tgraph.return` and its outputs, or run `tessera explain module-2`
//
// error[ad-5]: the source must be a module, got @heet
//   --> render.mlir:12:1
//    |
// 12 | tgraph.jvp @heet wrt(%a) -> @heat_jvp
//    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
//    |
//    = help: choose another name behind `->`, or run `tessera explain ad-5`
