//! What a fuzzer found, minimised, as hexadecimal text in files named after target and fault.

use std::fs;
use std::path::Path;

use crate::targets;

fn bytes_of(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn nothing_that_was_found_breaks_a_rule_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/finds");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "txt")) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let target = targets::ALL.iter().find(|(target, _)| name.starts_with(&format!("{target}-")));
        let (_, run) = target.unwrap_or_else(|| panic!("{name}: no target is called so"));
        run(&bytes_of(&fs::read_to_string(file).unwrap()));
    }
}

#[test]
fn every_target_stands_nothing_at_all() {
    for (_, run) in targets::ALL {
        run(&[]);
        run(&[0; 64]);
    }
}
