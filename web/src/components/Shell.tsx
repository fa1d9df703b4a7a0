import type { ReactNode } from "react";
import { TENANT } from "../api/documents";
import { useQuery } from "../api/useQuery";
import { useLocation } from "../state/location";
import { useHref } from "../state/range";
import { Icon, type IconName } from "./Icon";
import { Link } from "./Link";

const PAGES: readonly [path: string, label: string, icon: IconName, covers: RegExp][] = [
  ["/", "Services", "services", /^\/$/],
  ["/explore", "Traces", "traces", /^\/(explore|trace)/],
  ["/logs", "Logs", "logs", /^\/logs/],
  ["/start", "Get started", "start", /^\/start/],
];

const NOTHING = {};

/** The frame of every page. */
export function Shell({ children }: { children: ReactNode }) {
  const { path } = useLocation();
  const to = useHref();
  const tenant = useQuery(TENANT, NOTHING).data?.tenant;
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <nav className="side" aria-label="Pages">
        <Link className="brand" href={to("/")}>
          <img src="/icon.svg" alt="" width={26} height={26} />
          Otelhouse
        </Link>
        {PAGES.map(([page, label, icon, covers]) => (
          <Link key={page} href={to(page)} aria-current={covers.test(path) ? "page" : undefined}>
            <Icon name={icon} />
            {label}
          </Link>
        ))}
        <div className="side-foot">
          <a href="/graphql">
            <Icon name="graphql" />
            GraphiQL
          </a>
          <div className="keys" aria-hidden="true">
            <span>
              <kbd>/</kbd> search
            </span>
            <span>
              <kbd>j</kbd> <kbd>k</kbd> move
            </span>
            <span>
              <kbd>↵</kbd> open
            </span>
          </div>
          {tenant && (
            <div className="tenant">
              <span>Tenant</span>
              <strong>{tenant}</strong>
            </div>
          )}
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

/** A page's title line, and what stands at its right. */
export function Header({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <header className="header">
      <h1>{title}</h1>
      <div className="header-tools">{children}</div>
    </header>
  );
}
