#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| vrrp_fuzz::drain_controller::fuzz(input));
