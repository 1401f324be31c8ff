//! A gradient checker.

pub mod difference;
mod gradient;
mod noise;
mod options;
mod report;
mod survey;
mod tableau;
mod vector;
mod verdict;

pub use gradient::check;
pub use options::Check;
pub use report::{Entry, Oracle, Report};
pub use verdict::{Reason, Remark, Verdict};
