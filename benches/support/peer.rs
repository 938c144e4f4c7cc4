//! What ratatui does by itself.
use crossterm::event::{Event, KeyCode, read};
use ratatui::{
    layout::Constraint,
    style::{Modifier, Style},
    widgets::{Paragraph, Row, Table, TableState},
};

/// A frame with a word, and the end at the first key.
pub(crate) fn hello() {
    let mut terminal = ratatui::init();
    terminal.draw(|frame| frame.render_widget(Paragraph::new("hello"), frame.area())).unwrap();
    while !matches!(read(), Ok(Event::Key(_))) {}
    ratatui::restore();
}

/// A thousand machines in a table with a reversed row, until Escape.
pub(crate) fn table() {
    let mut terminal = ratatui::init();
    let mut state = TableState::default().with_selected(0);
    loop {
        terminal
            .draw(|frame| {
                let row = |i| Row::new([format!("machine-{i:04}"), "running".to_owned(), format!("{} %", i % 100)]);
                let widths = [Constraint::Fill(1), Constraint::Length(12), Constraint::Length(8)];
                let table = Table::new((0..1000).map(row), widths);
                let table = table.row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
                frame.render_stateful_widget(table, frame.area(), &mut state);
            })
            .unwrap();
        match read().unwrap() {
            Event::Key(key) if key.code == KeyCode::Down => state.select_next(),
            Event::Key(key) if key.code == KeyCode::Up => state.select_previous(),
            Event::Key(key) if key.code == KeyCode::Esc => break,
            _ => {}
        }
    }
    ratatui::restore();
}
