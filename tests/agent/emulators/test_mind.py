"""The emulated model's judgement: what it says of a shop stands in the request."""

from typing import Any

import pytest

from agent.emulators.mind import Reply, Rule, answer
from agent.emulators.notes import UNKNOWN

PROMPT = """\
You are the automated phone assistant of Aloha Hair.

What you may say:
- In an emergency, tell the caller to hang up now and call 112.

Shop facts of Aloha Hair:
Services:
- Balayage: from 180 USD, 150 min, with Ana or Kai. Colour and toning
- Women's Haircut: 65 USD, 45 min, with anyone
- Women's Haircut and Blow Dry: 95 USD, 75 min, with anyone
- Colour Correction: price on request, do not guess, duration on request, do not guess, with Ana
Team:
- Ana, senior stylist: balayage, blondes
- Kai: fades
Opening hours:
- Monday: closed
- Tuesday: 9:00 AM to 5:00 PM
Address:
- 12 King Street, Honolulu
Questions and answers:
Q: Do you have parking?
A: Yes, there are two bays behind the building.
Q: Are you open on public holidays?
A: No, we close on every public holiday.
Q: Are dogs welcome?
A: Service dogs only.
Policies:
- Cancellation: Free up to 24 hours before, later than that half the price.
End of the shop facts.
Next opening: tomorrow, Tuesday 24 November 2026, at 9:00 AM.
"""
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("take_message", "end_call")]


def reply(*said: str, prompt: str = PROMPT, tools: Any = TOOLS) -> Reply:
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(said)]
    return answer({"messages": [{"role": "system", "content": prompt}, *messages], "tools": tools})


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("How much is a balayage?", "from 180 USD"),
        ("Hi, what do you charge for a women's haircut?", "Women's Haircut is 65 USD"),
        ("What does a haircut and blow dry cost?", "95 USD"),
        ("How long does a balayage take?", "150 min"),
        ("Who does the balayage?", "with Ana or Kai."),
        ("Can Kai do fades?", "Kai, fades"),
        ("Are you open on Tuesday?", "Tuesday: 9:00 AM to 5:00 PM."),
        ("Sorry, when are you open on Tuesday?", "Tuesday: 9:00 AM"),
        ("Are you open on public holidays?", "every public holiday"),
        ("When are you open?", "Monday: closed; Tuesday"),
        ("What's your address?", "12 King Street, Honolulu"),
        ("Where can I park?", "two bays behind the building"),
        ("May I bring my dog?", "Service dogs only."),
        ("What if I have to cancel?", "24 hours before"),
        ("Help, I can hardly breathe!", "call 112"),
    ],
)
def test_the_facts_are_those_of_the_prompt(question: str, fact: str) -> None:
    said = reply(question).say or ""
    assert fact in said
    assert len(said.split(".")[0].split()) >= 5


@pytest.mark.parametrize("question", ["How much is a balayage?", "Where can I park?", "When are you open?"])
def test_without_the_fact_it_does_not_know(question: str) -> None:
    assert reply(question, prompt="You answer the phone.").say == UNKNOWN


@pytest.mark.parametrize("question", ["How much is a pedicure?", "Do you groom poodles?", "(unintelligible)"])
def test_what_the_shop_does_not_say_it_does_not_know(question: str) -> None:
    assert reply(question).say == UNKNOWN


def test_a_price_on_request_is_not_guessed() -> None:
    said = reply("What do you charge for colour correction?").say or ""
    assert "don't have a price for Colour Correction" in said


def test_it_can_follow_back() -> None:
    said = reply("How much is a balayage?", "Our price for Balayage is from 180 USD.", "And how long does it take?")
    assert said.say == "A Balayage with us takes 150 min."


def test_a_message_is_taken_with_what_the_caller_said() -> None:
    (call,) = reply("My name is Anna Bell.", "Hello Anna.", "Please have Ana call me back on 808 555 0101.").tools
    assert call.name == "take_message"
    assert call.arguments["caller_name"] == "Anna Bell"
    assert call.arguments["callback_number"] == "808 555 0101"
    assert call.arguments["message"] == "Please have Ana call me back on 808 555 0101."


