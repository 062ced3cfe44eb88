"""One file per journey; the file, its function and the Temporal workflow type share one name.

Any folder `journeys` with an `__init__.py` on Python's path adds its files to these.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
