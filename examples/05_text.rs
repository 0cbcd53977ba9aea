//! The text of graphs: parse a module, derive another, print and run it.

use tessera::{Backend, Function, Source, Tensor, ad, text};

const PROGRAM: &str = r#"
tgraph.module @m {
  %x = tgraph.arg : tensor<?xf32>
  %y = tgraph.sin %x : tensor<?xf32>
  %z = tgraph.reduce %y {op = "sum"} : tensor<?xf32> -> f32
  tgraph.return %z : f32
}

tgraph.adjoint @m wrt(%x) -> @m_grad
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let program = text::check(&Source::new("m.mlir", PROGRAM))?;
    let program = ad::expand(&program).map_err(|errors| errors[0].clone())?;
    println!("{}", text::print(&program));

    let gradient = Function::new(program.modules["m_grad"].clone(), Backend::default());
    let x = Tensor::new([3], vec![0.0f32, 1.0, 2.0]);
    let dx = gradient.call(&[&x])?.remove(0);
    // cos, correctly rounded.
    assert_eq!(dx.values::<f32>(), [1.0, 0.540_302_3, -0.416_146_84]);
    Ok(())
}
