//! What is sent for a screen shows that screen.
use proptest::prelude::*;
use ratatui::{
    backend::Backend as _,
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Modifier, Style},
};
use vmdeck::runtime::Terse;

const COLUMNS: u16 = 20;
const ROWS: u16 = 4;

/// What a frame of ours is made of.
fn cells() -> impl Strategy<Value = Vec<(u16, u16, &'static str, Style)>> {
    let symbol = prop_oneof![
        6 => Just("       "),
        4 => Just("a"),
        4 => Just("machine"),
        1 => Just("●"),
        1 => Just("─"),
        2 => Just("日本"),
    ];
    let color = || prop_oneof![Just(Color::Reset), Just(Color::Cyan), Just(Color::DarkGray), Just(Color::Indexed(200))];
    let modifier = prop_oneof![
        Just(Modifier::empty()),
        Just(Modifier::BOLD),
        Just(Modifier::DIM),
        Just(Modifier::REVERSED),
        Just(Modifier::BOLD | Modifier::UNDERLINED),
    ];
    let style = (color(), color(), modifier).prop_map(|(fg, bg, modifier)| {
        Style::new().fg(fg).bg(bg).add_modifier(modifier).remove_modifier(Modifier::all() - modifier)
    });
    proptest::collection::vec((0..COLUMNS, 0..ROWS, symbol, style), 0..24)
}

fn color(color: Color) -> vt100::Color {
    match color {
        Color::Cyan => vt100::Color::Idx(6),
        Color::DarkGray => vt100::Color::Idx(8),
        Color::Indexed(index) => vt100::Color::Idx(index),
        _ => vt100::Color::Default,
    }
}

/// Whether the terminal shows `cell` where it should.
fn shows(screen: &vt100::Screen, (x, y): (u16, u16), cell: &Cell) -> bool {
    let Some(seen) = screen.cell(y, x) else { return false };
    let text = if seen.contents().is_empty() { " " } else { seen.contents() };
    let on_ground = text == cell.symbol()
        && seen.bgcolor() == color(cell.bg)
        && seen.inverse() == cell.modifier.contains(Modifier::REVERSED)
        && seen.underline() == cell.modifier.contains(Modifier::UNDERLINED);
    let of_letters = seen.fgcolor() == color(cell.fg) && seen.bold() == cell.modifier.contains(Modifier::BOLD);
    let is_blank = text == " " && !cell.modifier.intersects(Modifier::REVERSED | Modifier::UNDERLINED);
    on_ground && (is_blank || of_letters)
}

