"""Generate lines with a causal language model: in batches, within a time limit, and cached between runs."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase
from transformers.generation import StoppingCriteriaList

from chatrec.config import Settings
from chatrec.encoder.checkpoint import choose_device, source_arguments, without_bars
from chatrec.generation.model_selection import Source
from chatrec.runs.digests import fingerprint
from chatrec.runs.sealed import recover_json, write_json

LOG = logging.getLogger(__name__)
FOLDER = "written"
PROMPTS_OF_A_BATCH = 16
TEMPERATURE, NUCLEUS = 0.8, 0.9
"""Sampling parameters of all attempts but the first; NUCLEUS is top-p (Holtzman et al. 2020)."""
NO_MODEL, NO_TIME, ERROR = "no model", "no time", "error"


class Writer:
    """A model, loaded on first use, and its cached lines.

    Errors are not raised: `trouble` has the reason for a missing line.

    Args:
        source: The model.
        settings: Time limit, device, seed and artifact root.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self.source = source
        self.settings = settings
        self.deadline = time.monotonic() + settings.generate.seconds
        self.trouble = "" if source.model else NO_MODEL
        """Reason why generation has stopped; empty until then."""
        self.detail = source.reason
        """Why the model was selected, or the error."""
        self.written = 0
        """Number of generated lines, without cached ones."""
        self._used: dict[str, str] = {}

    def lines(self, prompts: Sequence[str], tokens: int, attempt: int) -> dict[str, str]:
        """Complete prompts to the end of the line.

        Args:
            prompts: Distinct prompts. An equal prompt gets the same line in later runs.
            tokens: Maximum tokens of a line.
            attempt: 0 decodes greedily; other attempts sample.

        Returns:
            Lines by prompt; some may be missing.
        """
        if self.trouble == NO_MODEL:
            return {}
        names = {prompt: fingerprint(prompt, tokens, attempt, self.settings.compute.seed) for prompt in prompts}
        try:
            self._used |= {name: self._known[name] for name in names.values() if name in self._known}
            self._write_missing(names, tokens, attempt)
        except Exception as error:
            self.trouble, self.detail = ERROR, " ".join(f"{type(error).__name__}: {error}".split())[:300]
            LOG.warning("Generation stopped for this run: %s", self.detail)
        return {prompt: self._used[name] for prompt, name in names.items() if name in self._used}

    def remember(self) -> None:
        """Save the lines used in this run for the next one; unused cached lines are dropped."""
        if self._used:
            write_json(self._file, dict(sorted(self._used.items())))

    def _write_missing(self, names: Mapping[str, str], tokens: int, attempt: int) -> None:
        missing = [prompt for prompt, name in names.items() if name not in self._used]
        for start in range(0, len(missing), PROMPTS_OF_A_BATCH):
            if self._stopped():
                return
            batch = missing[start : start + PROMPTS_OF_A_BATCH]
            written = self._write(batch, tokens, attempt)
            if self._stopped():  # these lines may be truncated
                return
            self._used |= {names[prompt]: line for prompt, line in zip(batch, written, strict=True)}
            self.written += len(written)

    def _stopped(self) -> bool:
        if not self.trouble and time.monotonic() > self.deadline:
            self.trouble, self.detail = NO_TIME, f"generate.seconds = {self.settings.generate.seconds:g} had passed"
        return bool(self.trouble)

    @cached_property
    def _file(self) -> Path:
        return self.settings.artifacts.root / FOLDER / f"{self.source.fingerprint()[:16]}.json"

    @cached_property
    def _known(self) -> dict[str, str]:
        return recover_json(self._file) or {}

    @cached_property
    def _model(self) -> tuple[Any, PreTrainedTokenizerBase]:
        where, device = source_arguments(self.source.model or ""), choose_device(self.settings.encoder.device)
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        with without_bars():
            tokenizer = AutoTokenizer.from_pretrained(**where, padding_side="left", truncation_side="left")
            model = AutoModelForCausalLM.from_pretrained(**where, dtype=dtype)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        return model.to(device).eval(), tokenizer

    @torch.inference_mode()
    def _write(self, prompts: Sequence[str], tokens: int, attempt: int) -> list[str]:
        model, tokenizer = self._model
        longest = getattr(model.config, "max_position_embeddings", None)
        encoded = tokenizer(
            list(prompts), return_tensors="pt", padding=True, truncation=True, max_length=longest and longest - tokens
        ).to(model.device)
        torch.manual_seed(self.settings.compute.seed + attempt)
        drawn = {"do_sample": True, "temperature": TEMPERATURE, "top_p": NUCLEUS} if attempt else {"do_sample": False}
        written = model.generate(
            input_ids=encoded["input_ids"],
            attention_mask=encoded["attention_mask"],
            generation_config=GenerationConfig(max_new_tokens=tokens, pad_token_id=tokenizer.pad_token_id, **drawn),
            stopping_criteria=StoppingCriteriaList([self._enough(tokenizer)]),
        )
        texts = tokenizer.batch_decode(written[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
        return [text.strip(" ").split("\n")[0] for text in texts]

    def _enough(self, tokenizer: PreTrainedTokenizerBase) -> Callable[..., torch.Tensor]:
        """Stopping criterion: a row stops at the end of its line, all rows at the deadline."""

        def ended(ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            late = time.monotonic() > self.deadline
            newest = tokenizer.batch_decode(ids[:, -1:])
            return torch.tensor([late or "\n" in text for text in newest], device=ids.device)

        return ended
