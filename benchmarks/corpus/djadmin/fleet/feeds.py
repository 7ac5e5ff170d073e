from django.contrib.syndication.views import Feed

from .models import Ship


class ShipFeed(Feed):
    title = "Ships"
    link = "/"

    def items(self):
        return Ship.objects.all()

    def item_description(self, item):
        return f"{item.tonnage} t"
