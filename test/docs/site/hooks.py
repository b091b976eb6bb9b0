"""Changes that the site makes to pages: links out of docs/ lead to the repository."""

import posixpath
import re

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown, page, config, files):
    """Return the page with each link to a file outside docs/ as a link to the repository."""
    folder = posixpath.dirname(page.file.src_uri)

    def follow(match):
        target = posixpath.normpath(posixpath.join("docs", folder, match[1]))
        if target.startswith("docs/"):
            return match[0]
        return f"]({config.repo_url}/blob/main/{target}{match[2] or ''})"

    return LINK.sub(follow, markdown)
