from pydantic import BaseModel, Field


class Bed(BaseModel):
    name: str = Field(min_length=2)
    depth: float = Field(gt=0)
    tags: list[str] = []


def load(path):
    from ruamel.yaml import YAML

    return [Bed(**b) for b in YAML(typ="safe").load(open(path))]
