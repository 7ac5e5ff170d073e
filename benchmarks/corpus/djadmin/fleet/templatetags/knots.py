from django import template

register = template.Library()


@register.filter
def knots(value):
    return f"{value / 1.852:.1f} kn"
