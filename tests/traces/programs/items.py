"""Prints the JSON that jq.trace works on."""

import json
import random

random.seed(3)
print(json.dumps([
    {"id": i, "name": f"item {i}", "price": random.random() * 100,
     "tags": [f"t{random.randrange(50)}" for _ in range(random.randrange(6))],
     "nested": {"a": [i, i + 1], "b": None if i % 3 else "x" * random.randrange(40)}}
    for i in range(1200)]))
