import { type ReactNode, useState } from "react";
import { type ApiError, keepKey } from "../api/client";
import { Icon } from "./Icon";

/** A thin line that moves while something is on its way; CSS holds it back for the first moments. */
export function Progress({ on }: { on: boolean }) {
  return on ? <div className="progress" role="progressbar" aria-label="Loading" /> : null;
}

/** What went wrong, and a way on. */
export function ErrorNote({ error, retry }: { error: ApiError; retry: () => void }) {
  if (error.kind === "unauthorized") return <KeyForm message={error.message} retry={retry} />;
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

function KeyForm({ message, retry }: { message: string; retry: () => void }) {
  const [key, setKey] = useState("");
  return (
    <form
      className="note note-error"
      onSubmit={(event) => {
        event.preventDefault();
        keepKey(key.trim());
        retry();
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
