use crate::app::Visible;

/// What drawing remembers from one frame to the next: where each list is scrolled to, and what it showed.
#[derive(Debug, Default)]
pub struct Viewport {
    pub(super) machines: usize,
    pub(super) images: usize,
    pub(super) tasks: usize,
    pub(super) hosts: usize,
    pub(super) nodes: usize,
    pub(super) visible: Visible,
}

impl Viewport {
    /// What the last frame showed of what moves.
    pub const fn visible(&self) -> &Visible {
        &self.visible
    }
}

/// Where a list of `total` rows must be scrolled to, so that row `at` is among the `height` shown: it moves
/// no further than it must.
pub(super) fn scrolled(from: usize, at: usize, height: usize, total: usize) -> usize {
    let height = height.max(1);
    let from = from.min(total.saturating_sub(height));
    from.clamp(at.saturating_sub(height - 1), at.max(at.saturating_sub(height - 1)))
}

#[cfg(test)]
mod tests {
    use super::scrolled;

    #[test]
    fn a_list_scrolls_no_further_than_it_must() {
        assert_eq!(scrolled(0, 4, 5, 100), 0);
        assert_eq!(scrolled(0, 5, 5, 100), 1);
        assert_eq!(scrolled(10, 9, 5, 100), 9);
        assert_eq!(scrolled(98, 99, 5, 100), 95);
        assert_eq!(scrolled(50, 0, 5, 3), 0);
        assert_eq!(scrolled(7, 3, 0, 9), 3);
    }
}
