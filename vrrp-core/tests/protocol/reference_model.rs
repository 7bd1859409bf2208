//! The product beside a reference that was written from the RFCs alone, over random histories: after every step the same
//! actions in the same order, the same octets, the same deadline to the nanosecond.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn the_router_does_what_the_reference_does(history in prop::collection::vec(any::<u8>(), 0..400)) {
        crate::model::compare(&history);
    }
}
