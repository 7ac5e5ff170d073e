from django.contrib.sitemaps import Sitemap

from .models import Ship


class ShipMap(Sitemap):
    def items(self):
        return Ship.objects.all()
