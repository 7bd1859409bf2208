//! One text for several hosts: `@ID` lines, definitions and included files mean to vrrpd what they mean to keepalived.

use std::fs;
use std::net::Ipv4Addr;

use crate::beside::Beside;
use crate::common::{Lan, in_namespace, until};

/// Of two hosts, `left` and `right`, each of them the better one for one of two addresses.
const FOR_TWO: &str = "\
$NETWORK=192.0.2
$BASE=${NETWORK}.${TENS}
$TENS=10
@left  $FIRST=240
@right $FIRST=90
$ROUTER= \\
vrrp_instance VI_${VRID} { \\
    interface eth0 \\
    version 3 \\
    advert_int 0.2 \\
    virtual_router_id $VRID \\
    priority ${PRIORITY} \\
    virtual_ipaddress { \\
        ${BASE}${VRID}/24 \\
    } \\
}
$VRID=1
$PRIORITY=$FIRST
$ROUTER
$VRID=2
$TENS=11
@^left $PRIORITY=239
@left  $PRIORITY=91
$ROUTER
vrrp_instance ${_INSTANCE} {
    interface eth0
    version 3
    advert_int 0.2
    virtual_router_id 3
    @^right priority 7
    @right priority 8
    virtual_ipaddress {
        @left 192.0.2.3
        @right 192.0.2.4/24
        @^middle 192.0.2.5/32
    }
}
";

#[test]
fn one_file_means_to_each_of_two_hosts_what_it_means_to_keepalived_there() {
    in_namespace(|| {
        let lan = Lan::new();
        let ids = [("left", 240, 91, 7, "192.0.2.3"), ("right", 90, 239, 8, "192.0.2.4")];
        let running = ids.iter().zip([11, 21]).map(|(id, number)| {
            let beside = Beside::new(&lan, number);
            let daemons = beside.start(FOR_TWO, &["-i", id.0]);
            (id, beside, daemons)
        });
        for ((id, first, second, third, own), beside, (daemon, _keepalived)) in &running.collect::<Vec<_>>() {
            daemon.until_is(id, "Master");
            [(1, first), (2, second), (3, third)].iter().for_each(|it| beside.until_both_say(it.0, *it.1));
            for address in ["192.0.2.101", "192.0.2.112", own, "192.0.2.5"] {
                beside.both(|host| until(address, || host.has(address)));
            }
        }
    });
}

#[test]
fn included_files_are_read_in_the_order_of_keepalived() {
    let files = [
        ("parts/nested/base", "$PRIORITY=77\ninclude ../other\n"),
        ("parts/other", "include nested/oth*\n"),
        (
            "parts/nested/other",
            "vrrp_instance VI_2 {\ninterface eth0\ninclude ../all\nvirtual_router_id 2\nvirtual_ipaddress {\n192.0.2.130\n}\n}\n",
        ),
        ("parts/all", "version 3\nadvert_int 0.2\npriority $PRIORITY\n"),
        ("parts/begin", "include nested/b[a-c]?e\n"),
        ("addresses/10.conf", "192.0.2.110\n"),
        ("addresses/2.conf", "192.0.2.102\n"),
        ("addresses/1.conf", "192.0.2.101\n"),
        ("addresses/.hidden.conf", "192.0.2.109\n"),
        ("addresses/z", "192.0.2.120\n"),
        ("addresses/y-1", "192.0.2.121\n"),
        ("addresses/y-2", "192.0.2.122\n"),
    ];
    let main = "include parts/begin\n\
        vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 1\ninclude parts/all\n\
        virtual_ipaddress {\ninclude addresses/*.conf\ninclude addresses/none-*\ninclude addresses/{z,y-{2,1},absent*}\n}\n}\n";
    in_namespace(|| {
        let lan = Lan::new();
        let beside = Beside::new(&lan, 1);
        for (path, text) in files {
            beside.both(|host| {
                let path = host.path(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            });
        }
        let _daemons = beside.start(main, &[]);
        beside.until_both_say(2, 77);
        beside.until_both_say(1, 77);
        let order = [101, 110, 102, 120, 122, 121].map(|last| Ipv4Addr::new(192, 0, 2, last));
        assert_eq!(lan.wire().adverts(1).iter().find(|advert| advert.vrid == 1).unwrap().addresses, order);
    });
}
