from aiohttp import WSMsgType, web

routes = web.RouteTableDef()


@routes.get("/ws")
async def ws(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data[::-1])
            await socket.close()
    return socket
