//! A gradient checker.

pub mod difference;
mod noise;
mod tableau;
