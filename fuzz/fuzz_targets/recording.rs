#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| vrrp_fuzz::recording::run(input));
