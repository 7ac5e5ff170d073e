import io

from reportlab.graphics.barcode import qr
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas


def export(rows):
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    page.setFont("Times-Italic", 12)
    for n, row in enumerate(rows):
        page.drawString(72, 700 - 20 * n, row[0])
    page.showPage()
    page.save()
    return f"{out.getvalue()[:8]!r} {qr.QrCodeWidget('orca').value}"
