//! The development world and the command line of actgate.
