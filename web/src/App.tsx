import { Component, type ReactNode } from "react";
import { Link } from "./components/Link";
import { Empty } from "./components/Notes";
import { Shell } from "./components/Shell";
import { traceIdOf } from "./lib/traceView";
import { LogsPage } from "./pages/LogsPage";
import { Onboarding } from "./pages/Onboarding";
import { ServicesPage } from "./pages/ServicesPage";
import { TracePage } from "./pages/TracePage";
import { TracesPage } from "./pages/TracesPage";
import { useSearchKey } from "./state/keys";
import { useLocation } from "./state/location";
import { RangeProvider } from "./state/range";

export function App() {
  const { path } = useLocation();
  useSearchKey();
  return (
    <RangeProvider>
      <Shell>
        <Boundary key={path}>{page(path)}</Boundary>
      </Shell>
    </RangeProvider>
  );
}

/** The list of pages; `/`, `/trace/<id>` and `/explore` are links that others hold. */
function page(path: string): ReactNode {
  const traceId = traceIdOf(path);
  if (traceId) return <TracePage id={traceId} />;
  switch (path) {
    case "/":
      return <ServicesPage />;
    case "/explore":
      return <TracesPage />;
    case "/logs":
      return <LogsPage />;
    case "/start":
      return <Onboarding />;
    default:
      return <NotFound path={path} />;
  }
}

function NotFound({ path }: { path: string }) {
  const isTrace = path.startsWith("/trace/");
  return (
    <Empty title={isTrace ? "This is no trace id" : "There is no such page"}>
      <p>
        <code>{path}</code>
      </p>
      {isTrace && <p>A trace id has 32 hexadecimal digits.</p>}
      <p>
        <Link className="button" href="/">
          Services
        </Link>
      </p>
    </Empty>
  );
}

/** A page that fails says so, and leaves the way to the others open. */
class Boundary extends Component<{ children: ReactNode }, { error: Error | undefined }> {
  override state = { error: undefined as Error | undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <Empty title="This page has failed">
        <p>{this.state.error.message}</p>
        <p>
          <button type="button" className="button" onClick={() => this.setState({ error: undefined })}>
            Try again
          </button>
        </p>
      </Empty>
    );
  }
}
