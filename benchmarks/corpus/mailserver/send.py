"""Send lines of an SMTP dialogue and print the answers."""

import base64
import email.message
import email.policy
import smtplib
import sys

how = sys.argv[2]
s = smtplib.SMTP(sys.argv[1], 2025, timeout=20, local_hostname="orca.example")


def show(r):
    print(r[0], r[1].decode(errors="replace").replace("\\n", "\n")[:600])


def mail(**headers):
    m = email.message.EmailMessage()
    m["Subject"] = "krill"
    m["From"] = "orca@whale.example"
    m["To"] = "blue@whale.example"
    for k, v in headers.items():
        m[k.replace("_", "-")] = v
    return m


def send(raw):
    show(s.mail("orca@whale.example"))
    show(s.rcpt("blue@whale.example"))
    show(s.data(raw))


s.ehlo()
if how == "plain":
    m = mail()
    m.set_content("whale")
    send(m.as_bytes())
if how == "help":
    show(s.docmd("HELP"))
    show(s.docmd("HELP", "MAIL"))
if how == "vrfy":
    show(s.docmd("VRFY", "blue@whale.example"))
    show(s.docmd("NOSUCH"))
    show(s.noop())
    show(s.rset())
if how == "relay":
    show(s.mail("a@b"))
    show(s.rcpt("x@other.example"))
if how == "auth":
    for pw in ("wrong", "krill"):
        try:
            show(s.login("orca", pw))
        except smtplib.SMTPAuthenticationError as e:
            print(e.smtp_code)
if how == "ehlo":
    show((0, s.ehlo_resp))
if how == "html":
    m = mail()
    m.set_content("<h1>Wal</h1><table><tr><td>1</td></tr></table><a href='http://x'>y</a>", subtype="html")
    send(m.as_bytes())
if how == "jis":
    m = mail()
    m.set_content("鯨", charset="iso-2022-jp")
    m.replace_header("Subject", "鯨の歌")
    send(m.as_bytes())
if how == "koi8":
    m = mail()
    m.set_content("кит", charset="koi8-r", cte="base64")
    send(m.as_bytes())
if how == "gb":
    m = mail()
    m.set_content("鲸鱼", charset="gb18030", cte="quoted-printable")
    send(m.as_bytes())
if how == "attach":
    m = mail()
    m.set_content("see")
    m.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="wäl.png")
    m.add_alternative("<b>see</b>", subtype="html") if 0 else None
    send(m.as_bytes())
if how == "date":
    m = mail(Date="Thu, 01 Jan 2026 00:00:00 +0000", X_Zone="Asia/Tokyo")
    m.set_content("x")
    send(m.as_bytes())
if how == "yaml":
    m = mail(X_Format="yaml")
    m.set_content("x")
    send(m.as_bytes())
if how == "dkim":
    m = mail(
        DKIM_Signature="v=1; a=rsa-sha256; c=relaxed/relaxed; d=whale.example; s=a; h=from:to:subject; bh="
        + base64.b64encode(b"0" * 32).decode()
        + "; b="
        + base64.b64encode(b"1" * 128).decode()
    )
    m.set_content("x")
    send(m.as_bytes())
if how == "broken":
    send(
        b"Subject: =?utf-7?Q?+2DzfQA-?=\r\nContent-Type: text/plain; charset=nosuch\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n!!\r\n"
    )
if how == "uu":
    send(
        b"Subject: uu\r\nContent-Type: text/plain; charset=utf-16-le\r\n"
        b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\n"
    )
s.quit()
