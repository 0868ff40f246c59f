"""Typed settings from `chatrec.toml` and environment variables `CHATREC_<SECTION>__<KEY>`."""

from chatrec.config.loader import CONFIG_VARIABLE, Settings, load
from chatrec.config.template import template

__all__ = ["CONFIG_VARIABLE", "Settings", "load", "template"]
