from django import forms
from django.utils.translation import gettext_lazy as _


class OrderForm(forms.Form):
    email = forms.EmailField(label=_("email"))
    when = forms.DateField(widget=forms.SelectDateWidget(years=[2026]))
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    site = forms.URLField(required=False)
