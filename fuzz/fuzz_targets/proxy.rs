#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| libwsc_fuzz::proxy::run(input));
