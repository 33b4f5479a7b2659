"""The official Python SDK 2.x, unmodified, in both eras, against a server that has no sessions."""

import asyncio

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from python_gateway import cancelled, client_of, finish, options, step, url


async def run(client):
    async def connect():
        return client.protocol_version

    async def names():
        return [tool.name for tool in (await client.list_tools()).tools]

    async def say(tool, arguments, **more):
        return (await client.call_tool(tool, arguments, **more)).content[0].text

    async def echo():
        return await say("echo", {"message": "grüße"})

    async def stream():
        progress = []

        async def told(at, total, message):
            progress.append(at)

        result = await say("count", {"to": 5, "gap": 50}, progress_callback=told)
        return {"result": result, "progress": progress}

    async def give_up():
        progress = []

        async def told(at, total, message):
            progress.append(at)

        return await cancelled(say("count", {"to": 200, "gap": 20}, progress_callback=told), lambda: progress)

    async def heard_of_it():
        count = "0"
        while count == "0":
            count = await say("cancelled", {})
        return "heard"

    await step("connect", connect)
    await step("list", names)
    await step("call", echo)
    await step("stream", stream)
    await step("refused tool", lambda: say("unmapped", {}))
    await step("call after a refused tool", echo)
    await step("refused method", client.list_prompts)
    await step("call after a refused method", echo)
    if options["mode"] == "legacy":
        await step("refused notification", client.send_roots_list_changed)
        await step("call after a refused notification", echo)
    await step("cancel", give_up)
    if options["mode"] != "legacy":
        await step("cancel heard", heard_of_it)
    await step("call after all", echo)


async def main():
    async with client_of(httpx2) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=options["mode"]) as client:
            await run(client)
    finish()


asyncio.run(main())
