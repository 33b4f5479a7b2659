"""The official Python SDK 1.x, unmodified, against `server-everything` as published: sessions and a stream by GET.

Its transport ends all of a session upon any error status but 404, so every refusal here is followed by a call that must work.
"""

import asyncio

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CancelledNotification, CancelledNotificationParams, ClientNotification

from python_gateway import cancelled, client_of, exchanges, finish, heard, step, url

logged = []


async def log(params):
    logged.append(str(params.data))


async def run(session):
    async def connect():
        return (await session.initialize()).protocolVersion

    async def names():
        return [tool.name for tool in (await session.list_tools()).tools]

    async def say(tool, arguments, **more):
        return (await session.call_tool(tool, arguments, **more)).content[0].text

    async def echo():
        return await say("echo", {"message": "grüße"})

    async def stream():
        progress = []

        async def told(at, total, message):
            progress.append(at)

        result = await say("trigger-long-running-operation", {"duration": 0.3, "steps": 3}, progress_callback=told)
        return {"result": result, "progress": progress}

    async def subscribe():
        await heard(lambda: any(seen["method"] == "GET" for seen in exchanges))
        await session.subscribe_resource("demo://resource/dynamic/text/1")
        await heard(lambda: any("demo://resource/dynamic/text/1" in line for line in logged))
        return [seen["status"] for seen in exchanges if seen["method"] == "GET"]

    async def give_up():
        progress = []

        async def told(at, total, message):
            progress.append(at)

        call = say("trigger-long-running-operation", {"duration": 2, "steps": 100}, progress_callback=told)
        outcome = await cancelled(call, lambda: progress)
        # This SDK leaves it to its caller to tell the server.
        params = CancelledNotificationParams(requestId=session._request_id - 1, reason="enough")
        await session.send_notification(ClientNotification(CancelledNotification(params=params)))
        return outcome

    await step("connect", connect)
    await step("list", names)
    await step("call", echo)
    await step("stream", stream)
    await step("subscribe", subscribe)
    await step("refused tool", lambda: say("get-env", {}))
    await step("call after a refused tool", echo)
    await step("refused method", session.list_prompts)
    await step("call after a refused method", echo)
    await step("refused notification", session.send_roots_list_changed)
    await step("call after a refused notification", echo)
    await step("cancel", give_up)
    await step("call after all", echo)


async def main():
    async with client_of(httpx) as http, streamable_http_client(url, http_client=http) as (read, write, _):
        async with ClientSession(read, write, logging_callback=log) as session:
            await run(session)
    finish()


asyncio.run(main())
