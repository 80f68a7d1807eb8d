//! What holds an identity or a campaign together, drawn: its members on the one side, what joins them on the other.

use std::fmt::Write as _;

use cluster::{Campaigns, Evidence, Link};

use crate::args::Graph;

/// Height of a row and width of the drawing, in pixels.
const ROW: usize = 24;
const WIDTH: usize = 900;
/// Characters of a label that fit.
const LABEL: usize = 60;

/// Members and what joins them, each with its name and whether it joins, and who has what.
pub struct Picture {
    nodes: Vec<(String, bool)>,
    edges: Vec<(usize, usize)>,
}

// === impl Picture ===

impl Picture {
    /// Everything that joins two of the observations, which are named in their order.
    pub fn of_identity(evidence: &Evidence<'_>, names: &[&str]) -> Self {
        let mut picture = Self::of(names);
        for shared in evidence.joints() {
            let label = match &shared.link {
                Link::Value { family, value } => format!("{family} {value}"),
                Link::Pinned => "an operator said so".to_owned(),
            };
            picture.join(label, &shared.holders);
        }
        picture
    }

    /// The pairs that hold a campaign together, its identities being named in their order.
    pub fn of_campaign(campaigns: &Campaigns, names: &[&str]) -> Self {
        let mut picture = Self::of(names);
        for joint in &campaigns.joints {
            let label = match joint.weight {
                weight if weight.is_finite() => format!("{} ({weight:.2})", joint.reason),
                _ => joint.reason.to_string(),
            };
            picture.join(label, &[joint.a as usize, joint.b as usize]);
        }
        picture
    }

    pub fn draw(&self, form: Graph) -> String {
        match form {
            Graph::Dot => self.dot(),
            Graph::Svg => self.svg(),
        }
    }

    fn of(names: &[&str]) -> Self {
        Self {
            nodes: names.iter().map(|name| ((*name).to_owned(), false)).collect(),
            edges: Vec::new(),
        }
    }

    fn join(&mut self, label: String, members: &[usize]) {
        let node = self.nodes.len();
        self.nodes.push((label, true));
        self.edges.extend(members.iter().map(|&member| (member, node)));
    }

    fn dot(&self) -> String {
        let mut text = "graph evidence {\n  rankdir=LR;\n".to_owned();
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
    use cluster::{Joint, Observation, Pins, Reason, Settings};

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
        let picture = Picture::of_identity(&evidence, &["192.0.2.1", "192.0.2.2"]);
        let dot = picture.draw(Graph::Dot);
        assert!(
            dot.contains("label=\"hassh \\\"<script>\"") && dot.contains("n1 -- n2;"),
            "{dot}"
        );
        let svg = picture.draw(Graph::Svg);
        assert!(
            svg.contains("&lt;script&gt;") && svg.matches("<line").count() == 2,
            "{svg}"
        );
    }

    #[test]
    fn what_joins_identities_is_drawn_with_its_weight() {
        let joint = |weight, reason| Joint {
            a: 0,
            b: 1,
            weight,
            reason,
        };
        let campaigns = Campaigns {
            joints: vec![joint(1.25, Reason::Infra), joint(f64::INFINITY, Reason::Pinned)],
            ..Campaigns::default()
        };
        let dot = Picture::of_campaign(&campaigns, &["one", "two"]).draw(Graph::Dot);
        assert!(dot.contains("label=\"shared infrastructure (1.25)\""), "{dot}");
        assert!(dot.contains("label=\"an operator said so\""), "{dot}");
        assert!(dot.contains("n0 -- n3;") && dot.contains("n1 -- n3;"), "{dot}");
    }
}
