"""A page read strictly: tags must close in order, ids and references are collected."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "input", "br", "img", "hr"}


class HtmlPage(HTMLParser):
    """`tags` are (name, attributes); `references` are the attribute values that lead somewhere."""

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.path, self.stack, self.tags, self.text = path, [], [], ""
        self.feed(path.read_text("utf-8"))
        self.close()
        assert not self.stack, f"{path}: not closed: {self.stack}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{self.path}: <{tag}> has an attribute twice"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, f"{self.path}: </{tag}> closes something else"

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def references(self):
        return [
            value
            for _, attributes in self.tags
            for name in ("href", "src")
            if (value := attributes.get(name))
        ]
