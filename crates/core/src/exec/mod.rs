//! Running graphs: the reference interpreter, the plan and the engines.

pub mod reference;
