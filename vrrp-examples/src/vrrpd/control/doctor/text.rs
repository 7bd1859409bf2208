//! The findings as text for people.

use std::fmt::Write as _;

use super::answer::Report;
use crate::vrrpd::doctor::Finding;

/// Returns a paragraph for each finding.
pub(super) fn render(Report { routers, findings, notes, sent }: &Report) -> String {
    let mut text = match (findings.len(), routers.len()) {
        (0, 1) => "nothing found (1 virtual router examined)\n".to_owned(),
        (0, count) => format!("nothing found ({count} virtual routers examined)\n"),
        (1, _) => "1 finding\n".to_owned(),
        (count, _) => format!("{count} findings\n"),
    };
    for finding in findings {
        text.push('\n');
        paragraph(&mut text, finding);
    }
    for (head, lines) in [("note", notes), ("sent", sent)] {
        for (index, line) in lines.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}{head}: {line}", if index == 0 { "\n" } else { "" });
        }
    }
    text
}

/// Writes what is wrong, how that is known and what to do.
pub(in crate::vrrpd::control) fn paragraph(text: &mut String, finding: &Finding) {
    let Finding { id, router, peer, problem, evidence, fix } = finding;
    let name = router.as_ref().filter(|router| !problem.starts_with(router.as_str()));
    let router = name.map(|router| format!("{router}: ")).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{router}{problem}");
    let peer = peer.as_ref().map(|peer| format!(", peer {peer}")).unwrap_or_default();
    let _ = writeln!(text, "  finding   {id}{peer}");
    for (index, line) in evidence.iter().enumerate() {
        let _ = writeln!(text, "  {:<8}  {line}", if index == 0 { "evidence" } else { "" });
    }
    let _ = writeln!(text, "  fix       {fix}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_begins_with_whether_anything_was_found() {
        let mut report = Report { routers: vec!["a".to_owned()], findings: vec![], notes: vec![], sent: vec![] };
        assert_eq!(render(&report), "nothing found (1 virtual router examined)\n");
        report.notes = vec!["VRID 9 is here too".to_owned()];
        report.sent = vec!["1 ARP probe on eth0".to_owned(), "1 ARP probe on eth1".to_owned()];
        report.findings = vec![Finding {
            id: "interval-mismatch".to_owned(),
            router: Some("a".to_owned()),
            peer: Some("192.0.2.2".to_owned()),
            problem: "192.0.2.2 advertises every 2 s, a every 1 s".to_owned(),
            evidence: vec!["3 were ignored".to_owned(), "the last one 0.1 s ago".to_owned()],
            fix: "Set the same interval.".to_owned(),
        }];
        let expected = "1 finding\n\na: 192.0.2.2 advertises every 2 s, a every 1 s\n  finding   interval-mismatch, peer 192.0.2.2\n  \
                        evidence  3 were ignored\n            the last one 0.1 s ago\n  fix       Set the same interval.\n\n\
                        note: VRID 9 is here too\n\nsent: 1 ARP probe on eth0\nsent: 1 ARP probe on eth1\n";
        assert_eq!(render(&report), expected);
    }
}
