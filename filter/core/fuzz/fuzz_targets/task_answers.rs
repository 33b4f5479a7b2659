#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| actgate_fuzz::targets::task_answers(data));
