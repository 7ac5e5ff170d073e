import django_filters

from .models import Ship


class ShipFilter(django_filters.FilterSet):
    heavier = django_filters.NumberFilter(field_name="tonnage", lookup_expr="gt")

    class Meta:
        model = Ship
        fields = ("name",)
