use super::Page;
use crate::{
    app::App,
    domain::{HostId, VmId, clean},
    ui::{Theme, widget::wrap},
};
use ratatui::text::{Line, Span};

/// What happened to the machine since vmdeck began, the newest at the end.
pub(super) fn page(app: &App, host: &HostId, vm: &VmId, width: u16, theme: &Theme) -> Page {
    let mut page = Page::default();
    let lines = app.log_of(host, vm);
    if lines.is_empty() {
        page.text("Nothing was done with it since vmdeck began.", width, 0, theme.dim);
    }
    for line in &lines {
        let time = super::super::widget::clock(line.at, &app.settings.zone);
        let text = crate::ui::plain::sentence(&line.text, theme.ascii);
        for (i, part) in wrap(&clean(&text, 1000), width.saturating_sub(9)).into_iter().enumerate() {
            let head = if i == 0 { time.clone() } else { String::new() };
            page.line(Line::from(vec![Span::styled(format!("{head:<8} "), theme.dim), Span::styled(part, theme.text)]));
        }
    }
    page
}
