import asyncio
import email
import email.policy
import json
import logging

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

logging.basicConfig(level=logging.INFO)


def describe(message):
    parts = []
    for part in message.walk():
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        if kind == "text/html":
            import html2text

            parts.append(html2text.html2text(part.get_content()).strip())
        elif kind.startswith("text/"):
            parts.append(part.get_content().strip())
        else:
            parts.append(f"{kind} {len(part.get_payload(decode=True))} {part.get_filename()}")
    return parts


class Handler:
    async def handle_AUTH(self, *args):
        return AuthResult(success=False)

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if not address.endswith("@whale.example"):
            return "550 not relaying to that domain"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        answer = {"subject": message["subject"], "parts": describe(message)}
        if message["date"]:
            import dateutil.tz

            when = message["date"].datetime.astimezone(dateutil.tz.gettz(message.get("X-Zone", "UTC")))
            answer["date"] = when.isoformat()
        if message["X-Format"] == "yaml":
            import yaml

            text = yaml.safe_dump(answer).replace("\n", "|")
        else:
            text = json.dumps(answer)
        if "DKIM-Signature" in message:
            import dkim

            try:
                ok = dkim.verify(envelope.content, dnsfunc=lambda *a, **k: b"v=DKIM1; k=rsa; p=")
            except Exception as error:
                ok = type(error).__name__
            text += f" dkim {ok}"
        return "250 " + text


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=isinstance(data, LoginPassword) and data.password == b"krill")


controller = Controller(
    Handler(),
    hostname="0.0.0.0",
    port=2025,
    authenticator=authenticate,
    auth_require_tls=False,
    ident="whale mail",
)
controller.start()
asyncio.new_event_loop().run_forever()
