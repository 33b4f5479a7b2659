"""The official Python SDK 1.x, unmodified, against `server-everything` as published: sessions and a stream by GET.

Its transport ends all of a session upon any error status but 404, so every refusal here is followed by a call that must work.
"""

import asyncio

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CancelledNotification, CancelledNotificationParams, ClientNotification

from python_gateway import client_of, exchanges, finish, heard, step, url
from python_steps import Steps

SLOW = "trigger-long-running-operation"

logged = []


async def log(params):
    logged.append(str(params.data))


async def run(session):
    steps = Steps(session)

    async def connect():
        return (await session.initialize()).protocolVersion

    async def subscribe():
        await heard(lambda: any(seen["method"] == "GET" for seen in exchanges))
        await session.subscribe_resource("demo://resource/dynamic/text/1")
        await heard(lambda: any("demo://resource/dynamic/text/1" in line for line in logged))
        return [seen["status"] for seen in exchanges if seen["method"] == "GET"]

    async def give_up():
        outcome = await steps.give_up(SLOW, {"duration": 2, "steps": 100})
        # This SDK leaves it to its caller to tell the server.
        params = CancelledNotificationParams(requestId=session._request_id - 1, reason="enough")
        await session.send_notification(ClientNotification(CancelledNotification(params=params)))
        return outcome

    await steps.begin(connect, SLOW, {"duration": 0.3, "steps": 3})
    await step("subscribe", subscribe)
    await steps.refused("tool", lambda: steps.say("get-env", {}))
    await steps.refused("method", session.list_prompts)
    await steps.refused("notification", session.send_roots_list_changed)
    await step("cancel", give_up)
    await step("call after all", steps.echo)


async def main():
    async with client_of(httpx) as http, streamable_http_client(url, http_client=http) as (read, write, _):
        async with ClientSession(read, write, logging_callback=log) as session:
            await run(session)
    finish()


asyncio.run(main())
