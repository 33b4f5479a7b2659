//! Shared queues: first in, first out, unbounded, one consumer: the last context to register.

use std::collections::{BTreeMap, VecDeque};

use crate::abi::Status;
use crate::vm::VmId;

/// A queue has something for its consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) vm: VmId,
    pub(crate) root: u32,
    pub(crate) token: u32,
}

#[derive(Debug)]
struct Queue {
    consumer: (VmId, u32),
    items: VecDeque<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(crate) struct SharedQueues {
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    queues: BTreeMap<u32, Queue>,
    ready: VecDeque<Ready>,
}

impl SharedQueues {
    pub(crate) fn register(&mut self, vm_id: &str, name: &[u8], vm: VmId, root: u32) -> u32 {
        let next = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX) + 1;
        let token = *self.tokens.entry((vm_id.to_owned(), name.to_vec())).or_insert(next);
        let queue = self.queues.entry(token).or_insert(Queue { consumer: (vm, root), items: VecDeque::new() });
        queue.consumer = (vm, root);
        token
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &[u8]) -> Result<u32, Status> {
        self.tokens.get(&(vm_id.to_owned(), name.to_vec())).copied().ok_or(Status::NotFound)
    }

    pub(crate) fn enqueue(&mut self, token: u32, item: Vec<u8>) -> Status {
        let Some(queue) = self.queues.get_mut(&token) else { return Status::NotFound };
        queue.items.push_back(item);
        let (vm, root) = queue.consumer;
        self.ready.push_back(Ready { vm, root, token });
        Status::Ok
    }

    pub(crate) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let queue = self.queues.get_mut(&token).ok_or(Status::NotFound)?;
        queue.items.pop_front().ok_or(Status::Empty)
    }

    pub(crate) fn next_ready(&mut self) -> Option<Ready> {
        self.ready.pop_front()
    }
}
