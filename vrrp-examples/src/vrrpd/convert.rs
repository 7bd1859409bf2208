//! `vrrpd convert`: a keepalived.conf in the native format.

use std::path::Path;

use crate::vrrpd::report::diagnostics::{Code, Diagnostic, Diagnostics, Severity};
use crate::vrrpd::{keepalived, native};

/// Returns a file, as it is for the host of this id, in the native format, and what it says in another way or not at all; that is in comments too.
///
/// # Errors
/// Everything found, where something of it is an error.
pub(super) fn convert(file: &Path, id: &str) -> Result<(String, Vec<Diagnostic>), Diagnostics> {
    let (loaded, _) = keepalived::load_with_places(file, id)?;
    let passwords = loaded.daemon.instances.iter().any(|instance| instance.password.is_some());
    let nobody = loaded.daemon.commands().any(|command| command.user.is_none());
    let unicast = loaded.daemon.instances.iter().any(|instance| instance.unicast.is_some());
    let converted =
        format!("{}\n{}", head(file, &loaded.notices, [passwords, nobody, unicast]), native::print(&loaded.daemon));
    match native::parse_str(&file.display().to_string(), &converted).map(|again| again.daemon == loaded.daemon) {
        Ok(true) => Ok((converted, loaded.notices)),
        other => Err(not_expressible(file, loaded.notices, other.err())),
    }
}

/// Returns the error about a file that cannot be said in the native format, with the reasons that are known.
fn not_expressible(file: &Path, mut found: Vec<Diagnostic>, why: Option<Diagnostics>) -> Diagnostics {
    let why = why.into_iter().flat_map(|why| why.0).find(|found| found.severity == Severity::Error);
    let message = "this file cannot be written in the native format".to_owned();
    let mut error = Diagnostic::of_file(Severity::Error, file.display().to_string(), message);
    error.code = Code::Unsupported;
    error.help = why.map(|why| why.message);
    found.push(error);
    Diagnostics(found)
}

/// Returns the comments above a converted file.
fn head(file: &Path, notices: &[Diagnostic], [passwords, nobody, unicast]: [bool; 3]) -> String {
    let mut lines = vec![
        format!("Converted from {} by vrrpd convert. Keys that are left out have their defaults.", file.display()),
        "Comments, and what is switched on for all routers at once, are not kept apart.".to_owned(),
    ];
    if passwords {
        lines.push(
            "This file contains passwords: only the daemon's user should be able to read it (chmod 600).".to_owned(),
        );
    }
    if nobody {
        lines.push(
            "Scripts without a user run as the daemon's user; keepalived uses keepalived_script if that user exists."
                .to_owned(),
        );
    }
    if unicast {
        lines.push(
            "Only advertisements of the listed peers are accepted; keepalived accepts those of everybody.".to_owned(),
        );
    }
    if !notices.is_empty() {
        lines.push("Changed or left out from the old file:".to_owned());
    }
    lines.extend(notices.iter().map(|notice| match notice.line {
        0 => format!("  {}: {}", notice.file, notice.message),
        line => format!("  {}:{line}: {}", notice.file, notice.message),
    }));
    // A comment of TOML ends with its line, and holds nothing that moves the cursor.
    let comment = |line: &String| {
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("# {line}\n")
    };
    lines.iter().map(comment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_is_named_above_and_passwords_are_told_of() {
        let text = "global_defs {\n router_id a\n notification_email { x }\n}\nvrrp_instance a {\n interface eth0\n \
                    virtual_router_id 1\n authentication {\n auth_type PASS\n auth_pass secret\n }\n \
                    virtual_ipaddress { 192.0.2.1 }\n}\n";
        let loaded = keepalived::parse_str("t.conf", text).unwrap();
        let head = head(Path::new("t\n.conf"), &loaded.notices, [true, true, false]);
        assert!(head.lines().all(|line| line.starts_with("# ")), "{head}");
        assert!(head.contains("chmod 600") && head.contains("keepalived_script"), "{head}");
        assert!(!head.contains("listed peers"), "{head}");
        assert!(!loaded.notices.is_empty(), "the file says something that is not acted upon");
        for notice in &loaded.notices {
            assert!(head.contains(&format!("t.conf:{}: {}", notice.line, notice.message)), "{head}");
        }
    }
}
