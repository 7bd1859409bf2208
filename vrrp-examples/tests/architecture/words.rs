//! The first word of the documentation of an item: of a function a verb, of a type or field a noun or a sentence.

use std::fs;
use std::path::Path;

use syn::visit::Visit;

use crate::sources::files;

/// Words that begin half a sentence.
const HALVES: [&str; 17] = [
    "As", "For", "How", "Of", "Since", "So", "That", "Those", "Until", "What", "When", "Where", "Whether", "Which",
    "Who", "Whose", "Why",
];

/// Returns the first line of each comment of documentation that begins with one of them, with its place.
pub(crate) fn halves(source: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(source) {
        let text = fs::read_to_string(&file).unwrap();
        found.extend(halves_of(&text).map(|(number, line)| format!("{}:{number}: {line}", file.display())));
    }
    found
}

/// The same of one file, with the numbers of its lines.
pub(crate) fn halves_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_comment = false;
    text.lines().zip(1..).filter_map(move |(line, number)| {
        let line = line.trim_start();
        let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start);
        let is_first = !std::mem::replace(&mut in_comment, text.is_some());
        let word = text?.split(|c: char| !c.is_alphanumeric()).next()?;
        (is_first && HALVES.contains(&word)).then_some((number, line))
    })
}

/// Nouns and other words that end as a verb does.
const NO_VERBS: [&str; 11] = [
    "Addresses",
    "Always",
    "Centiseconds",
    "Counters",
    "Interfaces",
    "Its",
    "Octets",
    "Packets",
    "Routers",
    "This",
    "Trackers",
];

/// Returns each public function whose documentation does not begin with a verb ("Returns", "Sets"), with its file.
pub(crate) fn verbless(source: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(source) {
        let text = fs::read_to_string(&file).unwrap();
        found.extend(verbless_of(&text).into_iter().map(|function| format!("{}: {function}", file.display())));
    }
    found
}

/// The same of one file.
pub(crate) fn verbless_of(text: &str) -> Vec<String> {
    let mut functions = Functions(Vec::new());
    functions.visit_file(&syn::parse_file(text).unwrap());
    functions.0
}

struct Functions(Vec<String>);

impl Functions {
    fn look(&mut self, visibility: &syn::Visibility, attributes: &[syn::Attribute], name: &syn::Ident) {
        let first = attributes.iter().find_map(documentation);
        if let (syn::Visibility::Public(_), Some(first)) = (visibility, first) {
            let word = first.split_whitespace().next().unwrap_or_default().trim_end_matches([',', ';', '.']);
            if !word.starts_with(char::is_uppercase) || !word.ends_with('s') || NO_VERBS.contains(&word) {
                self.0.push(format!("{name}:{first}"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.look(&item.vis, &item.attrs, &item.sig.ident);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.look(&item.vis, &item.attrs, &item.sig.ident);
    }
}

/// Returns a line of documentation, if the attribute is one.
fn documentation(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if meta.path.is_ident("doc") => {
            Some(text.value())
        }
        _ => None,
    }
}
