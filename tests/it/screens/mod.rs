//! Screens as they look, with their styles.
mod bytes;
mod lists;
mod pages;
