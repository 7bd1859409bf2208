//! Writes what the Debian package has besides the programs: manual pages and completions from their command lines, and the unit.
//!
//! `cargo run -p vrrp-examples --example debian-files` writes to `vrrp-examples/debian/generated`; `.ci/package` runs it.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

mod configuration_page;
#[allow(dead_code)]
#[path = "../src/bin/vrrp-decode.rs"]
mod decode;
#[allow(dead_code)]
#[path = "../src/bin/vrrp-replay.rs"]
mod replay;
#[allow(dead_code)]
#[path = "../src/bin/vrrpctl.rs"]
mod vrrpctl;

const UNIT: &str = include_str!("../systemd/vrrpd.service");

const SOURCE: &str = concat!("vrrpd ", env!("CARGO_PKG_VERSION"));

const FILES: &str = r"
.SH FILES
.TP
/etc/vrrpd/vrrpd.conf
The configuration, in the language of keepalived.conf. A file whose name ends in .toml is in the native format, vrrpd.conf(5).
.TP
/run/vrrpd.sock
The socket on which vrrpctl asks.
.TP
/var/lib/vrrpd
Recordings of takeovers that nobody asked for.
.TP
/usr/share/doc/vrrpd
What vrrpd does with each keyword, and how it runs scripts.
";

fn main() -> Result<(), Box<dyn Error>> {
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("debian/generated");
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    let see = |pages: &str| format!("\n.SH SEE ALSO\n{pages}\n");
    let of_daemon = FILES.to_owned() + &see("vrrpctl(1), vrrpd.conf(5), keepalived.conf(5)");
    let programs = [
        (vrrp_examples::vrrpd::command_line(), "vrrpd", "8", of_daemon),
        (vrrpctl::Arguments::command(), "vrrpctl", "1", see("vrrpd(8)")),
        (decode::Arguments::command(), "vrrp-decode", "1", see("vrrpd(8)")),
        (replay::Arguments::command(), "vrrp-replay", "1", see("vrrpctl(1), vrrpd(8)")),
    ];
    for (command, name, section, last) in programs {
        let command = command.name(name).bin_name(name);
        for (shell, folder) in [(Shell::Bash, "bash"), (Shell::Fish, "fish"), (Shell::Zsh, "zsh")] {
            let path = clap_complete::generate_to(shell, &mut command.clone(), name, folder_in(&to, folder)?)?;
            if shell == Shell::Bash {
                // The name by which bash looks for it.
                fs::rename(&path, path.with_file_name(name))?;
            }
        }
        let mut built = command.disable_help_subcommand(true);
        built.build();
        page(&built, name, section, &last, &folder_in(&to, &format!("man{section}"))?)?;
    }
    fs::write(folder_in(&to, "man5")?.join("vrrpd.conf.5"), configuration_page::page(SOURCE))?;
    // Packages have their programs below /usr, what an administrator installs is below /usr/local.
    fs::write(to.join("vrrpd.service"), UNIT.replace("/usr/local/", "/usr/"))?;
    Ok(())
}

/// Writes the page of a command and those of its subcommands.
fn page(command: &Command, name: &str, section: &str, last: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    let file = format!("{name}.{section}");
    let mut text = fs::File::create(to.join(&file))?;
    let named = command.clone().display_name(name.to_owned());
    // No date: it would be that of the build. Without its quotes the source would stand in its place.
    let man = Man::new(named).title(name.to_uppercase()).section(section).date("\"\"").source(SOURCE).manual("VRRP");
    man.render(&mut text)?;
    text.write_all(last.as_bytes())?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let of_subcommand = format!("{name}-{}", subcommand.get_name());
        page(subcommand, &of_subcommand, section, &format!("\n.SH SEE ALSO\n{name}({section})\n"), to)?;
    }
    Ok(())
}

/// Makes a folder.
fn folder_in(to: &Path, name: &str) -> Result<PathBuf, std::io::Error> {
    let folder = to.join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
