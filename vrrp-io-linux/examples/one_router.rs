//! Takes 192.0.2.1 over when the Master falls silent, and hands it back when it is told to stop.

use tokio::signal::unix::{SignalKind, signal};
use vrrp_core::{Config, Priority, Profile, Vrid};
use vrrp_io_linux::{Router, start};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // What systemd, a container or `kill` sends, and Ctrl-C: from here on both are an orderly end.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let config = Config::new(Profile::Rfc3768, Vrid::new(51)?, &["192.0.2.1".parse()?])?;
    // Clients talk to a service here, not only through this host: so a Master accepts packets to the address.
    let router = Router::new("eth0", config.with_priority(Priority::new(150)?)).with_accept_mode(true);
    let (vrrp, mut events) = start([router])?;
    while let Some(event) = tokio::select! {
        event = events.recv() => event,
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    } {
        println!("{event}");
    }
    vrrp.stop_all().await?;
    Ok(())
}
