import datetime
import ipaddress

from pydantic import BaseModel, Field


class Ship(BaseModel):
    name: str = Field(min_length=2)
    built: datetime.date
    host: ipaddress.IPv4Address | None = None