/// Those that are seen: a wide character stands in front of one that is not.
fn seen_cells(buffer: &Buffer) -> Vec<((u16, u16), &Cell)> {
    let mut seen = Vec::new();
    for row in buffer.area.rows() {
        let mut x = 0;
        while x < row.width {
            let cell = &buffer[(x, row.y)];
            seen.push(((x, row.y), cell));
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(cell.symbol())).unwrap();
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_shows_the_frame(frames in proptest::collection::vec(cells(), 1..6)) {
        let area = Rect::new(0, 0, COLUMNS, ROWS);
        let mut terse = Terse::new(Vec::new());
        let mut terminal = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
        let mut shown = Buffer::empty(area);
        for frame in frames {
            let mut next = Buffer::empty(area);
            for (x, y, text, style) in frame {
                // Wide characters have a row: what becomes of one half is between the library and the terminal.
                let (x, y) = if text == "日本" { (x & !1, ROWS - 1) } else { (x, y % (ROWS - 1)) };
                next.set_string(x, y, text, style);
            }
            terse.draw(shown.diff(&next).into_iter()).unwrap();
            terminal.process(&std::mem::take(terse.writer_mut()));
            for (place, cell) in seen_cells(&next) {
                prop_assert!(shows(terminal.screen(), place, cell), "{place:?}: {cell:?}\n{}", terminal.screen().contents());
            }
            shown = next;
        }
    }
}

#[test]
fn nothing_is_said_twice() {
    let sent = |act: &dyn Fn(&mut Terse<Vec<u8>>)| {
        let mut terse = Terse::new(Vec::new());
        terse.hide_cursor().unwrap();
        terse.writer_mut().clear();
        act(&mut terse);
        String::from_utf8(std::mem::take(terse.writer_mut())).unwrap()
    };
    let cell = |symbol: &'static str, style: Style| Cell::new(symbol).set_style(style).clone();
    assert_eq!(sent(&|t| t.hide_cursor().unwrap()), "");
    assert_eq!(sent(&|t| t.draw(std::iter::empty()).unwrap()), "");
    let (a, b) = (cell("a", Style::new()), cell("b", Style::new().fg(Color::DarkGray)));
    assert_eq!(
        sent(&|t| t.draw([(4, 2, &a), (5, 2, &a), (7, 2, &b)].into_iter()).unwrap()),
        "\x1b[3;5Haa \x1b[90mb\x1b[m"
    );
    assert_eq!(sent(&|t| t.draw([(4, 2, &a), (9, 2, &a)].into_iter()).unwrap()), "\x1b[3;5Ha\x1b[4Ca");
    // What follows below: down, and back as far as was written, where the row is known to go on.
    let line = (0..20).map(|x| (x, 2, &a)).chain([(4, 3, &b), (5, 3, &b)]);
    assert_eq!(sent(&|t| t.draw(line.clone()).unwrap()), format!("\x1b[3H{}\x1b[4;5H\x1b[90mbb\x1b[m", "a".repeat(20)));
    let steps = [(4, 2, &a), (5, 2, &a), (19, 2, &a), (4, 3, &a), (19, 3, &a), (4, 4, &a), (5, 4, &a), (3, 6, &a)];
    assert_eq!(
        sent(&|t| {
            t.draw((0..7).flat_map(|y| (0..20).map(move |x| (x, y))).map(|(x, y)| (x, y, &b))).unwrap();
            t.writer_mut().clear();
            t.draw(steps.into_iter()).unwrap();
        }),
        "\x1b[3;5Haa\x1b[13Ca\x1b[4;5Ha\x1b[14Ca\x1b[5;5Haa\n\n\x08\x08\x08a"
    );
    let blank = cell(" ", Style::new());
    assert_eq!(sent(&|t| t.draw((0..9).map(|x| (x, 0, &blank))).unwrap()), "\x1b[1H\x1b[9X");
}

/// A list between a line that stays and one that follows it, which goes up and down.
#[test]
fn rows_that_only_moved_are_moved_by_the_terminal() {
    const LIST: u16 = 20;
    let area = Rect::new(0, 0, 60, LIST + 2);
    let frame = |from: u16| {
        let mut frame = Buffer::empty(area);
        frame.set_string(0, 0, "NAME      STATE", Style::new().add_modifier(Modifier::BOLD));
        for line in 1..=LIST {
            let number = from + line;
            let (state, look) = match number % 3 {
                0 => ("● running", Style::new().fg(Color::Cyan)),
                1 => ("○ off", Style::new().fg(Color::DarkGray)),
                _ => ("● paused", Style::new().bg(Color::Indexed(200))),
            };
            frame.set_string(0, line, format!("machine-{:05}", u32::from(number) * 7919), Style::new());
            frame.set_string(20, line, format!("{state:40}"), look);
        }
        frame.set_string(0, LIST + 1, format!("from {from}"), Style::new());
        frame
    };
    let mut terse = Terse::new(Vec::new());
    let mut terminal = vt100::Parser::new(area.height.try_into().unwrap(), area.width.try_into().unwrap(), 0);
    let mut shown = Buffer::empty(area);
    for from in [7, 8, 9, 8, 7, 6, 9, 40, 41, 40] {
        let next = frame(from);
        terse.draw(shown.diff(&next).into_iter()).unwrap();
        let sent = std::mem::take(terse.writer_mut());
        terminal.process(&sent);
        for (place, cell) in seen_cells(&next) {
            assert!(
                shows(terminal.screen(), place, cell),
                "{from}, {place:?}: {cell:?}\n{}",
                terminal.screen().contents()
            );
        }
        let is_step = shown == frame(from + 1) || from > 0 && shown == frame(from - 1);
        assert!(!is_step || sent.len() < 120, "{} bytes for a step to {from}", sent.len());
        shown = next;
    }
}

/// What the terminal moves is told from what is not known to be as wide there as here.
#[test]
fn rows_with_wide_characters_are_written_anew() {
    let area = Rect::new(0, 0, 40, 10);
    let frame = |from: u16| {
        let mut frame = Buffer::empty(area);
        for line in 0..10 {
            let name = if (line + from).is_multiple_of(4) { "日本語サーバー" } else { "machine" };
            frame.set_string(0, line, format!("{name}-{}", u32::from(line + from) * 12_345), Style::new());
        }
        frame
    };
    let mut terse = Terse::new(Vec::new());
    let mut terminal = vt100::Parser::new(10.try_into().unwrap(), 40.try_into().unwrap(), 0);
    let mut shown = Buffer::empty(area);
    for from in [0, 1, 2, 3, 2, 1] {
        let next = frame(from);
        terse.draw(shown.diff(&next).into_iter()).unwrap();
        terminal.process(&std::mem::take(terse.writer_mut()));
        for (place, cell) in seen_cells(&next) {
            assert!(
                shows(terminal.screen(), place, cell),
                "{from}, {place:?}: {cell:?}\n{}",
                terminal.screen().contents()
            );
        }
        shown = next;
    }
}
