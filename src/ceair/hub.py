"""The Hugging Face hub: files of a repository come down once and are then at hand without a network; folders go up.

A repository that ceair can use holds `model.safetensors`, and beside it `config.json`, the card, and `README.md`.
Nothing else is ever fetched, and nothing that is fetched can run.
"""

import re
from pathlib import Path

from ceair.errors import WeightsError

WEIGHTS, CARD = "model.safetensors", "config.json"
"""Names of the files in a repository, and in a folder that was made for one."""

_REPOSITORY = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[\w.-]+?)(?:@(?P<revision>[\w./-]+))?")
_FILES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".onnx", ".json")


def is_repository(name: str) -> bool:
    """Whether this may name a repository: `owner/name`, or `owner/name@revision` for a branch, a tag or a commit."""
    return bool(_REPOSITORY.fullmatch(name)) and not name.endswith(_FILES)


def fetch(name: str, file: str) -> Path:
    """A file of the repository `owner/name` or `owner/name@revision`: the copy in the cache, or else the hub's.

    A copy that is in the cache is taken as it is and nobody is asked whether there is a newer one, so that what worked
    once works without a network and gives the same; `hf download owner/name` renews it.

    Raises:
        WeightsError: the hub cannot be reached, or it has no such repository, revision or file.
    """
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    found = _REPOSITORY.fullmatch(name)
    if not found:
        raise WeightsError(f"`{name}` names no repository; write owner/name or owner/name@revision")
    repository, revision = found["repository"], found["revision"]
    try:
        kept = try_to_load_from_cache(repository, file, revision=revision)
        if isinstance(kept, str):
            return Path(kept)
        # Asked once before the download is, which without a network would try for half a minute.
        get_hf_file_metadata(hf_hub_url(repository, file, revision=revision))
        return Path(hf_hub_download(repository, file, revision=revision, library_name="ceair"))
    except (hub_errors.LocalEntryNotFoundError, hub_errors.OfflineModeIsEnabled) as error:
        raise WeightsError(_unreachable(name, error)) from error
    except hub_errors.EntryNotFoundError as error:
        raise WeightsError(f"{name} on the hub holds no {file}; push_to_hub of ceair makes one") from error
    except hub_errors.RevisionNotFoundError as error:
        raise WeightsError(f"{repository} on the hub has no revision `{revision}`; name another or none") from error
    except (hub_errors.RepositoryNotFoundError, hub_errors.HFValidationError) as error:
        raise WeightsError(
            f"there is no file, folder or hub repository {name}, or it is private: check the name, or `hf auth login`"
        ) from error
    except Exception as error:  # what fails on the way depends on the HTTP client of the version that is installed
        raise WeightsError(_unreachable(name, error)) from error


def upload(folder: Path, repository: str, private: bool | None, message: str) -> str:
    """Put the files of a folder into a repository, which is made if need be, and return the address of the commit.

    Args:
        private: for a new repository; None for what its owner's settings say.

    Raises:
        WeightsError: nobody is logged in, the owner is somebody else, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi

    if not is_repository(repository) or "@" in repository:
        raise WeightsError(f"`{repository}` names no repository; write owner/name")
    api = HfApi(library_name="ceair")
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message).commit_url)
    except Exception as error:  # as above
        raise WeightsError(
            f"cannot write to {repository} on the hub ({_reason(error)}); log in as somebody who may: `hf auth login`"
        ) from error


def _unreachable(name: str, error: Exception) -> str:
    return (
        f"there is no file or folder {name}, and no hub repository of that name is in the cache while the hub cannot be"
        f" reached ({_reason(error)}): connect once, or give the path of a weights file"
    )


def _reason(error: Exception) -> str:
    """The first line of what went wrong."""
    return next((line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()), type(error).__name__)
