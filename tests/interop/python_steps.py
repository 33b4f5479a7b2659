"""The steps of both generations of the Python SDK, by whatever has its methods: a session of the first, a client of the second."""

from python_gateway import cancelled, step


class Steps:
    def __init__(self, sdk):
        self.sdk = sdk

    async def names(self):
        return [tool.name for tool in (await self.sdk.list_tools()).tools]

    async def say(self, tool, arguments, **more):
        return (await self.sdk.call_tool(tool, arguments, **more)).content[0].text

    async def echo(self):
        return await self.say("echo", {"message": "grüße"})

    def telling(self, tool, arguments):
        """A call of a tool that tells its progress, and where that goes."""
        progress = []

        async def told(at, total, message):
            progress.append(at)

        return self.say(tool, arguments, progress_callback=told), progress

    async def stream(self, tool, arguments):
        call, progress = self.telling(tool, arguments)
        return {"result": await call, "progress": progress}

    async def give_up(self, tool, arguments):
        call, progress = self.telling(tool, arguments)
        return await cancelled(call, lambda: progress)

    async def begin(self, connect, tool, arguments):
        await step("connect", connect)
        await step("list", self.names)
        await step("call", self.echo)
        await step("stream", lambda: self.stream(tool, arguments))

    async def refused(self, what, act):
        """A refusal is the call's own: the next one works."""
        await step(f"refused {what}", act)
        await step(f"call after a refused {what}", self.echo)
