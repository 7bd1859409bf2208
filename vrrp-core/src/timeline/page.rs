//! One page of HTML that needs nothing else.

use alloc::string::String;
use core::fmt::{self, Write};

use super::markup::Escaped;
use super::model::Timeline;

/// The script of the page. `VrrpTimeline.mount(element, timelines)` draws timelines as [`Timeline::to_json`] writes them;
/// what it returns takes more with `add(timeline, position)`.
pub const SCRIPT: &str = include_str!("timeline.js");
/// The style that goes with the script.
pub const STYLE: &str = concat!(include_str!("picture.css"), include_str!("page.css"));

impl Timeline {
    /// Returns a page of HTML with nothing but this timeline. It loads nothing from anywhere.
    #[must_use]
    pub fn to_html(&self) -> String {
        page(&self.title, "", core::slice::from_ref(self))
    }
}

/// Returns a page of HTML with several timelines to choose from, under a title and a line of text. It loads nothing from
/// anywhere.
#[must_use]
pub fn page(title: &str, text: &str, timelines: &[Timeline]) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut out, title, text, timelines);
    out
}

fn write_page(out: &mut String, title: &str, text: &str, timelines: &[Timeline]) -> fmt::Result {
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    // A page that is only looked at may do nothing but that.
    out.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; ",
    );
    out.push_str("style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n");
    // Without it a browser asks the server for one.
    out.push_str("<link rel=\"icon\" href=\"data:,\">\n");
    write!(out, "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n", Escaped(title))?;
    if timelines.len() != 1 || timelines.iter().any(|timeline| timeline.title != title) {
        writeln!(out, "<h1>{}</h1>", Escaped(title))?;
    }
    if !text.is_empty() {
        writeln!(out, "<p class=\"lead\">{}</p>", Escaped(text))?;
    }
    out.push_str(
        "<div id=\"timelines\"></div>\n<noscript>\n<p>Without JavaScript there are only still pictures.</p>\n",
    );
    for timeline in timelines {
        writeln!(out, "<h2>{}</h2>\n{}", Escaped(&timeline.title), timeline.to_svg())?;
    }
    out.push_str("</noscript>\n</main>\n<script type=\"application/json\" id=\"data\">[");
    for (position, timeline) in timelines.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        timeline.write_json(out)?;
    }
    write!(out, "]</script>\n<script>\n{SCRIPT}")?;
    out.push_str("window.page = VrrpTimeline.mount(document.getElementById(\"timelines\"), ");
    out.push_str("JSON.parse(document.getElementById(\"data\").textContent));\n</script>\n</body>\n</html>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_and_takes_no_text_for_markup() {
        let evil = "</script><b>\"x\"</title>";
        let html = page(evil, evil, &[Timeline::new(evil), Timeline::new("")]);
        let without =
            html.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").replace("\"http://www.w3.org/2000/svg\"", "");
        assert!(!without.contains("://"), "no address of anything");
        assert!(!without.contains("src="));
        assert_eq!(without.matches("href=").count(), 1);
        assert_eq!(html.matches("</script>").count(), 2, "the data's end and the script's end");
        assert!(!html.contains("<b>"));
    }
}
