from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path
from fleet.sitemaps import ShipMap

urlpatterns = [
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("sitemap.xml", sitemap, {"sitemaps": {"ships": ShipMap}}),
    path("", include("fleet.urls")),
]
