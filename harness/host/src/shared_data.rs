//! Shared data: one map per `vm_id`, seen by every worker and every plugin with that id.
//!
//! Keys never disappear. A write to an absent key succeeds whatever CAS it names: there is no
//! put-if-absent.

use std::collections::BTreeMap;

use crate::abi::Status;

/// Values with the CAS number of their last write.
type Map = BTreeMap<Vec<u8>, (Vec<u8>, u32)>;

#[derive(Debug, Default)]
pub(crate) struct SharedData {
    maps: BTreeMap<String, Map>,
    last_cas: u32,
}

impl SharedData {
    pub(crate) fn get(&self, vm_id: &str, key: &[u8]) -> Result<(&[u8], u32), Status> {
        let (value, cas) = self.maps.get(vm_id).and_then(|map| map.get(key)).ok_or(Status::NotFound)?;
        Ok((value, *cas))
    }

    pub(crate) fn set(&mut self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Status {
        let map = self.maps.entry(vm_id.to_owned()).or_default();
        if cas != 0 && map.get(key).is_some_and(|(_, now)| *now != cas) {
            return Status::CasMismatch;
        }
        self.last_cas = self.last_cas.wrapping_add(1).max(1);
        map.insert(key.to_vec(), (value.to_vec(), self.last_cas));
        Status::Ok
    }

    pub(crate) fn entries(&self, vm_id: &str) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.maps.get(vm_id).into_iter().flatten().map(|(k, (v, _))| (k.as_slice(), v.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_with_a_stale_cas_is_refused_and_one_to_an_absent_key_never_is() {
        let mut data = SharedData::default();
        assert_eq!(data.set("a", b"k", b"1", 77), Status::Ok);
        let (_, cas) = data.get("a", b"k").unwrap();
        assert_eq!(data.set("a", b"k", b"2", cas), Status::Ok);
        assert_eq!(data.set("a", b"k", b"3", cas), Status::CasMismatch);
        assert_eq!(data.get("a", b"k").unwrap().0, b"2");
        assert_eq!(data.get("b", b"k"), Err(Status::NotFound));
    }
}
