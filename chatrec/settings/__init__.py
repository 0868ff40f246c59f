"""Typed settings: `chatrec.toml`, overridden by environment variables `CHATREC_<SECTION>__<KEY>`."""

from chatrec.settings.load import CONFIG_VARIABLE, Settings, load
from chatrec.settings.template import template

__all__ = ["CONFIG_VARIABLE", "Settings", "load", "template"]
