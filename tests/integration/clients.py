"""Real clients against the static server: all checks, for test_clients.py and tools/clients."""
import clients_browser
import clients_files
import clients_media
import clients_trees
from client_place import Place

CHECKS = (*clients_trees.CHECKS, *clients_files.CHECKS, *clients_media.CHECKS,
          *clients_browser.CHECKS)


def what(check):
    """What is done, in words."""
    return check.run.__doc__.strip().splitlines()[0]


def run(check):
    """What came out, in words, with a server of its own; raises what the check raises."""
    with Place() as place:
        return check.run(place)
