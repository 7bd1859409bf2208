//! Every world that can be reached, breadth first, and what the calm leads to from each.

use std::collections::{HashMap, VecDeque};

use crate::world::{Move, Scenario, World};

/// What a search has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub states: usize,
    pub moves: usize,
    /// Moves to the state that is farthest from the beginning.
    pub depth: usize,
    /// Quanta until there is exactly one Master, the right one, for good, after the worst disturbances.
    pub settled_after: u32,
    /// Quanta for which two routers are Master at once, at most.
    pub two_masters_for: u32,
}

/// Searches to the end. An error is the shortest way to what must not be, to be read.
pub fn search(scenario: Scenario, most: usize) -> Result<Report, String> {
    let mut graph = Graph::default();
    let beginning = World::new(scenario);
    graph.add(&beginning, 0, Move::Tick);
    let mut frontier = VecDeque::from([(0, beginning)]);
    while let Some((id, world)) = frontier.pop_front() {
        graph.calm_from.push(graph.calm.len());
        for happens in world.moves() {
            graph.moves += 1;
            let next = match world.after(happens) {
                Ok(next) => next,
                Err(what) => return Err(graph.story(scenario, id, &[happens], &what)),
            };
            let (next_id, is_new) = graph.add(&next, id, happens);
            if happens.is_calm() {
                graph.calm.push((next_id, happens));
            }
            if is_new {
                frontier.push_back((next_id, next));
            }
        }
        if graph.nodes.len() > most {
            return Err(format!("{}: more than {most} states", scenario.name));
        }
    }
    graph.calm_from.push(graph.calm.len());

    let settled_after = graph
        .settled_after()
        .map_err(|(id, way)| graph.story(scenario, id, &way, "and so on, without exactly one Master, the right one"))?;
    Ok(Report {
        states: graph.nodes.len(),
        moves: graph.moves,
        depth: graph.nodes.iter().map(|node| node.depth).max().unwrap_or(0),
        settled_after,
        two_masters_for: graph.two_masters_for(),
    })
}

#[derive(Default)]
struct Graph {
    index: HashMap<Box<[u8]>, u32>,
    nodes: Vec<Node>,
    /// What calm moves lead to, node after node.
    calm: Vec<(u32, Move)>,
    calm_from: Vec<usize>,
    moves: usize,
}

struct Node {
    parent: u32,
    via: Move,
    depth: usize,
    right: bool,
    two: bool,
}

fn ticks(happens: Move) -> u32 {
    u32::from(happens == Move::Tick)
}

/// Nodes that lead to each other; those that they lead to come first.
struct Parts {
    of: Vec<u32>,
    members: Vec<Vec<u32>>,
}

impl Graph {
    fn add(&mut self, world: &World, parent: u32, via: Move) -> (u32, bool) {
        let id = self.nodes.len() as u32;
        let found = *self.index.entry(world.key()).or_insert(id);
        if found == id {
            let depth = if id == 0 { 0 } else { self.nodes[parent as usize].depth + 1 };
            self.nodes.push(Node { parent, via, depth, right: world.is_right(), two: world.masters() > 1 });
        }
        (found, found == id)
    }

    fn calm(&self, id: u32) -> &[(u32, Move)] {
        &self.calm[self.calm_from[id as usize]..self.calm_from[id as usize + 1]]
    }

    /// Strongly connected components by calm moves (Tarjan 1972), without recursion.
    fn parts(&self) -> Parts {
        const UNSEEN: u32 = u32::MAX;
        let count = self.nodes.len();
        let (mut order, mut low, mut of) = (vec![UNSEEN; count], vec![0; count], vec![UNSEEN; count]);
        let (mut stack, mut members, mut seen) = (Vec::new(), Vec::new(), 0);
        for root in 0..count as u32 {
            let mut path: Vec<(u32, usize)> = Vec::new();
            if order[root as usize] == UNSEEN {
                path.push((root, 0));
            }
            while let Some((id, next)) = path.last_mut() {
                let (id, edge) = (*id, *next);
                *next += 1;
                if edge == 0 {
                    (order[id as usize], low[id as usize]) = (seen, seen);
                    seen += 1;
                    stack.push(id);
                }
                if let Some((target, _)) = self.calm(id).get(edge) {
                    if order[*target as usize] == UNSEEN {
                        path.push((*target, 0));
                    } else if of[*target as usize] == UNSEEN {
                        low[id as usize] = low[id as usize].min(order[*target as usize]);
                    }
                    continue;
                }
                path.pop();
                if let Some((parent, _)) = path.last() {
                    low[*parent as usize] = low[*parent as usize].min(low[id as usize]);
                }
                if low[id as usize] == order[id as usize] {
                    let start = stack.iter().rposition(|member| *member == id).unwrap();
                    let part: Vec<u32> = stack.drain(start..).collect();
                    part.iter().for_each(|member| of[*member as usize] = members.len() as u32);
                    members.push(part);
                }
            }
        }
        Parts { of, members }
    }

