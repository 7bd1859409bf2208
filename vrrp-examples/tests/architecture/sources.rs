//! Which file of a crate names an item of which other, in a `use` or in a path. Tests and comments may name what they like.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// What each file uses of the others. `router/slots` is the file `router/slots.rs`, `router` the file `router/mod.rs`.
pub(crate) type Uses = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn uses(source: &Path) -> Uses {
    let mut parsed: BTreeMap<String, syn::File> = BTreeMap::new();
    for path in files(source) {
        let module = path.strip_prefix(source).unwrap().with_extension("").to_str().unwrap().to_owned();
        let module = module.strip_suffix("/mod").map(str::to_owned).unwrap_or(module);
        parsed.insert(module, syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
    }
    let tests: BTreeSet<String> = parsed.iter().flat_map(|(module, file)| modules_of_tests(module, file)).collect();
    let is_test = |module: &str| tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/")));
    parsed.retain(|module, _| !is_test(module));
    let modules: BTreeSet<String> = parsed.keys().cloned().collect();
    let uses = |module: &String, file: &syn::File| {
        let mut reader = Reader { modules: &modules, file: module, within: segments(module), used: BTreeSet::new() };
        reader.visit_file(file);
        reader.used
    };
    parsed.iter().map(|(module, file)| (module.clone(), uses(module, file))).collect()
}

/// Returns the modules that this file declares for tests alone.
fn modules_of_tests<'a>(module: &'a str, file: &'a syn::File) -> impl Iterator<Item = String> + 'a {
    file.items.iter().filter_map(move |item| match item {
        syn::Item::Mod(child) if is_for_tests(&child.attrs) => {
            Some([segments(module), vec![child.ident.to_string()]].concat().join("/"))
        }
        _ => None,
    })
}

/// Collects the files that one file names.
struct Reader<'a> {
    modules: &'a BTreeSet<String>,
    file: &'a str,
    /// The module that is being read: that of the file, or one in its braces.
    within: Vec<String>,
    used: BTreeSet<String>,
}

impl Reader<'_> {
    /// Notes the file that defines what a path names, if it is one of this crate.
    fn note(&mut self, path: &[String]) {
        let Some(absolute) = self.absolute(path) else { return };
        let prefixes = (1..=absolute.len()).rev().map(|len| absolute[..len].join("/"));
        // What stands in no module stands in the root.
        let file = prefixes.filter_map(|prefix| self.modules.get(&prefix)).next().map_or("lib", String::as_str);
        if file != self.file {
            self.used.insert(file.to_owned());
        }
    }

    /// Returns a path as from the root of the crate; `None` if it leads elsewhere.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut start = self.within.clone();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => {}
            "super" => {
                start.pop();
                let supers = rest.iter().take_while(|segment| *segment == "super").count();
                start.truncate(start.len().saturating_sub(supers));
                return Some([&start, &rest[supers..]].concat());
            }
            // A module of this name may be declared here.
            child if self.modules.contains(&[&start[..], &[child.to_owned()]].concat().join("/")) => {
                start.push(child.to_owned());
            }
            _ => return None,
        }
        Some([&start, rest].concat())
    }

    fn note_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.note_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(before, tree)),
            syn::UseTree::Name(name) if name.ident == "self" => self.note(before),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.note(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.note(before),
        }
    }

    /// Notes the paths in what a macro is given.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other => {
                    self.note_in_macro(&std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.note_tokens(group.stream()),
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.note_in_macro(&path);
    }

    /// A single word may be anything.
    fn note_in_macro(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attrs = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attrs) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.within.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.within.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.note(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.note_tokens(called.tokens.clone());
    }
}

fn is_for_tests(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string() == "test",
        _ => false,
    })
}

/// Returns the path of a file's module, from the root.
fn segments(file: &str) -> Vec<String> {
    match file {
        "lib" | "main" => Vec::new(),
        _ => file.split('/').map(str::to_owned).collect(),
    }
}

pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let sources = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.chain(directories.iter().flat_map(|directory| self::files(directory))).collect()
}
