//! Screens as text with their styles: `TestBackend`'s own text leaves colours out.
use ratatui::{
    Terminal,
    backend::{Backend, TestBackend},
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier},
};
use std::fmt::Write as _;
use vmdeck::{
    app::App,
    ui::{Theme, Viewport, render},
};

/// The application as it looks on a terminal of this size: the text, the place of the cursor, the styles.
pub(crate) fn screen(app: &mut App, width: u16, height: u16) -> String {
    themed(app, (width, height), &Theme::new(true, app.settings.ascii))
}

fn themed(app: &mut App, (width, height): (u16, u16), theme: &Theme) -> String {
    app.update(vmdeck::app::Message::Resized(width, height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut viewport = Viewport::default();
    terminal.draw(|frame| render(frame, app, theme, &mut viewport)).unwrap();
    app.update(vmdeck::app::Message::Visible(viewport.visible().clone()));
    let cursor = terminal.backend().cursor_visible().then(|| terminal.backend_mut().get_cursor_position().unwrap());
    let cursor = cursor.map_or_else(|| "no cursor".to_owned(), |at| format!("cursor at column {}, row {}", at.x, at.y));
    styled(terminal.backend().buffer(), &cursor)
}

/// The same without colours.
pub(crate) fn plain(app: &mut App, width: u16, height: u16) -> String {
    themed(app, (width, height), &Theme::new(false, app.settings.ascii))
}

/// The text, then each run of cells that is not in the default style: `row 0, 3..7: Red BOLD`.
pub(crate) fn styled(buffer: &Buffer, cursor: &str) -> String {
    let Rect { width, height, .. } = buffer.area;
    let mut text = String::new();
    let mut styles = String::new();
    for y in 0..height {
        let mut wide = 0;
        for x in 0..width {
            if wide > 0 {
                wide -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            wide = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            text.push_str(symbol);
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
        let style = |x: u16| (buffer[(x, y)].fg, buffer[(x, y)].bg, buffer[(x, y)].modifier);
        let mut x = 0;
        while x < width {
            let now = style(x);
            let end = (x..width).find(|&e| style(e) != now).unwrap_or(width);
            if now != (Color::Reset, Color::Reset, Modifier::empty()) {
                let _ = write!(styles, "row {y}, {x}..{end}:");
                if now.0 != Color::Reset {
                    let _ = write!(styles, " {}", now.0);
                }
                if now.1 != Color::Reset {
                    let _ = write!(styles, " on {}", now.1);
                }
                if !now.2.is_empty() {
                    let _ = write!(styles, " {:?}", now.2);
                }
                styles.push('\n');
            }
            x = end;
        }
    }
    format!("{text}{cursor}\n{styles}")
}
