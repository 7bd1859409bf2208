//! The result of an order to several routers, as text for people.

use super::order::{Touched, TouchedRouter};

/// One line for each router. `done`: what was done to it; `before`: how it was, where it was so already.
pub(super) fn render(Touched { routers }: &Touched, done: &str, before: &str) -> String {
    let line = |TouchedRouter { router, changed }: &TouchedRouter| {
        format!("{router}: {}\n", if *changed { done } else { before })
    };
    if routers.is_empty() { "there is no virtual router\n".to_owned() } else { routers.iter().map(line).collect() }
}
