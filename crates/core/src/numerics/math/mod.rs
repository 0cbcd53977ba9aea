//! Elementary functions (law 6), each written once, generic over [`Number`](super::lanes::Number).

use super::lanes::Lanes;

/// The elementary functions of a vector, whichever its element type.
pub trait Elementary: Lanes {}

impl<V: Lanes> Elementary for V {}
