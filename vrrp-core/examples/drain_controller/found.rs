// Seed 17, at 21.735251252s:
// the controller stopped the last host that was in service
fn plan() -> Result<Vec<vrrp_core::sim::Planned>, Box<dyn std::error::Error>> {
    use vrrp_core::Instant;
    use vrrp_core::sim::{Disturbance, HostId, Planned};
    Ok(vec![
        // 19.729024451s
        Planned { at: Instant::from_nanos(19_729_024_451), what: Disturbance::PowerOff(HostId::new(2)) },
        // 21.572790876s
        Planned { at: Instant::from_nanos(21_572_790_876), what: Disturbance::Kill(HostId::new(0)) },
    ])
}
