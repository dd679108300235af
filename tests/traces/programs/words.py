"""Objects, strings, dictionaries, lists and sorting, as a small program uses them."""

import collections
import json
import random

random.seed(7)
letters = "abcdefghijklmnopqrstuvwxyz"
words = ["".join(random.choices(letters, k=random.randint(2, 12))) for _ in range(1500)]
text = [random.choice(words) for _ in range(6000)]
count = collections.Counter(text)


class Node:
    def __init__(self, name):
        self.name = name
        self.next = []
        self.data = {"length": len(name), "count": count[name]}


nodes = {word: Node(word) for word in words}
for first, second in zip(text, text[1:]):
    nodes[first].next.append(nodes[second])
ranks = sorted(nodes.values(), key=lambda node: (-node.data["count"], node.name))
pages = json.dumps([{"name": node.name, "next": [other.name for other in node.next][:5]}
                    for node in ranks[:700]])
back = json.loads(pages)
longest = max(" ".join(page["next"]) for page in back)
print(len(back), len(longest), sum(len(node.next) for node in ranks))
