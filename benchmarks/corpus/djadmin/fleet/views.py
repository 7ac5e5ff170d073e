import csv
import hashlib
import io

from django.core.paginator import Paginator
from django.core.serializers import serialize
from django.http import HttpResponse
from django.shortcuts import render
from django.views.generic import DetailView

from .filters import ShipFilter
from .forms import OrderForm
from .models import Ship


def index(request):
    page = Paginator(Ship.objects.all(), 2).get_page(request.GET.get("page"))
    return render(request, "fleet/index.html", {"page": page})


class ShipView(DetailView):
    model = Ship


def as_json(request):
    return HttpResponse(
        serialize(request.GET.get("as", "json"), Ship.objects.all()), content_type="text/plain"
    )


def as_csv(request):
    answer = HttpResponse(content_type="text/csv")
    csv.writer(answer).writerows(Ship.objects.values_list("name", "tonnage"))
    return answer


def as_sheet(request):
    from openpyxl import Workbook, load_workbook

    book = Workbook()
    book.active.append(["name", "tonnage"])
    for ship in Ship.objects.all():
        book.active.append([ship.name, ship.tonnage])
    out = io.BytesIO()
    book.save(out)
    return HttpResponse(str([[c.value for c in row] for row in load_workbook(out).active.rows]))


def as_paper(request):
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    out = io.BytesIO()
    SimpleDocTemplate(out, invariant=1).build(
        [Paragraph(s.name, getSampleStyleSheet()["Title"]) for s in Ship.objects.all()]
    )
    return HttpResponse(hashlib.sha256(out.getvalue()).hexdigest())


def badge(request, kind):
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (80, 20), "navy")
    ImageDraw.Draw(image).text((4, 4), "fleet", "white")
    out = io.BytesIO()
    image.save(out, kind)
    return HttpResponse(hashlib.sha256(out.getvalue()).hexdigest())


def search(request):
    found = ShipFilter(request.GET, queryset=Ship.objects.all())
    return render(request, "fleet/search.html", {"filter": found})


def order(request):
    form = OrderForm(request.GET or None)
    return render(request, "fleet/order.html", {"form": form})


def boom(request):
    raise ValueError("boom")
