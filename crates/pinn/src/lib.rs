//! pinn
