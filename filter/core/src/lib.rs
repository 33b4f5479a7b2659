//! The decisions of actgate.
