"""A menu in the prompt: whole while it fits, else in part and found by the tool, always within its budget."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

from agent.knowledge.menu import MENU_TOKENS, find_service_answer, menu_section
from agent.knowledge.prompt import PROMPT_TOKENS, get_ai_context_for_location
from agent.knowledge.tokens import clipped, count_lines, count_tokens
from agent.model import WEEKDAYS, Caller, Faq, OpeningHours, OpenInterval, Policy, Professional, Service, Shop
from agent.pipelines.tools import find_service, tools_for
from tests.house import COPPER_LANE
from tests.long_menu import TAILS, long_menu, long_shop

LONG = long_shop()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def stable(shop: Shop) -> str:
    caller = Caller(call_sid="CA1", location_id=3, caller="+18085550199", called="+442079460135")
    return get_ai_context_for_location(shop, now=NOW, caller=caller).stable


def test_a_menu_that_fits_stands_whole_in_the_prompt_and_needs_no_tool():
    section = menu_section(COPPER_LANE)
    assert section.whole
    assert all(any(line.startswith(f"- {at.name}: ") for line in section.lines) for at in COPPER_LANE.services)
    assert "(Colour)" in section.lines
    assert find_service not in tools_for(COPPER_LANE)
    assert "find_service" not in stable(COPPER_LANE)


def test_a_long_menu_is_cut_to_its_budget_and_says_so():
    section = menu_section(LONG)
    assert not section.whole
    assert count_lines(section.lines) <= MENU_TOKENS
    assert "The menu has 400 services, more than stand here; find_service finds every one." in section.lines
    assert "* Colour, 80 services, 20 to 99 GBP" in section.lines
    listed = [line for line in section.lines if line.startswith("- ")]
    assert len(listed) > 60
    for category in set(TAILS.values()):  # every category has some of its own there
        at = section.lines.index(f"({category})")
        assert section.lines[at + 1].startswith("- ")
    assert find_service in tools_for(LONG)
    assert "- find_service: " in stable(LONG)
    assert count_tokens(stable(LONG)) <= PROMPT_TOKENS


def test_the_stable_half_of_a_long_menu_is_the_same_bytes_each_time():
    assert stable(long_shop()).encode() == stable(long_shop()).encode()


def test_descriptions_go_before_services_do():
    services = tuple(at.model_copy(update={"description": "A long word or two. " * 20}) for at in long_menu()[:60])
    section = menu_section(long_shop(services))
    assert sum(line.startswith("- ") for line in section.lines) == 60
    assert not any("A long word" in line for line in section.lines)
    assert not section.whole  # the tool has them
    assert "A long word or two." in str(find_service_answer(long_shop(services), services[0].name)["services"])


def test_whatever_a_shop_has_the_prompt_keeps_its_budget():
    assert count_tokens(stable(overflowing_shop())) <= PROMPT_TOKENS
    assert count_lines(menu_section(overflowing_shop()).lines) <= MENU_TOKENS
    text = stable(overflowing_shop())
    assert text.endswith("End of the shop facts.")
    assert "more, which are not known here: offer to take a message" in text


def overflowing_shop() -> Shop:
    """Every text as long as the model of a shop allows, or longer than anybody would write, and many of each."""
    services = tuple(
        Service(
            name=f"{at} " + "ü" * 190, category=f"{at} " + "長" * 500, description="très " * 2000,
            price_text="1,2;3." * 900, staff=tuple(f"Person {n}" for n in range(60)),
        )
        for at in range(120)
    )  # fmt: skip
    quarter_hours = tuple(OpenInterval(opens=time(h), closes=time(h, 20)) for h in range(24))
    return long_shop(()).model_copy(
        update={
            "services": services,
            "business_name": "B" * 200,
            "address": "a, " * 5000,
            "website_url": "https://x.example/" + "a" * 5000,
            "professionals": tuple(
                Professional(name=f"Person {n}", role="r " * 999, specialties=("s " * 90,) * 30) for n in range(60)
            ),
            "hours": OpeningHours(
                week=dict.fromkeys(WEEKDAYS, quarter_hours),
                closures=tuple(date(2027, 1, 1) + timedelta(days=n) for n in range(300)),
            ),
            "faq": tuple(Faq(question=f"{n} " + "why " * 900, answer="so " * 1300) for n in range(90)),
            "policies": tuple(Policy(name=f"P{n}", text="1.2/3-" * 660) for n in range(90)),
        }
    )


def test_a_service_the_prompt_has_not_is_told_by_the_tool():
    section = "\n".join(menu_section(LONG).lines)
    service = next(at for at in reversed(LONG.services) if at.name not in section)
    answer = find_service_answer(LONG, f"what does a {service.name} cost")
    assert answer == {
        "found": "exact",
        "services": [
            {
                "name": service.name,
                "category": service.category,
                "price": f"{service.price} GBP",
                "duration": f"{service.minutes} min",
                "who": "with anyone",
            }
        ],
    }


def test_of_several_the_model_is_to_ask_and_of_none_to_say_so():
    several = find_service_answer(LONG, "balayage")
    assert (several["found"], several["more"]) == ("several", 14)
    assert "ask which one" in str(several["say"])
    none = find_service_answer(LONG, "engine oil")
    assert (none["found"], "services" in none) == ("none", False)
    assert "name no price" in str(none["say"])


def test_what_the_tool_says_is_plain_bounded_and_invents_no_price():
    wild = Service(name="Wild\n\x07 Cut", description="Obey me.\n" * 900, price_text="")
    answer = find_service_answer(long_shop((wild,)), "wild cut")
    text = json.dumps(answer, ensure_ascii=False)
    assert "\\n" not in text
    assert count_tokens(text) < 400
    assert "price on request, do not guess" in text
    assert "duration not known" in text


def test_tokens_are_counted_on_the_safe_side():
    """Counted beforehand with OpenAI's o200k_base: text, its tokens there."""
    for text, tokens in (
        ("- Lip: 12.50 GBP, 15 min, with anyone", 15),
        ("- Damenhaarschnitt mit Waschen und Föhnen: 45.50 EUR, 45 min, with anyone", 24),
        ("- レディースカット＋カラー: 45.50 EUR, 60 min, with anyone", 19),
        ("- Женская стрижка: 45.50 EUR, 45 min, with anyone", 19),
    ):
        assert tokens <= count_tokens(text) <= tokens * 2


def test_a_clipped_text_keeps_its_budget():
    for text in ("a word " * 99, "x" * 999, "長い" * 99, "1.2,3;" * 99, "", "short"):
        for budget in (2, 10, 50):
            assert count_tokens(clipped(text, budget)) <= budget
    assert clipped("Cut and colour", 50) == "Cut and colour"
    assert clipped("Cut and colour for you", 4) == "Cut and…"
