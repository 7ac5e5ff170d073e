from django.urls import path

from . import views
from .feeds import ShipFeed

urlpatterns = [
    path("", views.index),
    path("ship/<int:pk>/", views.ShipView.as_view()),
    path("ships.json", views.as_json),
    path("ships.csv", views.as_csv),
    path("ships.xlsx", views.as_sheet),
    path("ships.pdf", views.as_paper),
    path("badge/<str:kind>", views.badge),
    path("search", views.search),
    path("order", views.order),
    path("feed", ShipFeed()),
    path("boom", views.boom),
]
