import { useEffect, useState } from "react";
import { Icon } from "./Icon";

/** Puts a text on the clipboard and says that it did. */
export function Copy({
  text,
  label = "Copy",
  wide = false,
}: {
  text: string;
  label?: string;
  wide?: boolean;
}) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      className={wide ? "button" : "icon-button"}
      title={label}
      aria-label={label}
      onClick={() => navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      <Icon name={copied ? "done" : "copy"} size={14} />
      {wide && (copied ? "Copied" : label)}
    </button>
  );
}
