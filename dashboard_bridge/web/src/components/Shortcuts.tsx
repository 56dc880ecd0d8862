import { useEffect } from "react";
import { Modal } from "./Modal";

const KEYS: [string, string][] = [
  ["L", "Listen, or stop listening"],
  ["W", "Whisper to the receptionist"],
  ["S", "Let the receptionist say something"],
  ["T", "Take the call over, or hand it back"],
  ["R", "Transfer the caller"],
  ["H", "Hang up (asks first)"],
  ["J  K", "Next, previous call on the wall"],
  ["/", "Search"],
  ["?", "This list"],
];

export function Shortcuts({ open, onOpen }: { open: boolean; onOpen: (open: boolean) => void }) {
  useKeys({ "?": () => onOpen(true) });
  return (
    <Modal open={open} onOpen={onOpen} title="Keyboard shortcuts">
      <dl className="keys">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              {key.split("  ").map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}

/** Single keys while nothing is being typed and no dialog is open. */
export function useKeys(keys: Record<string, (() => void) | undefined>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || document.querySelector("[role=dialog], [role=alertdialog]")) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, textarea, select, [contenteditable]");
}
