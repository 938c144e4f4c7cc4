//! Small pieces that several screens are made of.
mod centered;
mod gauge;
mod input;
mod put;
mod spark;
mod text;
mod words;
mod wrap;

pub(crate) use centered::centered;
pub(crate) use gauge::{bar, draw_bar, gauge};
pub(crate) use input::window;
pub(crate) use put::{Pen, put};
pub(crate) use spark::{bars, spark, top};
pub(crate) use text::{as_of, clock, cut, cut_middle, dated, day, fit, fit_right, when};
pub(crate) use words::{power, uptime};
pub(crate) use wrap::wrap;
