//! The `memcmp` that the module brings, called as everything inside the module calls it.
//!
//! Every comparison of texts rests on it, so it is held against the standard library's, at every length and every place in a word,
//! with texts that end where the memory ends: one byte read too many is a trap.

use std::cmp::Ordering;

use actgate_tests::envoy_gateway::module;
use wasmtime::{Engine, Extern, Linker, Memory, Module, Store, TypedFunc};

const PAGE_BYTES: usize = 1 << 16;

/// Longer than two words, so that every way through the loop and its rest is gone.
const LENGTH_MAX: usize = 20;

struct Guest {
    store: Store<()>,
    memory: Memory,
    memcmp: TypedFunc<(u32, u32, u32), i32>,
    end: usize,
}

impl Guest {
    fn new() -> Self {
        let engine = Engine::default();
        let compiled = Module::from_file(&engine, module()).expect("a module");
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&compiled).expect("every import is a function");
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &compiled).expect("it starts without a host");
        let memory = instance.get_memory(&mut store, "memory").expect("a memory");
        let end = (memory.size(&store) as usize + 1) * PAGE_BYTES;
        memory.grow(&mut store, 1).expect("a page more");
        let memcmp = instance.get_export(&mut store, "memcmp").and_then(Extern::into_func).expect("the function");
        let memcmp = memcmp.typed(&store).expect("of C's type");
        Self { store, memory, memcmp, end }
    }

    /// Compares two texts of one length: the first at that distance from the end of the page, the second right at the end of it.
    fn compare(&mut self, one: &[u8], other: &[u8], distance: usize) -> Ordering {
        let places = [self.end - other.len() - distance - one.len(), self.end - other.len()];
        for (place, text) in places.iter().zip([one, other]) {
            self.memory.write(&mut self.store, *place, text).expect("within the memory");
        }
        let [one, other, size] =
            [places[0], places[1], other.len()].map(|number| u32::try_from(number).expect("32 bits"));
        self.memcmp.call(&mut self.store, (one, other, size)).expect("no trap").cmp(&0)
    }
}

#[test]
fn texts_compare_as_their_bytes_do_and_nothing_beyond_them_is_read() {
    let mut guest = Guest::new();
    for length in 0..=LENGTH_MAX {
        let one: Vec<u8> = (0..length).map(|at| 0x7d + at as u8).collect();
        for distance in 0..8 {
            assert_eq!(guest.compare(&one, &one, distance), Ordering::Equal, "{length}");
            // Each byte lower and higher, as signed and as unsigned numbers, with the rest as it is and with the last the other way.
            for at in 0..length {
                for change in [0x01, 0x80, 0xff] {
                    let mut other = one.clone();
                    other[at] ^= change;
                    assert_eq!(guest.compare(&one, &other, distance), one.cmp(&other), "{one:?} {other:?}");
                    other[length - 1] = !other[length - 1];
                    assert_eq!(guest.compare(&other, &one, distance), other.cmp(&one), "{one:?} {other:?}");
                }
            }
        }
    }
}
