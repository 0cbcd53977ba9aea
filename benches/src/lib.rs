//! What Tessera's benchmark programs share: the inputs and the record that `benches/README.md` defines, the same ones
//! that the peers in `benches/peers` use.

mod data;
mod record;

pub use data::{Layer, between, layers, space_time_points, unit};
pub use record::{Answer, Options, Precision, Run, Sample};
