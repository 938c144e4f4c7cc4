//! What a machine used lately, as bars: beside the figures where there is room, else behind all that is told.
use super::Page;
use crate::{
    app::{App, Machine, Series, Usage},
    domain::ByteSize,
    ui::{
        Theme,
        widget::{bars, fit, top},
    },
};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

/// From this width on graphs stand beside their figures.
const BESIDE: u16 = 72;

/// The column of the figures before them.
const FIGURE: u16 = 18;

/// What stands before the bars.
const BEFORE: u16 = LABEL + 1 + FIGURE;

/// What the highest bar stands for: `  up to 1023 MiB/s`.
const TOP: u16 = 18;

/// The column of the labels, as of [`Page::pair`].
const LABEL: u16 = 12;

/// A graph: what it is of, its bars, and what the highest bar stands for.
struct Graph {
    label: &'static str,
    bars: String,
    top: String,
}

/// The graphs of a machine on a page of some width.
pub(super) struct Graphs {
    all: Vec<Graph>,
    width: u16,
}

impl Graphs {
    /// None while the selection moves on from machine to machine.
    pub(super) fn new(app: &App, machine: &Machine, width: u16, theme: &Theme) -> Self {
        let usage = machine.usage.as_deref().filter(|_| app.shows_graphs());
        let room = if width < BESIDE { width } else { width - BEFORE - TOP };
        let all = usage.map_or_else(Vec::new, |usage| of(usage, room, theme));
        Self { all, width }
    }

    /// A label and its figure, with the graph where that stands beside it.
    pub(super) fn figure(&self, page: &mut Page, theme: &Theme, label: &str, figure: &str) {
        let graph = self.all.iter().find(|graph| graph.label == label && self.width >= BESIDE);
        let Some(graph) = graph else { return page.pair(theme, label, figure, self.width) };
        page.line(Line::from(vec![
            Span::styled(fit(label, LABEL), theme.dim),
            Span::styled(format!(" {}", fit(figure, FIGURE)), theme.text),
            Span::styled(fit(&graph.bars, self.width - BEFORE - TOP), theme.accent),
            Span::styled(format!("  {}", graph.top), theme.dim),
        ]));
    }

    /// The graphs that do not stand beside their figures.
    pub(super) fn rest(&self, page: &mut Page, theme: &Theme) {
        for graph in self.all.iter().filter(|_| self.width < BESIDE) {
            let room = usize::from(self.width).saturating_sub(graph.label.width());
            page.gap();
            page.line(Line::styled(format!("{}{:>room$}", graph.label, graph.top), theme.dim));
            page.line(Line::styled(graph.bars.clone(), theme.accent));
        }
    }
}

/// Of what is known.
fn of(usage: &Usage, width: u16, theme: &Theme) -> Vec<Graph> {
    let newest = |series: &Series| {
        let older = series.values().len().saturating_sub(width.into());
        series.values().skip(older).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for (label, series) in [("CPU", &usage.cpu), ("Disk read", &usage.disk_read), ("Disk write", &usage.disk_write)] {
        let values = newest(series);
        if values.iter().all(Option::is_none) {
            continue;
        }
        let (most, told) = if label == "CPU" {
            (100.0, "up to 100 %".to_owned())
        } else {
            let most = ByteSize(top(values.iter().copied()));
            (most.as_f64(), format!("up to {most}/s"))
        };
        all.push(Graph { label, bars: bars(values.into_iter(), width, most, theme), top: told });
    }
    all
}
