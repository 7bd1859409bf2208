//! The effects of keys.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::view::View;

/// The lines of the help.
pub(super) const HELP: [(&str, &str); 11] = [
    ("q, Ctrl-C", "end"),
    ("Up, Down, k, j", "choose a router"),
    ("PageUp, PageDown", "ten at a time"),
    ("Home, End, g, G", "the first one, the last one"),
    ("Enter", "show or hide the details"),
    ("[, ]", "scroll the details"),
    ("s", "sort: configuration, name, state, last change, rate"),
    ("r", "reverse the order"),
    ("/", "filter by a text: name, state, interface, VRID, address"),
    ("Esc", "show all again"),
    ("?", "this help"),
];

/// Rows of a page.
const PAGE: isize = 10;
/// The longest text that is looked for.
const LONGEST: usize = 64;

/// The effect of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    GoOn,
    Quit,
}

/// Does what a key asks for.
pub(super) fn press(view: &mut View, key: KeyEvent) -> Then {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Then::Quit } else { Then::GoOn };
    }
    if view.is_typing {
        type_in(view, key.code);
        return Then::GoOn;
    }
    if std::mem::take(&mut view.help) {
        // Any key closes it.
        return if key.code == KeyCode::Char('q') { Then::Quit } else { Then::GoOn };
    }
    match key.code {
        KeyCode::Char('q') => return Then::Quit,
        KeyCode::Up | KeyCode::Char('k') => view.step(-1),
        KeyCode::Down | KeyCode::Char('j') => view.step(1),
        KeyCode::PageUp => view.step(-PAGE),
        KeyCode::PageDown => view.step(PAGE),
        KeyCode::Home | KeyCode::Char('g') => view.choose(0),
        KeyCode::End | KeyCode::Char('G') => view.choose(usize::MAX),
        KeyCode::Enter => view.detail = !view.detail,
        KeyCode::Char('[') => view.scrolled = view.scrolled.saturating_sub(1),
        KeyCode::Char(']') => view.scrolled = view.scrolled.saturating_add(1),
        KeyCode::Char('s') => {
            view.order = view.order.next();
            view.arrange();
        }
        KeyCode::Char('r') => {
            view.reversed = !view.reversed;
            view.arrange();
        }
        KeyCode::Char('/') => view.is_typing = true,
        KeyCode::Esc => {
            view.filter.clear();
            view.arrange();
        }
        KeyCode::Char('?') => view.help = true,
        _ => {}
    }
    Then::GoOn
}

fn type_in(view: &mut View, key: KeyCode) {
    match key {
        KeyCode::Enter => view.is_typing = false,
        KeyCode::Esc => {
            view.is_typing = false;
            view.filter.clear();
        }
        KeyCode::Backspace => drop(view.filter.pop()),
        KeyCode::Char(typed) if view.filter.chars().count() < LONGEST => view.filter.push(typed),
        _ => {}
    }
    view.arrange();
}
