//! Metrics.

use wasmtime::Linker;

use super::host_call;
use crate::abi::Status;
use crate::memory::{GuestMemory, Host, HostResult};
use crate::plugin::Plugin;
use crate::vm::VmData;

pub(super) fn link(linker: &mut Linker<VmData>, plugin: &Plugin) -> wasmtime::Result<()> {
    host_call!(linker, plugin, "proxy_define_metric", define, kind: u32, name: u32, name_size: u32, id_at: u32);
    host_call!(linker, plugin, "proxy_increment_metric", increment, id: u32, offset: i64);
    host_call!(linker, plugin, "proxy_record_metric", record, id: u32, value: u64);
    host_call!(linker, plugin, "proxy_get_metric", get, id: u32, value_at: u32);
    Ok(())
}

fn checked(status: Status) -> HostResult {
    if status == Status::Ok { Ok(()) } else { Err(status.into()) }
}

fn define(host: &mut Host<'_>, kind: u32, name: u32, name_size: u32, id_at: u32) -> HostResult {
    let name = host.read(name, name_size)?;
    let data = host.data_mut();
    let id = data.world.metrics.define(&mut data.metric_ids, kind, &name)?;
    host.write_word(id_at, id)
}

fn increment(host: &mut Host<'_>, id: u32, offset: i64) -> HostResult {
    let data = host.data_mut();
    checked(data.world.metrics.increment(&data.metric_ids, id, offset))
}

fn record(host: &mut Host<'_>, id: u32, value: u64) -> HostResult {
    let data = host.data_mut();
    checked(data.world.metrics.record(&data.metric_ids, id, value))
}

fn get(host: &mut Host<'_>, id: u32, value_at: u32) -> HostResult {
    let data = host.data();
    let value = data.world.metrics.get(&data.metric_ids, id)?;
    host.write(value_at, &value.to_le_bytes())
}
