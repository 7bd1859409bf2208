//! Does once more what a recording says, tells the story, and says whether the same came out.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use vrrp_core::record::Recording;
use vrrp_examples::story::{self, Options};

const STDIN: &str = "-";
/// A recording of thousands of routers is smaller.
const OCTETS_MAX: u64 = 1 << 30;

/// Replays a recording of vrrpd: every packet and timer goes through the protocol once more, and every decision and every octet that
/// was sent must come out again.
///
/// Prints the story, one line for each event, with the time on the wall clock and since the beginning.
#[derive(Parser)]
#[command(name = "vrrp-replay", version, after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    /// Also tell of every packet, timer and advertisement
    #[arg(short, long)]
    verbose: bool,
    /// Print the events of this router only; may be given several times
    #[arg(long, value_name = "NAME")]
    router: Vec<String>,
    /// Print only the result
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Also draw it, as a page that needs no network
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// The recording; - is standard input
    file: PathBuf,
}

const EXIT_STATUS: &str = "\
Exit status:
  0  everything came out again as it was recorded
  1  something else came out: the last line says what, and when
  2  there is no recording to read, or it is damaged";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let complain = |why: &dyn std::fmt::Display| {
        let line = format!("vrrp-replay: {}: {why}", arguments.file.display());
        let _ = writeln!(io::stderr(), "{}", story::clean(line));
        ExitCode::from(2)
    };
    let text = match read(&arguments.file) {
        Ok(text) => text,
        Err(error) => return complain(&error),
    };
    let recording = match Recording::from_text(&text) {
        Ok(recording) => recording,
        Err(error) => return complain(&error),
    };
    let options = Options { verbose: arguments.verbose, quiet: arguments.quiet, routers: arguments.router.clone() };
    let unknown = options.routers.iter().find(|name| !recording.names.values().any(|known| known == *name));
    if let Some(name) = unknown {
        let known: Vec<&str> = recording.names.values().map(String::as_str).collect();
        return complain(&format!("there is no router {name} in it; there are: {}", known.join(", ")));
    }
    if let Some(page) = &arguments.html {
        let drawn = story::draw(&recording, &options.routers).to_html();
        if let Err(error) = fs::write(page, drawn) {
            return complain(&format!("cannot write {}: {error}", page.display()));
        }
    }
    let mut out = BufWriter::new(io::stdout());
    match story::tell(&recording, &options, &mut out).and_then(|agrees| out.flush().map(|()| agrees)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // A reader that goes early is not an error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot write: {error}")),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match path == Path::new(STDIN) {
        true => io::stdin().lock().take(OCTETS_MAX).read_to_end(&mut text)?,
        false => fs::File::open(path)?.take(OCTETS_MAX).read_to_end(&mut text)?,
    };
    Ok(text)
}
