import { useEffect, useState } from "react";
import { useLive } from "../live/store";

const SHOWN_MS = 3000;

/** Says when the live feed is cut off, and for a moment that it is back. */
export function Connection() {
  const link = useLive((live) => live.link);
  const backAt = useLive((live) => live.backAt);
  const [, settle] = useState(0);
  useEffect(() => {
    if (backAt === null) return;
    const timer = setTimeout(() => settle(backAt), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [backAt]);
  const back = link === "open" && backAt !== null && Date.now() - backAt < SHOWN_MS;
  return (
    <div role="status" className="connection">
      {link === "waiting" && (
        <p className="banner banner-warn">
          <span className="spinner" aria-hidden="true" /> Reconnecting… What you see may be out of date.
        </p>
      )}
      {back && <p className="banner banner-good">Back. Everything is up to date.</p>}
    </div>
  );
}