def test_without_the_tools_it_only_speaks() -> None:
    assert not reply("Can I leave a message?", tools=[]).tools
    assert reply("Goodbye.", tools=[]).say == "Thank you for calling, goodbye."


def test_goodbye_ends_the_call() -> None:
    (call,) = reply("That's all, bye.").tools
    assert call.name == "end_call"


@pytest.mark.parametrize("text", ["Hello?", "Okay, thank you.", "Good morning."])
def test_small_talk_is_answered(text: str) -> None:
    assert reply(text).say not in (None, UNKNOWN)


def after(tool: str, result: str, rules: tuple[Rule, ...] = ()) -> str:
    call = {"id": "c1", "type": "function", "function": {"name": tool, "arguments": "{}"}}
    messages = [
        {"role": "system", "content": PROMPT},
        {"role": "user", "content": "bye"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": result},
    ]
    return answer({"messages": messages, "tools": TOOLS}, rules).say or ""


def test_it_tells_what_a_tool_answered() -> None:
    assert "noted" in after("take_message", '{"stored": true}')
    assert "did not work" in after("take_message", '{"error": "disk full"}')
    assert "What would you like" in after("take_message", '{"stored": false}')
    assert "goodbye" in after("end_call", "ok")
    assert "Thursday at three is free" in after("find_slot", '{"text": "Thursday at three is free"}')
    assert after("find_slot", "ok", (Rule(after_tool="find_.*", say="Found."),)) == "Found."


def test_a_nudge_after_silence_is_passed_on() -> None:
    nudge = {"role": "developer", "content": "The user has been quiet. Ask if they are still there."}
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": "Hello."}, nudge]
    assert "still there" in (answer({"messages": messages}).say or "")


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "How much is"}, {"type": "text", "text": "a balayage?"}]
    body = {"messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": parts}]}
    assert "180" in (answer(body).say or "")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"say": "x"}, "a rule has `when` or `after_tool`"),
        ({"when": "a"}, "needs `say`, `tool`, `tools` or `status`"),
        ({"when": "(", "say": "x"}, "not a regular expression"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Rule(**fields)


LOOKS_UP = [*TOOLS, {"type": "function", "function": {"name": "find_service"}}]


@pytest.mark.parametrize("question", ["How much is a perm?", "How long does a women's wash and perm take?"])
def test_a_service_that_does_not_stand_there_is_looked_up_where_there_is_a_tool(question: str) -> None:
    assert [(at.name, at.arguments) for at in reply(question, tools=LOOKS_UP).tools] == [
        ("find_service", {"words": question})
    ]
    assert reply(question).tools == ()


@pytest.mark.parametrize("question", ["How much is a balayage?", "When are you open?", "Do you have parking?"])
def test_what_stands_there_is_not_looked_up(question: str) -> None:
    assert reply(question, tools=LOOKS_UP).tools == ()


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            '{"found": "exact", "services": [{"name": "Perm", "price": "90 USD", "duration": "80 min"}]}',
            "Our price for Perm is 90 USD. It takes 80 min.",
        ),
        (
            '{"found": "exact", "services": [{"name": "Perm", "price": "price on request, do not guess"}]}',
            "I don't have a price for Perm here, I can take a message for you.",
        ),
        (
            '{"found": "several", "services": [{"name": "Cold Perm"}, {"name": "Hot Perm"}]}',
            "There is more than one that fits, Cold Perm or Hot Perm. Which one do you mean?",
        ),
        (
            '{"found": "none", "say": "...", "categories": ["Colour", "Cuts"]}',
            "I cannot find that on our menu. Perhaps you mean something from Colour or Cuts?",
        ),
    ],
)
def test_what_was_looked_up_is_said(result: str, said: str) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "find_service", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": PROMPT},
        {"role": "user", "content": "How much is a perm?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": result},
    ]
    assert answer({"messages": messages, "tools": LOOKS_UP}).say == said
