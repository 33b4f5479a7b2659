//! What scenarios, vectors and differential runs share.
