import { CircleAlert } from "lucide-react";
import { type ReactNode, useEffect } from "react";

export function Loading() {
  return (
    <div className="state" role="status">
      <span className="spinner" aria-hidden="true" />
      Loading…
    </div>
  );
}

/** What went wrong, and a way to try again. */
export function Failure({ error, again }: { error: Error; again?: () => void }) {
  return (
    <div className="state state-bad" role="alert">
      <CircleAlert aria-hidden="true" size={20} />
      <p>{error.message}</p>
      {again && (
        <button type="button" className="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children, icon }: { title: string; children?: ReactNode; icon?: ReactNode }) {
  return (
    <div className="empty">
      {icon && <span className="empty-icon">{icon}</span>}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** The head of a page: its name, a line below, and what can be done. */
export function Head({ title, children, sub }: { title: string; children?: ReactNode; sub?: ReactNode }) {
  useTitle(title);
  return (
    <header className="head">
      <div>
        <h1>{title}</h1>
        {sub && <p className="sub">{sub}</p>}
      </div>
      {children && <div className="head-acts">{children}</div>}
    </header>
  );
}

export function Card({ title, count, children }: { title: string; count?: number; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <h2 className="card-title">
        {title}
        {count !== undefined && <span className="count">{count}</span>}
      </h2>
      {children}
    </section>
  );
}

/** What the browser's tab says. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Chairside`;
  }, [title]);
}
