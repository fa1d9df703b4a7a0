import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./graphiql.css";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { post } from "../api/client";

const EXAMPLE = `# The services of the last hour. Press Ctrl-Enter.
{
  services {
    name
    requestRate
    errorRate
    p95Ms
  }
}
`;

const root = document.getElementById("root");
if (!root) throw new Error("the page has no #root");

// GraphiQL's own type of an answer is wider than JSON; what the server says is shown as it is.
const fetcher = (request: object) => post(request) as Promise<never>;

createRoot(root).render(<GraphiQL fetcher={fetcher} defaultQuery={EXAMPLE} />);
