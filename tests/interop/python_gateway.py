"""What every Python client script shares: the way to the gateway with an agent's certificate, and steps told as JSON lines.

A script gets one JSON document as its argument and prints one line for each step: {"step", "ok", ...what was seen}.
It decides nothing about what was seen; the Rust side does.
"""

import asyncio
import json
import ssl
import sys

options = json.loads(sys.argv[1])
url = f"https://{options['host']}{options['path']}"

# Requests as they went and answers as they came, without their bodies.
exchanges = []


def client_of(httpx):
    """An HTTP client with the agent's certificate and token, of the library that the SDK is built on."""
    tls = ssl.create_default_context(cafile=options["authority"])
    tls.load_cert_chain(options["certificate"], options["key"])

    class ToGateway(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request):
            # The gateway listens on a port of this run, and is known without one.
            there = request.url.copy_with(host="127.0.0.1", port=options["port"])
            extensions = {**request.extensions, "sni_hostname": options["host"]}
            sent = httpx.Request(request.method, there, headers=request.headers, stream=request.stream, extensions=extensions)
            answer = await super().handle_async_request(sent)
            exchanges.append({"method": request.method, "status": answer.status_code, "type": answer.headers.get("content-type")})
            return answer

    headers = {"authorization": f"Bearer {options['token']}"}
    return httpx.AsyncClient(transport=ToGateway(verify=tls), headers=headers, timeout=httpx.Timeout(10, read=None))


async def step(name, act):
    """Runs one step, tells what came of it, and hands it on."""
    try:
        async with asyncio.timeout(10):
            line = {"step": name, "ok": True, "seen": await act()}
    except Exception as error:
        line = {"step": name, "ok": False, "error": str(error), "kind": type(error).__name__}
    print(json.dumps(line), flush=True)
    return line.get("seen")


async def heard(seen):
    """Waits for what `seen` returns to be true."""
    while not seen():
        await asyncio.sleep(0.01)


async def cancelled(call, begun):
    """Gives a call up once it has begun."""
    running = asyncio.ensure_future(call)
    await heard(begun)
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return "cancelled"
    return "ended"


def finish():
    """What the run saw of HTTP, as the last line."""
    print(json.dumps({"step": "http", "ok": True, "seen": exchanges}), flush=True)
