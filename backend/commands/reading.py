"""Features searched and read, and a question as the model sees it."""

import argparse
from typing import Any

from backend.commands.setting import add_method, calibrated, method_of
from backend.commands.terminal import (
    MOST,
    AddCommand,
    ProgressLine,
    count,
    feature_number,
    finite,
    number,
    open_engine,
)
from backend.errors import BadInput
from backend.setups import Setup
from backend.wording import percent


def add(command: AddCommand) -> None:
    sub = command(
        "search", search, "find features by keywords, by a text they fire on, or by a ranking"
    )
    sub.add_argument("query", metavar="KEYWORDS", nargs="?")
    sub.add_argument(
        "--text", help="features that fire on this text; with keywords, either will do"
    )
    sub.add_argument(
        "--densest",
        type=number(0, 1),
        default=0.01,
        help=(
            "with --text, leave out features that fire on more of the retain tokens "
            "(default 0.01; 1: none)"
        ),
    )
    sub.add_argument(
        "--exempt-too",
        action="store_true",
        help="with --text, count positions that no clamp touches as well",
    )
    sub.add_argument(
        "--rank",
        default=None,
        help=(
            "order: relevance (the default with keywords or text), selectivity (without), "
            "paper, dsg, crisp, attribution, attribution-against, "
            "or a column such as 'forget density'"
        ),
    )
    sub.add_argument(
        "--setting", type=number(0, MOST), help="the ranking's threshold, such as 0.001 for paper"
    )
    sub.add_argument(
        "--retain-below",
        type=number(0, 1),
        default=1.0,
        help="only features that fire on less than this share of retain tokens",
    )
    sub.add_argument("--labelled", action="store_true", help="only features with a label")
    sub.add_argument(
        "--known",
        action="store_true",
        help="only features that fire on a forget question the model answers right",
    )
    sub.add_argument("--limit", type=count, default=20)
    sub = command("feature", feature, "what the feature page shows")
    sub.add_argument("feature", type=feature_number, metavar="FEATURE")
    sub.add_argument("--limit", type=count, default=10, help="how many examples")
    sub = command(
        "question",
        question,
        "the exact tokens the model sees of one question, and where clamped features fire",
    )
    sub.add_argument("set", metavar="SET")
    sub.add_argument("index", type=feature_number, metavar="INDEX", help="row in its set, from 0")
    sub.add_argument(
        "--clamps", default="", help='feature:value pairs in raw units, such as "12:-60,45:0"'
    )
    add_method(sub)
    sub.add_argument(
        "--orders",
        action="store_true",
        help="ask it in all 24 orders of its options too (letter scoring)",
    )


def search(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.features.finding import RELEVANCE, Filters, find
    from backend.features.rankers import RANKERS, check_setting
    from backend.features.search import keywords
    from backend.reading.attribution import attribution
    from backend.reading.own_text import firing, read_text

    if args.query is not None:
        keywords(args.query)
    elif args.text is None and args.rank in (None, RELEVANCE):
        raise BadInput(
            "Search for what? Give keywords, --text, or --rank with the name of a ranking."
        )
    rank = args.rank or RELEVANCE
    if args.setting is not None:
        check_setting(rank, args.setting)
    engine = open_engine(setup)
    table = engine.atlas.table
    found = None if args.query is None else engine.atlas.search(args.query)
    read = None
    on_text = None
    if args.text is not None:
        read = read_text(engine, args.text, exempt_too=args.exempt_too)
        on_text = firing(read, table, densest=args.densest)
    if rank in RANKERS and RANKERS[rank].needs_attribution:
        table = table.join(attribution(engine, ProgressLine()).columns())
    filters = Filters(retain_below=args.retain_below, labelled=args.labelled, known=args.known)
    listed = find(
        table,
        hits=None if found is None else found.hits,
        on_text=on_text,
        filters=filters,
        rank=rank,
        setting=args.setting,
    ).head(args.limit)
    words = {} if found is None else engine.atlas.why(found, listed["feature"].tolist())
    rows = [
        {
            **engine.atlas.summary(int(row.feature)),
            "why": words.get(row.feature, {}),
            "score": row.score,
            "rank_score": row.rank_score,
            "on_text": (
                None
                if read is None or row.at < 0
                else {"act": row.act, "token": int(row.at), "text": read.tokens[row.at]}
            ),
        }
        for row in listed.itertuples()
    ]
    read_as = {} if found is None else found.read_as
    lines = [
        f"'{word}' is in no label and no example; read as {', '.join(near)}."
        for word, near in read_as.items()
    ]
    lines.append(
        "     #    forget   retain  max act  label"
        if rows
        else "No feature matches. Try a shorter or more common word."
    )
    lines += [_line(row) for row in rows]
    return {"features": rows, "read_as": read_as, "rank": rank}, "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    name = row["label"] or f"({', '.join(row['top_tokens'][:5])})"
    return (
        f"{row['feature']:>6}  {percent(row['forget_density'], 3):>9} "
        f"{percent(row['retain_density'], 3):>9}  "
        f"{row['max_act']:>7.1f}  {name}  {_why(row)}"
    )


def _why(row: dict[str, Any]) -> str:
    from backend.features.search import WHY

    reasons = [f"{WHY[field]}: {', '.join(words)}" for field, words in row["why"].items()]
    if row["on_text"]:
        reasons.append(f"on the text: {row['on_text']['act']:.1f} at {row['on_text']['text']!r}")
    return f"[{'; '.join(reasons)}]" if reasons else f"[{row['rank_score']:.3g}]"


def feature(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from backend.reading.feature_page import feature_page, in_words, plain

    page = feature_page(open_engine(setup), args.feature, args.limit)
    return plain(page), in_words(page)


def question(setup: Setup, args: argparse.Namespace) -> tuple[Any, str]:
    from dataclasses import asdict

    import torch

    from backend.experiments.permutation import permutation_check
    from backend.interventions.clamps import format_clamps, parse_clamps
    from backend.interventions.method import PAPER, format_method
    from backend.reading import seen

    clamps, method = parse_clamps(args.clamps), method_of(args, PAPER)
    engine = open_engine(setup)
    setting = calibrated(engine, clamps, method, args)
    place = seen.place_of(engine, args.set, args.index)
    result = engine.evaluate(setting, only=torch.arange(engine.n_questions) == place)
    view = seen.see(engine, place, setting.features, result.scores, setting)
    value = {
        "setup": setup.name,
        "protocol": setup.protocol._asdict(),
        "clamps": format_clamps(result.clamps),
        "method": format_method(setting.method),
        **asdict(view),
    }
    text = seen.in_words(view)
    if args.orders:
        check = permutation_check(engine, place, setting)
        value["orders"] = {
            "right_before": check.right_before,
            "right_after": check.right_after,
            **asdict(check),
            "letters_after": check.letters_after(),
        }
        text += f"\n{check.in_words()}"
    return finite(value), text
