//! Reading and writing the guest's memory. A bad pointer is `InvalidMemoryAccess`, never a panic.

use wasmtime::Caller;

use crate::abi::Status;
use crate::vm::VmData;

/// Why a host call does not return `Ok`.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The guest gets a status word.
    Status(Status),
    /// The guest trapped inside the call (in its own allocator).
    Trap(wasmtime::Error),
}

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

pub(crate) type HostResult = Result<(), Fault>;
pub(crate) type Host<'a> = Caller<'a, VmData>;

const BAD: Fault = Fault::Status(Status::InvalidMemoryAccess);

/// What host calls do with guest memory.
pub(crate) trait GuestMemory {
    fn read(&mut self, at: u32, length: u32) -> Result<Vec<u8>, Fault>;
    fn write(&mut self, at: u32, bytes: &[u8]) -> HostResult;
    /// Allocates in the guest, copies there, and writes pointer and size.
    fn give(&mut self, bytes: &[u8], pointer_at: u32, size_at: u32) -> HostResult;

    fn write_word(&mut self, at: u32, word: u32) -> HostResult {
        self.write(at, &word.to_le_bytes())
    }
}

impl GuestMemory for Host<'_> {
    fn read(&mut self, at: u32, length: u32) -> Result<Vec<u8>, Fault> {
        let memory = self.data().memory.ok_or(BAD)?;
        let start = at as usize;
        memory.data(&*self).get(start..start + length as usize).map(<[u8]>::to_vec).ok_or(BAD)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> HostResult {
        let memory = self.data().memory.ok_or(BAD)?;
        memory.write(self, at as usize, bytes).map_err(|_| BAD)
    }

    fn give(&mut self, bytes: &[u8], pointer_at: u32, size_at: u32) -> HostResult {
        let size = u32::try_from(bytes.len()).map_err(|_| BAD)?;
        let mut pointer = 0;
        if size > 0 {
            let allocate = self.data().allocate.clone().ok_or(BAD)?;
            pointer = allocate.call(&mut *self, size).map_err(Fault::Trap)?;
            if pointer == 0 {
                return Err(BAD);
            }
            self.write(pointer, bytes)?;
        }
        self.write_word(pointer_at, pointer)?;
        self.write_word(size_at, size)
    }
}
