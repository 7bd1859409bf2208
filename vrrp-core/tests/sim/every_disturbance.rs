fn plan() -> Result<Vec<vrrp_core::sim::Planned>, Box<dyn std::error::Error>> {
    use core::num::NonZeroI16;
    use core::time::Duration;
    use vrrp_core::{AdvertInterval, AnnouncePolicy, Config, Drain, Family, Instant, Password, Priority, Profile, RouterId, SendChecksum, Tracker, TrackerId, UnicastPeer, Vrid, Weight};
    use vrrp_core::sim::{Attack, Disturbance, HostId, Installs, LanId, Link, Planned};
    Ok(vec![
        // 0ns
        Planned { at: Instant::from_nanos(0), what: Disturbance::PowerOff(HostId::new(0)) },
        // 1.000000001s
        Planned { at: Instant::from_nanos(1_000_000_001), what: Disturbance::Kill(HostId::new(0)) },
        // 2.000000002s
        Planned { at: Instant::from_nanos(2_000_000_002), what: Disturbance::Stop(HostId::new(0)) },
        // 3.000000003s
        Planned { at: Instant::from_nanos(3_000_000_003), what: Disturbance::Start(HostId::new(0)) },
        // 4.000000004s
        Planned { at: Instant::from_nanos(4_000_000_004), what: Disturbance::Stall(HostId::new(0), Duration::new(1, 500_000_000)) },
        // 5.000000005s
        Planned { at: Instant::from_nanos(5_000_000_005), what: Disturbance::Drift(HostId::new(0), -300) },
        // 6.000000006s
        Planned { at: Instant::from_nanos(6_000_000_006), what: Disturbance::FalseStamps(HostId::new(0), -1000000) },
        // 7.000000007s
        Planned { at: Instant::from_nanos(7_000_000_007), what: Disturbance::Link(LanId::new(1), None, Link::GOOD) },
        // 8.000000008s
        Planned { at: Instant::from_nanos(8_000_000_008), what: Disturbance::Link(LanId::new(1), Some((HostId::new(0), HostId::new(7))), Link { latency: Duration::new(1_234, 5_678), jitter: Duration::from_nanos(1_000_000), loss: 1, duplication: 2, reordering: 3, held_up: Duration::from_secs(4), corruption: 5 }) },
        // 9.000000009s
        Planned { at: Instant::from_nanos(9_000_000_009), what: Disturbance::Cut(LanId::new(1), HostId::new(0), HostId::new(7)) },
        // 10.00000001s
        Planned { at: Instant::from_nanos(10_000_000_010), what: Disturbance::Mend(LanId::new(1), HostId::new(0), HostId::new(7)) },
        // 11.000000011s
        Planned { at: Instant::from_nanos(11_000_000_011), what: Disturbance::Partition(LanId::new(1), vec![]) },
        // 12.000000012s
        Planned { at: Instant::from_nanos(12_000_000_012), what: Disturbance::Partition(LanId::new(1), vec![HostId::new(0), HostId::new(7)]) },
        // 13.000000013s
        Planned { at: Instant::from_nanos(13_000_000_013), what: Disturbance::Interface(HostId::new(0), LanId::new(1), false) },
        // 14.000000014s
        Planned { at: Instant::from_nanos(14_000_000_014), what: Disturbance::Addresses(HostId::new(0), LanId::new(1), true) },
        // 15.000000015s
        Planned { at: Instant::from_nanos(15_000_000_015), what: Disturbance::Tracker(HostId::new(0), RouterId::from(12884901890), TrackerId::new(3), false) },
        // 16.000000016s
        Planned { at: Instant::from_nanos(16_000_000_016), what: Disturbance::Installs(HostId::new(0), Installs::AtOnce) },
        // 17.000000017s
        Planned { at: Instant::from_nanos(17_000_000_017), what: Disturbance::Installs(HostId::new(0), Installs::After(Duration::from_nanos(3_000_000))) },
        // 18.000000018s
        Planned { at: Instant::from_nanos(18_000_000_018), what: Disturbance::Installs(HostId::new(0), Installs::OneByOne(Duration::from_nanos(3_000_000))) },
        // 19.000000019s
        Planned { at: Instant::from_nanos(19_000_000_019), what: Disturbance::Installs(HostId::new(0), Installs::Refused) },
        // 20.00000002s
        Planned { at: Instant::from_nanos(20_000_000_020), what: Disturbance::Installs(HostId::new(0), Installs::Ignored) },
        // 21.000000021s
        Planned { at: Instant::from_nanos(21_000_000_021), what: Disturbance::Refuses { host: HostId::new(0), address: "192.0.2.1".parse()?, refuses: true, known: false } },
        // 22.000000022s
        Planned { at: Instant::from_nanos(22_000_000_022), what: Disturbance::Remove { host: HostId::new(0), router: RouterId::from(12884901890), releases: true } },
        // 23.000000023s
        Planned { at: Instant::from_nanos(23_000_000_023), what: Disturbance::Group(HostId::new(0), vec![]) },
        // 24.000000024s
        Planned { at: Instant::from_nanos(24_000_000_024), what: Disturbance::Group(HostId::new(0), vec![RouterId::from(12884901890), RouterId::from(0)]) },
        // 25.000000025s
        Planned { at: Instant::from_nanos(25_000_000_025), what: Disturbance::SetPriority(HostId::new(0), RouterId::from(12884901890), Priority::new(99)?) },
        // 26.000000026s
        Planned { at: Instant::from_nanos(26_000_000_026), what: Disturbance::Drain(HostId::new(0), RouterId::from(12884901890), Drain { priority: Priority::new(1)?, limit: None }) },
        // 27.000000027s
        Planned { at: Instant::from_nanos(27_000_000_027), what: Disturbance::Drain(HostId::new(0), RouterId::from(12884901890), Drain { priority: Priority::new(7)?, limit: Some(Duration::from_nanos(0)) }) },
        // 28.000000028s
        Planned { at: Instant::from_nanos(28_000_000_028), what: Disturbance::Undrain(HostId::new(0), RouterId::from(12884901890)) },
        // 29.000000029s
        Planned { at: Instant::from_nanos(29_000_000_029), what: Disturbance::Attack(LanId::new(1), Attack { about: (HostId::new(0), RouterId::from(12884901890)), pace: Duration::from_nanos(20_000_000), span: Duration::from_secs(5), priorities: 0..=255, intervals: 1..=300, senders: 40, spoofs: true }) },
        // 30.00000003s
        Planned { at: Instant::from_nanos(30_000_000_030), what: Disturbance::Inject { lan: LanId::new(1), from: Some(HostId::new(7)), source: "192.0.2.1".parse()?, destination: "224.0.0.18".parse()?, ttl: 254, payload: vec![0, 255] } },
        // 31.000000031s
        Planned { at: Instant::from_nanos(31_000_000_031), what: Disturbance::Inject { lan: LanId::new(1), from: None, source: "fe80::9".parse()?, destination: "ff02::12".parse()?, ttl: 255, payload: vec![] } },
        // 32.000000032s
        Planned { at: Instant::from_nanos(32_000_000_032), what: Disturbance::Calm },
        // 33.000000033s
        Planned { at: Instant::from_nanos(33_000_000_033), what: Disturbance::Reconfigure(HostId::new(0), RouterId::from(12884901890), Box::new(Config::new(Profile::Rfc5798, Vrid::new(7)?, &["fe80::ffff:101".parse()?, "2001:db8::ffff:102".parse()?])?)) },
        // 34.000000034s
        Planned { at: Instant::from_nanos(34_000_000_034), what: Disturbance::Reconfigure(HostId::new(0), RouterId::from(12884901890), Box::new(Config::new(Profile::Rfc9568, Vrid::new(7)?, &["192.0.2.101".parse()?, "192.0.2.102".parse()?])?.with_priority(Priority::new(200)?).with_interval(AdvertInterval::from_centis(25)?)?.with_preempt(false, Duration::new(1, 500_000_000)).with_excluded(&["2001:db8::1".parse()?])?.with_answer_lower(false).with_owner_listens(true).with_yield_advertisement(false).with_strict_list(true).with_exact_checksum(true).with_lease(false).with_checksum(SendChecksum::AsHeard).with_learned_interval_cap(Some(AdvertInterval::from_centis(500)?)).with_also_version2(true)?.with_announce(AnnouncePolicy { repeat: 2, delay: Some(Duration::from_nanos(900_000_000)), refresh: Some(Duration::from_secs(60)), refresh_repeat: 3, contest_repeat: 4, contest_holdoff: Duration::from_secs(6) }))) },
        // 35.000000035s
        Planned { at: Instant::from_nanos(35_000_000_035), what: Disturbance::Reconfigure(HostId::new(0), RouterId::from(12884901890), Box::new(Config::new(Profile::Rfc3768, Vrid::new(7)?, &["192.0.2.101".parse()?, "192.0.2.102".parse()?])?.with_priority(Priority::new(1)?).with_unicast_peers(&[UnicastPeer { address: "10.0.0.2".parse()?, min_ttl: 250 }])?)) },
        // 36.000000036s
        Planned { at: Instant::from_nanos(36_000_000_036), what: Disturbance::Reconfigure(HostId::new(0), RouterId::from(12884901890), Box::new({ let mut config = Config::new(Profile::Rfc2338, Vrid::new(7)?, &["192.0.2.101".parse()?, "192.0.2.102".parse()?])?.with_password(Password::new(b"a\"\\\x01b\x00\x00\x00")?)?; config.add_tracker(Tracker { name: "say \"up\"".into(), weight: Weight::Fault, reverse: true })?; config.add_tracker(Tracker { name: "load".into(), weight: Weight::Adjust(NonZeroI16::try_from(-20_i16)?), reverse: false })?; config })) },
        // 37.000000037s
        Planned { at: Instant::from_nanos(37_000_000_037), what: Disturbance::Reconfigure(HostId::new(0), RouterId::from(12884901890), Box::new(Config::without_addresses(Profile::Rfc9568Errata, Family::Ipv6, Vrid::new(9)?)?)) },
        // 38.000000038s
        Planned { at: Instant::from_nanos(38_000_000_038), what: Disturbance::Add(HostId::new(0), LanId::new(1), Box::new(Config::new(Profile::Rfc5798, Vrid::new(7)?, &["fe80::ffff:101".parse()?, "2001:db8::ffff:102".parse()?])?)) },
    ])
}
