"""``mien serve``: the HTTP service and its web page.

Its options are the settings of the service, which define them once; without the extra there are none to show.
"""

import typer

from mien.runtime.optional import extra

#: How the command is registered: the settings read the options themselves, ``--help`` included.
REGISTRATION = {
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    "add_help_option": False,
}


def serve(context: typer.Context) -> None:
    """Serve the HTTP API and the web page; `mien serve --help` lists its settings."""
    with extra("service"):  # the import of uvicorn and FastAPI, after the command is known
        from mien.service.server import serve as run
        from mien.service.settings import read_settings
    run(read_settings(context.args))
