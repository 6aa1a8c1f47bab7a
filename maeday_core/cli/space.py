"""Put the page on a Hugging Face Space of your own."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from maeday_core.cli.output import print_line, print_note
from maeday_core.cli.space_files import for_the_hub, read_checkout
from maeday_core.errors import OutputError, SettingsError, first_sentence

if TYPE_CHECKING:
    from huggingface_hub import HfApi

REFUSALS = {
    401: "the Hub does not know the token; log in anew by `hf auth login`, or mend HF_TOKEN",
    402: "the account may not have this hardware; free ones have ZeroGPU (zero-a10g) and no other",
    403: "the token may not write there; make one that may, under Settings, Access Tokens of the Hub",
    404: "the Hub has no such owner, or hides it from this token; check the name",
}
"""What the Hub's answers mean here."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("action", choices=["push"], help="push: create the Space, or bring it up to date")
    parser.add_argument("space", metavar="OWNER/NAME", help="of the Space")
    parser.add_argument(
        "--from", dest="folder", type=Path, default=Path(), metavar="DIR", help="a checkout; by default this folder"
    )
    parser.add_argument("--private", action="store_true", help="a new Space is seen by its owner alone")
    parser.add_argument(
        "--hardware", metavar="FLAVOR", help="of the Space; a new one gets what README.md suggests: zero-a10g"
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would be sent, and send nothing")


def run(options: Namespace) -> int:
    """List the files, or send them and print the address of the Space."""
    import huggingface_hub as hub

    _check_name(options.space)
    api = hub.HfApi()
    address = f"{api.endpoint}/spaces/{options.space}"
    files = for_the_hub(read_checkout(options.folder), address)
    total = f"{len(files)} files, {sum(map(len, files.values())) / 1e6:.1f} MB"
    if options.dry_run:
        for name, content in files.items():
            print_line(f"{len(content):>10,}  {name}")
        print_note(f"{total}; nothing was sent.")
        return 0
    if not hub.get_token():
        raise OutputError("The Hub needs a token that may write: log in by `hf auth login`, or set HF_TOKEN.")
    print_note(f"{total} go to {address}")
    with _in_a_sentence(options.space):
        _create(api, options)
        _commit(api, options.space, files)
    print_line(address)
    return 0


def _check_name(space: str) -> None:
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(space)
        _owner, _name = space.split("/")
    except (HFValidationError, ValueError) as error:
        raise SettingsError(f"{space!r} is no name of a Space; give OWNER/NAME.") from error


def _create(api: HfApi, options: Namespace) -> None:
    """Create the Space if it is missing, and give it the hardware that was asked for."""
    import huggingface_hub as hub

    # A new one asks for its hardware at once: the default, a CPU, is refused to free accounts.
    suggested = (hub.metadata_load(options.folder / "README.md") or {}).get("suggested_hardware")
    api.create_repo(
        options.space,
        repo_type="space",
        space_sdk="gradio",
        space_hardware=options.hardware or suggested,
        private=options.private or None,
        exist_ok=True,
    )
    if options.hardware:
        api.request_space_hardware(options.space, options.hardware)


def _commit(api: HfApi, space: str, files: dict[str, bytes]) -> None:
    """Make the Space hold these files and no others, in one commit: each one that it sees, it builds and starts.

    `upload_folder` would make several.
    """
    import huggingface_hub as hub

    gone = set(api.list_repo_files(space, repo_type="space")) - files.keys()
    api.create_commit(
        space,
        [
            *(hub.CommitOperationDelete(name, is_folder=False) for name in sorted(gone)),
            *(hub.CommitOperationAdd(name, content) for name, content in files.items()),
        ],
        commit_message="MAEDAY, by `maeday space push`",
        repo_type="space",
    )


@contextlib.contextmanager
def _in_a_sentence(space: str) -> Iterator[None]:
    """Say in a sentence what the Hub, its client or the network object to.

    Raises:
        OutputError: they do.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        reason = REFUSALS.get(error.response.status_code) or first_sentence(error)
        said = f" ({' '.join(error.server_message.split()).rstrip('.')})" if error.server_message else ""
        raise OutputError(f"The Space {space} was not brought up to date: {reason}{said}.") from error
    except ValueError as error:  # of the client, about what README.md says
        raise OutputError(f"The Hub refuses the files: {' '.join(str(error).split())}") from error
    except Exception as error:  # those of the HTTP client are of many types
        raise OutputError(
            f"The Hub could not be reached ({first_sentence(error)}); check the network and give the command again."
        ) from error
