"""The official Python SDK 2.x, unmodified, in both eras, against a server that has no sessions."""

import asyncio

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from python_gateway import client_of, finish, options, step, url
from python_steps import Steps


async def run(client):
    steps = Steps(client)

    async def connect():
        return client.protocol_version

    async def heard_of_it():
        count = "0"
        while count == "0":
            count = await steps.say("cancelled", {})
        return "heard"

    await steps.begin(connect, "count", {"to": 5, "gap": 50})
    await steps.refused("tool", lambda: steps.say("unmapped", {}))
    await steps.refused("method", client.list_prompts)
    if options["mode"] == "legacy":
        await steps.refused("notification", client.send_roots_list_changed)
    await step("cancel", lambda: steps.give_up("count", {"to": 200, "gap": 20}))
    if options["mode"] != "legacy":
        await step("cancel heard", heard_of_it)
    await step("call after all", steps.echo)


async def main():
    async with client_of(httpx2) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=options["mode"]) as client:
            await run(client)
    finish()


asyncio.run(main())