    /// Quanta after which, in the calm, all is right for good: the most from anywhere. An error is a node, and a way from
    /// it that comes back to where it can go on for ever: through what is wrong, or to it, or without time passing.
    fn settled_after(&self) -> Result<u32, (u32, Vec<Move>)> {
        let parts = self.parts();
        let mut last_wrong: Vec<Option<u32>> = vec![None; self.nodes.len()];
        for members in &parts.members {
            let part = parts.of[members[0] as usize];
            let inside = |edge: &&(u32, Move)| parts.of[edge.0 as usize] == part;
            for id in members {
                // What lies behind is known by now.
                let behind = self.calm(*id).iter().filter(|edge| !inside(edge));
                let after = behind.filter_map(|edge| last_wrong[edge.0 as usize].map(|quanta| quanta + ticks(edge.1)));
                let wrong = !self.nodes[*id as usize].right;
                last_wrong[*id as usize] = after.max().max(wrong.then_some(0));
            }
            let rounds = || members.iter().flat_map(|id| self.calm(*id)).filter(inside);
            let never_right = members.iter().find(|id| last_wrong[**id as usize].is_some());
            let timeless = members.first().filter(|_| rounds().all(|edge| ticks(edge.1) == 0));
            if let (Some(id), Some(_)) = (never_right.or(timeless), rounds().next()) {
                return Err((*id, self.round(*id, &parts)));
            }
        }
        Ok(last_wrong.into_iter().flatten().max().unwrap_or(0))
    }

    /// Quanta for which, in the calm, two routers are Master: the most. All of it comes to an end, as was just seen.
    fn two_masters_for(&self) -> u32 {
        let mut lasts = vec![0; self.nodes.len()];
        for id in self.parts().members.into_iter().flatten().filter(|id| self.nodes[*id as usize].two) {
            let after = self.calm(id).iter().map(|edge| lasts[edge.0 as usize] + ticks(edge.1));
            lasts[id as usize] = after.max().unwrap_or(0);
        }
        lasts.into_iter().max().unwrap_or(0)
    }

    /// A way from a node back to it.
    fn round(&self, start: u32, parts: &Parts) -> Vec<Move> {
        let mut came: HashMap<u32, (u32, Move)> = HashMap::new();
        let mut frontier = VecDeque::from([start]);
        while let Some(id) = frontier.pop_front() {
            for (target, happens) in self.calm(id) {
                if parts.of[*target as usize] == parts.of[start as usize] && !came.contains_key(target) {
                    came.insert(*target, (id, *happens));
                    frontier.push_back(*target);
                }
            }
        }
        let (mut at, mut way) = (start, Vec::new());
        while let Some((from, happens)) = came.get(&at) {
            way.push(*happens);
            at = *from;
            if at == start {
                break;
            }
        }
        way.reverse();
        way
    }

    /// The shortest way to a node, and on from there, lived again.
    fn story(&self, scenario: Scenario, id: u32, then: &[Move], end: &str) -> String {
        let (mut at, mut way) = (id, Vec::new());
        while at != 0 {
            way.push(self.nodes[at as usize].via);
            at = self.nodes[at as usize].parent;
        }
        way.reverse();
        let (mut world, mut story) = (World::new(scenario), format!("{}:\n", scenario.name));
        for (step, happens) in way.iter().chain(then).enumerate() {
            let mark = if step == way.len() && then.len() > 1 { "  from here on:\n" } else { "" };
            let told = world.describe(*happens);
            match world.after(*happens) {
                Ok(next) => world = next,
                Err(what) => return format!("{story}{mark}  {told}\n{what}"),
            }
            story += &format!("{mark}  {told:<62} {world}\n");
        }
        story + end
    }
}
