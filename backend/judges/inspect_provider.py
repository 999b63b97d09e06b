"""One setting of one setup as a model of inspect: `clampboard/SETUP`.

The answer is written by backend.experiments.generate, as on the Words page: clamps are exact, a
gate is asked about the prompt and again with each token while it is closed, sinks are told by the
prompt. One answer is written at a time, and between two tokens inspect's own loop gets its turn.

Greedy unless a temperature is given; what is not supported is refused, never passed over. To be
imported only where inspect is installed.
"""

import secrets
from typing import Any

import anyio
from anyio.lowlevel import checkpoint
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from backend.engine.engine import Engine
from backend.errors import BadInput, ClampboardError
from backend.experiments.generate import MAX_NEW_TOKENS, Sampling, Written, writing_after
from backend.interventions.method import Setting
from backend.judges.inspect_answers import answer_of, checked_stops, room, stopped_at
from backend.judges.inspect_messages import Message, prompt_ids
from backend.rim import shown
from backend.store import key

NAME = "clampboard"
HONOURED = {"max_tokens", "temperature", "seed", "stop_seqs", "logprobs"}
INSPECTS_OWN = {
    "adaptive_connections",
    "attempt_timeout",
    "batch",
    "cache",
    "cache_prompt",
    "fail_on_refusal",
    "internal_tools",
    "max_connections",
    "max_retries",
    "max_tool_output",
    "parallel_tool_calls",
    "reasoning_history",
    "stream_idle_timeout",
    "system_message",
    "timeout",
}
"""What does not change the answer to a prompt, or is in the messages already."""


def identity_of(engine: Engine, said: dict[str, Any]) -> str:
    """Names what answers depend on: the prepared setup by content, and the setting.

    inspect keeps answers under it, where a user asks for that, so that none is taken for another's.
    """
    return key({"setup": engine.key, "setting": said, "device": engine.device})


class Served:
    """What is served, and the first thing that was refused."""

    def __init__(self, engine: Engine, setting: Setting, said: dict[str, Any]):
        """`said` is what the setting is called: inspect's log keeps it as the model's arguments."""
        self.engine = engine
        self.setting = engine.check(setting)
        self.arguments = {**said, "identity": identity_of(engine, said)}
        self.refused: ClampboardError | None = None
        self.lock = anyio.Lock()


_served: dict[str, Served] = {}
"""By identity: inspect keeps a model it has made, and asks it again in a later run."""


def serve(served: Served) -> None:
    """From here on inspect finds it in this process."""
    _served[served.arguments["identity"]] = served


@modelapi(name=NAME)
class ClampedModel(ModelAPI):
    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        """Raises BadInput for arguments that are those of nothing that is served."""
        self._identity = str(model_args.get("identity"))
        if self._identity not in _served or model_args != _served[self._identity].arguments:
            raise BadInput(
                "The arguments of a model of clampboard are those of its own command; give clamps, "
                "a preset or a rival there."
            )
        # Under this address inspect keeps answers, where a user asks for that.
        super().__init__(model_name, f"{NAME}:{self._identity}", config=config or GenerateConfig())

    def max_tokens(self) -> int:
        return MAX_NEW_TOKENS

    def max_connections(self) -> int:
        return 1

    def collapse_user_messages(self) -> bool:
        return True

    def collapse_assistant_messages(self) -> bool:
        return True

    def collapse_system_messages(self) -> bool:
        return True

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Raises ClampboardError for what cannot be answered."""
        served = _served[self._identity]
        try:
            return await _answered(served, self.model_name, input, tools, config)
        except ClampboardError as error:
            served.refused = served.refused or error
            raise


async def _answered(
    served: Served,
    name: str,
    messages: list[ChatMessage],
    tools: list[ToolInfo],
    config: GenerateConfig,
) -> ModelOutput:
    """Raises ClampboardError for what cannot be answered, before the first token."""
    _check(tools, config)
    stops = checked_stops(config.stop_seqs)
    engine, setting = served.engine, served.setting
    rival = setting.rival
    first = rival.of if rival is not None and rival.kind == "prompt" else None
    ids = prompt_ids(engine.tokenizer, [_message(message) for message in messages], first)
    asked = MAX_NEW_TOKENS if config.max_tokens is None else config.max_tokens
    sampling = _sampling(config)
    written = Written(n_prompt=len(ids))
    async with served.lock:
        with engine.turn(lambda _: None, "words"):
            n = room(engine.model.longest, len(ids), asked)
            for written in writing_after(
                engine, ids, setting, max_tokens=n, sampling=sampling, most=n
            ):
                if stopped_at(written.text, stops) is not None:
                    break
                await checkpoint()
    return _output(name, written, stops, asked, config, sampling)


def _check(tools: list[ToolInfo], config: GenerateConfig) -> None:
    if tools:
        raise BadInput(
            f"This task gives the model tools ({', '.join(tool.name for tool in tools)}), and this "
            "model calls none. Take a task that is answered in words."
        )
    given = set(config.model_dump(exclude_none=True)) - HONOURED - INSPECTS_OWN
    if given:
        raise BadInput(
            f"{', '.join(sorted(given))} cannot be honoured here. An answer is steered by "
            f"{', '.join(sorted(HONOURED))} alone; leave the others out."
        )


def _message(message: ChatMessage) -> Message:
    content = message.content
    if not isinstance(content, str) and (other := [c.type for c in content if c.type != "text"]):
        raise BadInput(f"A message holds {shown(other[0])}, and this model reads text alone.")
    return Message(message.role, message.text)


def _sampling(config: GenerateConfig) -> Sampling:
    """Without a seed each answer is a draw of its own, and several of one question differ."""
    temperature = 0.0 if config.temperature is None else config.temperature
    if config.seed is None and temperature > 0:
        return Sampling(temperature, secrets.randbelow(2**31))
    return Sampling(temperature, config.seed or 0)


def _output(
    name: str,
    written: Written,
    stops: tuple[str, ...],
    asked: int,
    config: GenerateConfig,
    sampling: Sampling,
) -> ModelOutput:
    answer = answer_of(written, stops, asked)
    log_probs = None
    if config.logprobs:
        pairs = zip(answer.tokens, answer.log_probs, strict=True)
        log_probs = Logprobs(content=[Logprob(token=t, logprob=value) for t, value in pairs])
    about: dict[str, Any] = {"edited_tokens": len(written.edited)}
    if written.statistic is not None:
        about |= {"gate_statistic": written.statistic, "gate_opened_at": written.opened_at}
    if sampling.temperature > 0:
        about["seed"] = sampling.seed
    n_written = len(written.ids)
    return ModelOutput(
        model=name,
        choices=[
            ChatCompletionChoice(
                message=ChatMessageAssistant(content=answer.text, model=name, source="generate"),
                stop_reason=answer.reason,
                logprobs=log_probs,
            )
        ],
        usage=ModelUsage(
            input_tokens=written.n_prompt,
            output_tokens=n_written,
            total_tokens=written.n_prompt + n_written,
        ),
        metadata=about,
    )
