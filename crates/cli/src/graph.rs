//! What holds an identity together, drawn: its addresses on the one side, the values that join them on the other.

use std::fmt::Write as _;

use cluster::{Evidence, Link};

use crate::args::Graph;

/// Height of a row and width of the drawing, in pixels.
const ROW: usize = 24;
const WIDTH: usize = 900;
/// Characters of a label that fit.
const LABEL: usize = 60;

/// Addresses and values, each with its name and whether it is a value, and who has what.
struct Picture {
    nodes: Vec<(String, bool)>,
    edges: Vec<(usize, usize)>,
}

/// Draws everything that joins two of the observations.
pub fn draw(evidence: &Evidence<'_>, names: &[&str], form: Graph) -> String {
    let mut picture = Picture {
        nodes: names.iter().map(|name| ((*name).to_owned(), false)).collect(),
        edges: Vec::new(),
    };
    for shared in evidence.joints() {
        let label = match &shared.link {
            Link::Value { family, value } => format!("{family} {value}"),
            Link::Pinned => "an operator said so".to_owned(),
        };
        let node = picture.nodes.len();
        picture.nodes.push((label, true));
        picture
            .edges
            .extend(shared.holders.iter().map(|&holder| (holder, node)));
    }
    match form {
        Graph::Dot => picture.dot(),
        Graph::Svg => picture.svg(),
    }
}

// === impl Picture ===

impl Picture {
    fn dot(&self) -> String {
        let mut text = "graph identity {\n  rankdir=LR;\n".to_owned();
        for (n, (label, value)) in self.nodes.iter().enumerate() {
            let shape = if *value { "box" } else { "ellipse" };
            let label = label.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(text, "  n{n} [shape={shape}, label=\"{label}\"];");
        }
        for (a, b) in &self.edges {
            let _ = writeln!(text, "  n{a} -- n{b};");
        }
        text + "}\n"
    }

    fn svg(&self) -> String {
        let (mut left, mut right) = (0, 0);
        let places: Vec<(usize, usize)> = self
            .nodes
            .iter()
            .map(|(_, value)| {
                let row = if *value { &mut right } else { &mut left };
                *row += 1;
                (if *value { WIDTH / 2 } else { 20 }, *row * ROW)
            })
            .collect();
        let height = (left.max(right) + 1) * ROW;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"monospace\" \
             font-size=\"12\">\n"
        );
        for &(a, b) in &self.edges {
            let ((x, y), (to_x, to_y)) = (places[a], places[b]);
            let (x, y, to_x, to_y) = (x + WIDTH / 4, y - 4, to_x - 6, to_y - 4);
            let _ = writeln!(
                text,
                "<line x1=\"{x}\" y1=\"{y}\" x2=\"{to_x}\" y2=\"{to_y}\" stroke=\"#888\"/>"
            );
        }
        for ((label, _), (x, y)) in self.nodes.iter().zip(places) {
            let cut: String = label.chars().take(LABEL).collect();
            let cut = cut.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let _ = writeln!(text, "<text x=\"{x}\" y=\"{y}\">{cut}</text>");
        }
        text + "</svg>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cluster::{Observation, Pins, Settings};

    #[test]
    fn what_joins_addresses_is_drawn_and_hostile_text_stays_text() {
        let with = |id: &str| Observation {
            id: id.into(),
            hassh: vec!["\"<script>".into()],
            ..Observation::default()
        };
        let observations = [with("192.0.2.1"), with("192.0.2.2")];
        let settings = Settings::default();
        let evidence = Evidence::new(&observations, &Pins::default(), &settings);
        let dot = draw(&evidence, &["192.0.2.1", "192.0.2.2"], Graph::Dot);
        assert!(
            dot.contains("label=\"hassh \\\"<script>\"") && dot.contains("n1 -- n2;"),
            "{dot}"
        );
        let svg = draw(&evidence, &["192.0.2.1", "192.0.2.2"], Graph::Svg);
        assert!(
            svg.contains("&lt;script&gt;") && svg.matches("<line").count() == 2,
            "{svg}"
        );
    }
}
