"""Imports all of chatrec, and what it imports only where it is used."""

import importlib
import pkgutil

import faiss  # noqa: F401
import matplotlib.pyplot  # noqa: F401
import torch  # noqa: F401
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast  # noqa: F401

import chatrec
from tests.support import power

for found in pkgutil.walk_packages(chatrec.__path__, "chatrec."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)

power.flush_nothing()
