from django.core.management.base import BaseCommand

from fleet.models import Ship


class Command(BaseCommand):
    help = "Count ships."

    def add_arguments(self, parser):
        parser.add_argument("--heavier", type=int, default=0)

    def handle(self, **options):
        self.stdout.write(
            self.style.SUCCESS(str(Ship.objects.filter(tonnage__gt=options["heavier"]).count()))
        )
