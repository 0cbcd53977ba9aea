//! What Tessera's benchmark programs share: the inputs and the record that `benches/README.md` defines, the same ones
//! that the peers in `benches/peers` use.

mod record;

pub use record::{Answer, Options, Precision, Run, Sample};
