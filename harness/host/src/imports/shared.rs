//! Shared data and shared queues.

use wasmtime::Linker;

use super::host_call;
use crate::memory::{GuestMemory, Host, HostResult};
use crate::plugin::Plugin;
use crate::vm::VmData;

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    host_call!(linker, plugin, "proxy_get_shared_data", get_data,
        key: u32, key_size: u32, value_at: u32, size_at: u32, cas_at: u32);
    host_call!(linker, plugin, "proxy_set_shared_data", set_data,
        key: u32, key_size: u32, value: u32, value_size: u32, cas: u32);
    host_call!(linker, plugin, "proxy_register_shared_queue", register_queue,
        name: u32, name_size: u32, token_at: u32);
    host_call!(linker, plugin, "proxy_resolve_shared_queue", resolve_queue,
        vm_id: u32, vm_id_size: u32, name: u32, name_size: u32, token_at: u32);
    host_call!(linker, plugin, "proxy_enqueue_shared_queue", enqueue,
        token: u32, item: u32, item_size: u32);
    host_call!(linker, plugin, "proxy_dequeue_shared_queue", dequeue,
        token: u32, item_at: u32, size_at: u32);
    Ok(())
}

fn get_data(host: &mut Host<'_>, key: u32, key_size: u32, value_at: u32, size_at: u32, cas_at: u32) -> HostResult {
    let key = host.read(key, key_size)?;
    let data = host.data();
    let (value, cas) = data.world.shared_data.get(&data.vm_id, &key)?;
    let value = value.to_vec();
    host.give(&value, value_at, size_at)?;
    host.write_word(cas_at, cas)
}

fn set_data(host: &mut Host<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32) -> HostResult {
    let key = host.read(key, key_size)?;
    let value = host.read(value, value_size)?;
    let data = host.data_mut();
    match data.world.shared_data.set(&data.vm_id, &key, &value, cas) {
        crate::abi::Status::Ok => Ok(()),
        refusal => Err(refusal.into()),
    }
}

fn register_queue(host: &mut Host<'_>, name: u32, name_size: u32, token_at: u32) -> HostResult {
    let name = host.read(name, name_size)?;
    let data = host.data_mut();
    let root = data.root_of(data.context());
    let token = data.world.queues.register(&data.vm_id, &name, data.id, root);
    host.write_word(token_at, token)
}

fn resolve_queue(
    host: &mut Host<'_>,
    vm_id: u32,
    vm_id_size: u32,
    name: u32,
    name_size: u32,
    token_at: u32,
) -> HostResult {
    let vm_id = String::from_utf8_lossy(&host.read(vm_id, vm_id_size)?).into_owned();
    let name = host.read(name, name_size)?;
    let data = host.data();
    let vm_id = if vm_id.is_empty() { &data.vm_id } else { &vm_id };
    let token = data.world.queues.resolve(vm_id, &name)?;
    host.write_word(token_at, token)
}

fn enqueue(host: &mut Host<'_>, token: u32, item: u32, item_size: u32) -> HostResult {
    let item = host.read(item, item_size)?;
    match host.data_mut().world.queues.enqueue(token, item) {
        crate::abi::Status::Ok => Ok(()),
        refusal => Err(refusal.into()),
    }
}

fn dequeue(host: &mut Host<'_>, token: u32, item_at: u32, size_at: u32) -> HostResult {
    let item = host.data_mut().world.queues.dequeue(token)?;
    host.give(&item, item_at, size_at)
}
