#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| vrrp_io_linux::fuzzing::netlink(input));
