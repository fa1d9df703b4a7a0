import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { navigate } from "../state/location";

type Props = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string };

/** A real link that moves within the page on a plain click; others (new tab, copy) are the browser's. */
export function Link({ href, onClick, ...rest }: Props) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !plain) return;
    event.preventDefault();
    navigate(href);
  };
  return <a href={href} onClick={follow} {...rest} />;
}
