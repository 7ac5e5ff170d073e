from django.db import models
from django.utils.translation import gettext_lazy as _


class Ship(models.Model):
    name = models.CharField(_("name"), max_length=40)
    tonnage = models.IntegerField(_("tonnage"))
    built = models.DateTimeField(_("built"))

    class Meta:
        verbose_name = _("ship")
        ordering = ("name",)

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return f"/ship/{self.pk}/"
