import { type FormEvent, useState } from "react";
import { api } from "../api";

/** For who comes without the start link. */
export function Login({ onIn }: { onIn: () => void }) {
  const [why, setWhy] = useState("");
  const [isBusy, setBusy] = useState(false);
  const enter = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get("token");
    setBusy(true);
    try {
      await api.login(String(token).trim());
      onIn();
    } catch (refused) {
      setWhy((refused as Error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <form onSubmit={(event) => void enter(event)} className="card">
        <img src="/icon.svg" alt="" width={40} height={40} />
        <h1>Chairside</h1>
        <p className="quiet">The start link that the server printed logs you in. Without it, paste the token.</p>
        <label className="field">
          <span>Operator token</span>
          <input
            name="token"
            type="password"
            autoComplete="current-password"
            required
            aria-invalid={why ? true : undefined}
            aria-describedby={why ? "why" : undefined}
          />
        </label>
        {why && (
          <p className="problem" id="why" role="alert">
            {why}
          </p>
        )}
        <button type="submit" className="button button-main" disabled={isBusy}>
          Log in
        </button>
      </form>
    </main>
  );
}
