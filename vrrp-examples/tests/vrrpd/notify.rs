//! Notify scripts: which, in what order, with which arguments.

use crate::common::{Lan, in_namespace, until};
use crate::instance;

fn configuration(name: &str, vrid: u8, priority: u8) -> String {
    let notify = format!(
        "notify_master \"$D/tell {name} 'is master'\"
         notify_backup \"$D/tell {name} 'is backup'\"
         notify_fault \"$D/tell {name} 'is fault'\"
         notify_stop \"$D/tell {name} 'is stop'\"
         notify \"$D/tell {name}\""
    );
    instance(name, vrid, priority, &notify)
}

#[test]
fn every_change_is_told_in_order_with_its_arguments() {
    in_namespace(|| {
        let lan = Lan::new();
        let host = lan.host(1);
        // Each argument on its own in brackets.
        host.script("tell", "name=$1; shift; for word in \"$@\"; do printf '[%s]' \"$word\"; done >>$D/$name.part; echo >>$D/$name.part; cat $D/$name.part >>$D/$name; rm $D/$name.part");
        let daemon = host.vrrpd(&(configuration("owner", 1, 255) + &configuration("other", 2, 100)));
        let told = |name: &str, lines: usize| until("it is told", || host.lines(name).len() >= lines);
        told("owner", 2);
        told("other", 2);
        host.set_carrier(false);
        told("owner", 4);
        told("other", 4);
        host.set_carrier(true);
        told("owner", 6);
        told("other", 6);
        assert!(daemon.terminate().success());

        let expected = |name: &str, states: [&str; 4], priority: u8| -> Vec<String> {
            let both = |state: &str| {
                [format!("[is {}]", state.to_lowercase()), format!("[INSTANCE][{name}][{state}][{priority}]")]
            };
            states.into_iter().flat_map(both).collect()
        };
        assert_eq!(host.lines("owner"), expected("owner", ["MASTER", "FAULT", "MASTER", "STOP"], 255));
        assert_eq!(host.lines("other"), expected("other", ["BACKUP", "FAULT", "BACKUP", "STOP"], 100));
    });
}
