import {
  Ear,
  EarOff,
  type LucideIcon,
  MessageSquareQuote,
  MessageSquareText,
  Mic,
  PhoneForwarded,
  PhoneOff,
  Undo2,
} from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { act, useLive } from "../live/store";
import { may, useMe } from "../session";
import type { Act, CallState } from "../wire";
import { Confirm } from "./Modal";
import { useKeys } from "./Shortcuts";
import { useListening, useMicrophone } from "./sound";

type Writing = "whisper" | "say" | "transfer";
const MOST_WORDS = 500;

/** What an operator may do in a live call. What the role does not allow is not offered. */
export function Acts({ call }: { call: CallState }) {
  const { data: me } = useMe();
  const [writing, setWriting] = useState<Writing | null>(null);
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState<Act | null>(null);
  const listening = useLive((live) => live.listening === call.call_sid);
  const sound = useListening(call.call_sid);
  const acts = may(me, "operator", call.location_id);
  const isOurs = call.state === "taken_over" && call.operator === me?.name;

  const perform = async (kind: Act, more: { text?: string; to?: string } = {}): Promise<boolean> => {
    setBusy(kind);
    setProblem("");
    try {
      await act(kind, call.call_sid, more);
      return true;
    } catch (why) {
      setProblem((why as Error).message);
      return false;
    } finally {
      setBusy(null);
    }
  };
  const listen = () => {
    if (!listening) sound.prepare();
    void perform(listening ? "unlisten" : "listen").then((isDone) => {
      if (!isDone) sound.drop();
    });
  };
  const takeOver = () => {
    if (!isOurs) sound.prepare();
    void perform(isOurs ? "hand_back" : "take_over").then((isDone) => {
      if (!isDone && !isOurs && !listening) sound.drop();
    });
  };
  const write = (what: Writing) => () => setWriting(writing === what ? null : what);
  useKeys({
    l: listen,
    ...(acts && {
      w: write("whisper"),
      s: write("say"),
      t: takeOver,
      r: write("transfer"),
      h: () => setAsking(true),
    }),
  });
  return (
    <div className="acts-frame">
      <div className="acts" role="toolbar" aria-label="Acts in this call">
        <ActButton
          icon={listening ? EarOff : Ear}
          label={listening ? "Stop listening" : "Listen"}
          keyName="L"
          isOn={listening}
          onPress={listen}
          isBusy={busy === "listen"}
        />
        {acts && (
          <>
            <ActButton
              icon={MessageSquareQuote}
              label="Whisper"
              keyName="W"
              isOn={writing === "whisper"}
              onPress={write("whisper")}
            />
            <ActButton
              icon={MessageSquareText}
              label="Say"
              keyName="S"
              isOn={writing === "say"}
              onPress={write("say")}
            />
            <ActButton
              icon={isOurs ? Undo2 : Mic}
              label={isOurs ? "Hand back" : "Take over"}
              keyName="T"
              isOn={isOurs}
              onPress={takeOver}
              isBusy={busy === "take_over" || busy === "hand_back"}
            />
            <ActButton
              icon={PhoneForwarded}
              label="Transfer"
              keyName="R"
              isOn={writing === "transfer"}
              onPress={write("transfer")}
            />
            <ActButton icon={PhoneOff} label="Hang up" keyName="H" tone="bad" onPress={() => setAsking(true)} />
          </>
        )}
      </div>
      {isOurs && <Voice onRefused={setProblem} />}
      {writing && <Writer key={writing} what={writing} perform={perform} done={() => setWriting(null)} />}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <Confirm
        open={asking}
        onOpen={setAsking}
        title="Hang up this call?"
        text="The caller is cut off at once and hears nothing more."
        act="Hang up"
        onConfirm={() => void perform("hang_up")}
      />
    </div>
  );
}

interface ActButtonProps {
  icon: LucideIcon;
  label: string;
  keyName: string;
  onPress: () => void;
  isOn?: boolean;
  isBusy?: boolean;
  tone?: "bad";
}

function ActButton({ icon: Icon, label, keyName, onPress, isOn, isBusy, tone }: ActButtonProps) {
  return (
    <button
      type="button"
      className={`act ${tone ? `act-${tone}` : ""}`}
      data-on={isOn || undefined}
      aria-keyshortcuts={keyName}
      disabled={isBusy}
      onClick={onPress}
      title={`${label} (${keyName})`}
    >
      <Icon size={17} aria-hidden="true" />
      <span>{label}</span>
    </button>
  );
}

const WRITERS: Record<Writing, { label: string; hint: string; act: string }> = {
  whisper: { label: "Whisper to the receptionist", hint: "Only the receptionist learns this.", act: "Whisper" },
  say: { label: "Let the receptionist say", hint: "The caller hears exactly this.", act: "Say it" },
  transfer: { label: "Transfer to", hint: "A number like +18085550123; empty means the shop's own.", act: "Transfer" },
};

interface WriterProps {
  what: Writing;
  perform: (kind: Act, more: { text?: string; to?: string }) => Promise<boolean>;
  done: () => void;
}

function Writer({ what, perform, done }: WriterProps) {
  const { label, hint, act: verb } = WRITERS[what];
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    const more = what === "transfer" ? (text ? { to: text } : {}) : { text };
    if (await perform(what, more)) done();
  };
  return (
    <form
      className="writer"
      onSubmit={(event) => void submit(event)}
      onKeyDown={(event) => event.key === "Escape" && done()}
    >
      <label className="field">
        <span>{label}</span>
        <input
          ref={field}
          maxLength={MOST_WORDS}
          type={what === "transfer" ? "tel" : "text"}
          required={what !== "transfer"}
          aria-describedby="writer-hint"
        />
      </label>
      <button type="submit" className="button button-main">
        {verb}
      </button>
      <p className="quiet" id="writer-hint">
        {hint}
      </p>
    </form>
  );
}

/** The operator speaks: microphone on, and its level to see. */
function Voice({ onRefused }: { onRefused: (why: string) => void }) {
  const { level, isMuted, setMuted } = useMicrophone(onRefused);
  return (
    <div className="voice">
      <button type="button" className="button button-small" aria-pressed={isMuted} onClick={() => setMuted(!isMuted)}>
        {isMuted ? "Unmute" : "Mute"}
      </button>
      <span className="quiet">{isMuted ? "The caller does not hear you" : "The caller hears you"}</span>
      <meter className="level" min={0} max={1} value={isMuted ? 0 : level} aria-label="Microphone level" />
    </div>
  );
}
