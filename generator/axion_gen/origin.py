"""Where this generator was installed from, and so where its documentation is to be read."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import urlsplit

_DISTRIBUTION = "axion-gen"


def page(path: str) -> str | None:
    """The address of a page at the commit that is installed, as GitHub and GitLab have it.

    None where it was not installed from a repository on the web; a name or token that the address
    was given with is left out.
    """
    try:
        text = distribution(_DISTRIBUTION).read_text("direct_url.json")
        origin = json.loads(text or "{}")
        commit, url = origin["vcs_info"]["commit_id"], urlsplit(origin["url"])
        host = f"{url.hostname}:{url.port}" if url.port else url.hostname
    except (PackageNotFoundError, OSError, ValueError, LookupError, TypeError):
        return None
    if url.scheme not in ("https", "http"):
        return None
    return f"{url.scheme}://{host}{url.path.removesuffix('.git')}/blob/{commit}/{path}"
