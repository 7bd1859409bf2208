//! A live peer: its interface listened to, and captured for tshark.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::common::testing::{in_namespace, missing, skip};
use super::common::{Host, Lan, until};
use super::tshark::assert_agree;
use super::{lines, parse};

const KEEPALIVED: &str = "
vrrp_instance two {
    interface eth0
    virtual_router_id 2
    priority 255
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.0.2.101/24
        192.0.2.102/24
    }
}
vrrp_instance three {
    interface eth0
    version 3
    virtual_router_id 3
    priority 255
    advert_int 0.2
    virtual_ipaddress {
        192.0.2.103/24
    }
}
vrrp_instance six {
    interface eth0
    version 3
    virtual_router_id 6
    priority 255
    advert_int 0.2
    virtual_ipaddress {
        fe80::1/64
        2001:db8::1/64
    }
}
";

#[test]
fn what_keepalived_sends_is_heard_and_captured() {
    if let Some(program) = missing(&["tshark", "dumpcap", "keepalived"]) {
        return skip("what_keepalived_sends_is_heard_and_captured", &format!("{program} is not installed"));
    }
    in_namespace(|| {
        let lan = Lan::new();
        let (host, observer) = (lan.host(1), lan.host(2));
        let (heard, captured) = (observer.path("heard"), observer.path("captured.pcap"));
        let mut decode = Command::new(env!("CARGO_BIN_EXE_vrrp-decode"));
        decode.args(["--json", "-i", "eth0"]).stdout(File::create(&heard).unwrap());
        let mut dumpcap = Command::new("dumpcap");
        dumpcap.args(["-q", "-P", "-i", "eth0", "-f", "proto 112", "-w"]).arg(&captured).stderr(Stdio::null());
        let dumpcap = Running(observer.spawn(&mut dumpcap));
        let decode = Running(observer.spawn(&mut decode));
        let _keepalived = Running(keepalived(&host));

        let heard = || parse(&complete_lines(&fs::read(&heard).unwrap()));
        let of = |vrid: u8| heard().iter().filter(|line| line["vrid"] == vrid).count();
        until("three of each router are heard", || [2, 3, 6].iter().all(|vrid| of(*vrid) >= 3));
        drop(decode);
        let is_captured =
            || fs::read(&captured).is_ok_and(|file| file.len() > 24 && lines(&file).len() > heard().len());
        until("as much is captured", is_captured);
        drop(dumpcap);

        let found = lines(&fs::read(&captured).unwrap());
        assert_agree(&captured, &found);
        for line in heard() {
            let same = |found: &Value| {
                let fields = ["src", "dst", "ttl", "vrid", "priority", "addresses", "checksum", "verdict"];
                fields.iter().all(|field| found[field] == line[field])
            };
            assert!(found.iter().any(same), "{line} is not among {found:#?}");
        }
    });
}

/// Without a line that is still being written.
fn complete_lines(output: &[u8]) -> Vec<u8> {
    let end = output.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    output[..end].to_vec()
}

fn keepalived(host: &Host) -> std::process::Child {
    let configuration = host.path("keepalived.conf");
    fs::write(&configuration, KEEPALIVED).unwrap();
    let mut command = Command::new("keepalived");
    command.args(["--dont-fork", "--vrrp", "--use-file"]).arg(configuration).stderr(Stdio::null());
    for (option, name) in [("--pid", "pid"), ("--vrrp_pid", "vrrp.pid")] {
        command.arg(option).arg(host.path(name));
    }
    host.spawn(command.args(["--log-console"]).stdout(Stdio::null()))
}

/// A process that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Asked, so that keepalived takes its child along.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}
