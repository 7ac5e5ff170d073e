import ctypes.util


def app(environ, start_response):
    path = environ["PATH_INFO"]
    status, text = "200 OK", "whale"
    if path == "/lib":
        text = str([ctypes.util.find_library(name) for name in ("c", "m", "magic", "nosuch")])
    elif path == "/type":
        import magic

        text = magic.from_buffer(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", mime=environ["QUERY_STRING"] != "long")
    elif path == "/mode":
        text = f"{environ['wsgi.multithread']} {environ['wsgi.multiprocess']} {environ['SERVER_PROTOCOL']}"
    elif path == "/host":
        import socket

        text = socket.getservbyname("https") and str(socket.getservbyname("https")) + str(
            socket.getprotobyname("tcp")
        )
    elif path == "/boom":
        raise ValueError("krill")
    elif path == "/date":
        import time

        text = time.strftime("%A %d %B %Y %Z", time.gmtime(0))
    elif path != "/":
        status, text = "404 Not Found", "nothing"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text.encode()]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})
