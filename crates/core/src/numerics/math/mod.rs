//! Elementary functions (law 6), each written once, generic over [`Number`](super::lanes::Number).

use super::lanes::Lanes;

macro_rules! through_std {
    ($($name:ident)*) => {$(
        /// Through the standard library until law 6 stands here.
        fn $name(self) -> Self {
            through_std(self, stringify!($name))
        }
    )*};
}

fn through_std<V: Lanes>(x: V, name: &str) -> V {
    let mut lanes = x.to_array();
    for lane in &mut lanes {
        let any: &mut dyn std::any::Any = lane;
        macro_rules! apply {
            ($f:expr) => {
                *$f = match name {
                    "exp" => $f.exp(),
                    "log" => $f.ln(),
                    "sin" => $f.sin(),
                    "cos" => $f.cos(),
                    "tanh" => $f.tanh(),
                    _ => 1.0 / (1.0 + (-*$f).exp()),
                }
            };
        }
        if let Some(f) = any.downcast_mut::<f64>() {
            apply!(f);
        } else if let Some(f) = any.downcast_mut::<f32>() {
            apply!(f);
        }
    }
    // SAFETY: the array has at least as many lanes as `V`.
    unsafe { V::load(lanes.as_ptr()) }
}

/// The elementary functions of a vector, whichever its element type.
pub trait Elementary: Lanes {
    through_std! { exp log sin cos tanh sigmoid }
    /// xʸ.
    fn pow(self, y: Self) -> Self {
        (self.log() * y).exp()
    }
}

impl<V: Lanes> Elementary for V {}
