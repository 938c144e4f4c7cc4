//! Screens as they look, with their styles.
mod bytes;
mod dialogs_ask;
mod dialogs_fill;
mod graphs;
mod library;
mod lists;
mod machine;
mod nodes;
mod pages;
mod plain;
mod states;
