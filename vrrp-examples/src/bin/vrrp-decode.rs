//! Prints what the VRRP packets of a capture, or of an interface, say.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, LineWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use vrrp_examples::decode::{self, Error, Format};

const STDIN: &str = "-";

/// Prints the contents of every VRRP packet of a capture, and the verdict of a receiver with defaults.
///
/// Reads pcap and pcapng, compressed by gzip or not, and looks into tunnels (VXLAN, Geneve, GRE, ERSPAN, IP in IP), so
/// that the traffic of a mirror port can be read. Of a message that is too short it prints the part that is there. Packets that
/// cannot be decoded, and damage in the capture, are printed as errors, and do not end the program. The exit status is 2 if the
/// file is not a capture that can be read.
#[derive(Parser)]
#[command(name = "vrrp-decode", version)]
pub(crate) struct Arguments {
    /// Print one JSON object on each line
    #[arg(long)]
    json: bool,
    /// Listen to an interface instead; needs CAP_NET_RAW
    #[arg(short, long, value_name = "IFACE", conflicts_with = "file")]
    interface: Option<String>,
    /// The capture; - is standard input
    #[arg(default_value = STDIN)]
    file: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let format = if arguments.json { Format::Json } else { Format::Text };
    let from_stdin = arguments.file == Path::new(STDIN);
    // What comes from a file is read in one go; whoever waits for more wants to see what there is.
    let mut out: Box<dyn Write> = match arguments.interface.is_some() || from_stdin {
        true => Box::new(LineWriter::new(io::stdout())),
        false => Box::new(BufWriter::new(io::stdout())),
    };
    let (input, result) = match &arguments.interface {
        Some(interface) => (interface.as_str().into(), decode::listen(interface, &mut out, format)),
        None if from_stdin => ("standard input".into(), decode::decode(io::stdin().lock(), &mut out, format)),
        None => (arguments.file.to_string_lossy(), decode_file(&arguments.file, &mut out, format)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that goes early (`vrrp-decode x.pcap | head -1`) is not an error.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "vrrp-decode: {input}: {why}");
            ExitCode::from(2)
        }
    }
}

fn decode_file(path: &Path, out: &mut impl Write, format: Format) -> Result<(), Error> {
    let file = File::open(path).map_err(|error| Error::Input(error.to_string()))?;
    decode::decode(BufReader::new(file), out, format)
}
