import { type ReactNode, useState } from "react";
import { type ApiError, keepKey } from "../api/client";
import { Icon } from "./Icon";

/** A thin line that moves while something is on its way; CSS holds it back for the first moments. */
export function Progress({ on }: { on: boolean }) {
  return on ? <div className="progress" role="progressbar" aria-label="Loading" /> : null;
}

/** What went wrong, and a way on. */
export function ErrorNote({ error, retry }: { error: ApiError; retry: () => void }) {
  if (error.kind === "unauthorized") return <KeyForm message={error.message} />;
  return (
    <div className="note note-error" role="alert">
      <Icon name="alert" />
      <span>{error.message}</span>
      <button type="button" className="button" onClick={retry}>
        Retry
      </button>
    </div>
  );
}

/** With the key everything on the page is asked anew; the address holds all that matters. */
function KeyForm({ message }: { message: string }) {
  const [key, setKey] = useState("");
  return (
    <form
      className="note note-error"
      onSubmit={(event) => {
        event.preventDefault();
        keepKey(key.trim());
        window.location.reload();
      }}
    >
      <Icon name="alert" />
      <span role="alert">{message}</span>
      <input
        type="password"
        aria-label="API key"
        placeholder="API key"
        autoComplete="off"
        value={key}
        onChange={(event) => setKey(event.target.value)}
      />
      <button type="submit" className="button" disabled={!key.trim()}>
        Use key
      </button>
    </form>
  );
}

/** Nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
