//! The tables of `ARCHITECTURE.md`, and what of the sources does not agree with them.

use super::sources::Uses;
use super::top;

/// The modules of vrrp-core in the order in which they are to be read.
pub(crate) struct Floors(Vec<String>);

impl Floors {
    /// Reads the rows of the table upwards, each from left to right.
    pub(crate) fn read(page: &str) -> Self {
        let rows = table(page.lines().skip_while(|line| !line.starts_with("| floor |")));
        Self(
            rows.iter()
                .rev()
                .flat_map(|row| names(&row[1]))
                .map(|name| name.trim_end_matches('/').to_owned())
                .collect(),
        )
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(crate) fn wrong(&self, uses: &Uses) -> Vec<String> {
        let place = |file: &str| self.names().position(|name| name == top(file));
        let problem = |file: &str, used: &str| match (place(file), place(used)) {
            (_, None) => Some(format!("{file} uses {used}, which the table does not have")),
            (Some(at), Some(before)) if before > at => Some(format!("{file} uses {used}, which comes after it")),
            _ => None,
        };
        edges(uses).filter(|(file, _)| *file != "lib").filter_map(|(file, used)| problem(file, used)).collect()
    }
}

/// The rooms of a crate, and which of the rooms below it each may use.
pub(crate) struct Rooms(Vec<Room>);

struct Room {
    /// A folder ends with `/`.
    names: Vec<String>,
    uses: Vec<String>,
}

impl Rooms {
    /// Reads the first table of rooms under the heading of this name.
    pub(crate) fn read(page: &str, heading: &str) -> Self {
        let section = page.lines().skip_while(|line| line.strip_prefix("## ") != Some(heading));
        let rows = table(section.skip_while(|line| !line.starts_with("| room |")));
        assert!(!rows.is_empty(), "no table of rooms under '## {heading}'");
        Self(rows.iter().map(|row| Room { names: names(&row[0]), uses: names(&row[1]) }).collect())
    }

    pub(crate) fn wrong(&self, uses: &Uses) -> Vec<String> {
        let mut wrong: Vec<String> = Vec::new();
        wrong.extend(
            uses.keys().filter(|file| self.room(file).is_none()).map(|file| format!("{file} stands in no room")),
        );
        let all = || self.0.iter().flat_map(|room| &room.names);
        wrong.extend(
            all()
                .filter(|name| !uses.keys().any(|file| holds(name, file)))
                .map(|name| format!("`{name}` stands for no file")),
        );
        let between = edges(uses).filter_map(|(file, used)| Some((file, used, self.room(file)?, self.room(used)?)));
        let between: Vec<_> = between.filter(|(_, _, from, to)| from != to).collect();
        for (file, used, from, to) in &between {
            if !self.arrows(*from).contains(to) {
                wrong.push(format!("{file} uses {used}: no arrow from {} to {}", self.title(*from), self.title(*to)));
            }
        }
        for from in 0..self.0.len() {
            for to in self.arrows(from) {
                let arrow = format!("arrow from {} to {}", self.title(from), self.title(to));
                if to <= from {
                    wrong.push(format!("the {arrow} goes up"));
                }
                if !between.iter().any(|(_, _, start, end)| (*start, *end) == (from, to)) {
                    wrong.push(format!("no file needs the {arrow}"));
                }
            }
        }
        wrong
    }

    /// Returns the room of a file: that with the longest name that fits.
    fn room(&self, file: &str) -> Option<usize> {
        let fitting = |room: &Room| room.names.iter().filter(|name| holds(name, file)).map(String::len).max();
        let fitting = self.0.iter().enumerate().filter_map(|(number, room)| Some((fitting(room)?, number)));
        fitting.max().map(|(_, number)| number)
    }

    fn arrows(&self, from: usize) -> Vec<usize> {
        let room = |name: &String| self.0.iter().position(|room| room.names.contains(name));
        let number = |name| room(name).unwrap_or_else(|| panic!("`{name}` is used, and no row begins with it"));
        self.0[from].uses.iter().map(number).collect()
    }

    fn title(&self, room: usize) -> String {
        self.0[room].names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ")
    }
}

/// Tells whether a name of the table stands for a file: `driver/` for `driver` and all in it, `sys` for itself.
fn holds(name: &str, file: &str) -> bool {
    match name.strip_suffix('/') {
        Some(folder) => file.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        None => name == file,
    }
}

fn edges(uses: &Uses) -> impl Iterator<Item = (&str, &str)> {
    uses.iter().flat_map(|(file, used)| used.iter().map(move |used| (file.as_str(), used.as_str())))
}

/// Returns the cells of the rows below the head of a table.
fn table<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Vec<String>> {
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.split('|').skip(1).map(str::to_owned).collect()).collect()
}

/// Returns what a cell has between backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
