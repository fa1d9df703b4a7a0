/** How to send telemetry from an application, to copy and paste. */

export interface Snippet {
  id: string;
  label: string;
  /** Each step: what it does, and the text to copy. */
  steps: readonly [what: string, text: string][];
}

/** Variables that every OpenTelemetry SDK reads. `endpoint` is OTLP/gRPC, as in `http://127.0.0.1:4317`. */
export function environment(endpoint: string, key: boolean): string {
  const lines = [
    `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`,
    "export OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
    "export OTEL_SERVICE_NAME=my-service",
  ];
  if (key) lines.push('export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20YOUR_KEY"');
  return lines.join("\n");
}

const GO = `package main

import (
	"context"
	"log"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	ctx := context.Background()
	exporter, err := autoexport.NewSpanExporter(ctx) // reads the variables above
	if err != nil {
		log.Fatal(err)
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter))
	defer provider.Shutdown(ctx)
	otel.SetTracerProvider(provider)

	_, span := otel.Tracer("hello").Start(ctx, "first span")
	span.End()
}`;

function collector(endpoint: string, key: boolean): string {
  const headers = key ? "\n    headers:\n      authorization: Bearer YOUR_KEY" : "";
  const tls = endpoint.startsWith("https:") ? "" : "\n    tls:\n      insecure: true";
  return `receivers:
  otlp:
    protocols:
      grpc:
      http:

exporters:
  otlp:
    endpoint: ${endpoint.replace(/^https?:\/\//, "")}${tls}${headers}

service:
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp] }
    metrics: { receivers: [otlp], exporters: [otlp] }
    logs: { receivers: [otlp], exporters: [otlp] }`;
}

/** The snippets; with `key` they show where an API key goes. */
export function snippets(endpoint: string, key: boolean): Snippet[] {
  const variables = ["Say where to send", environment(endpoint, key)] as const;
  return [
    {
      id: "python",
      label: "Python",
      steps: [
        [
          "Install",
          "pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install",
        ],
        [variables[0], `${variables[1]}\nexport OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED=true`],
        ["Run", "opentelemetry-instrument python app.py"],
      ],
    },
    {
      id: "node",
      label: "Node.js",
      steps: [
        ["Install", "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node"],
        [...variables],
        ["Run", "node --require @opentelemetry/auto-instrumentations-node/register app.js"],
      ],
    },
    {
      id: "java",
      label: "Java",
      steps: [
        [
          "Get the agent",
          "opentelemetry-javaagent.jar, from the releases of opentelemetry-java-instrumentation",
        ],
        [...variables],
        ["Run", "java -javaagent:opentelemetry-javaagent.jar -jar app.jar"],
      ],
    },
    {
      id: "go",
      label: "Go",
      steps: [
        ["Install", "go get go.opentelemetry.io/otel/sdk go.opentelemetry.io/contrib/exporters/autoexport"],
        [...variables],
        ["Set up and run", GO],
      ],
    },
    { id: "collector", label: "Collector", steps: [["Send on from a Collector", collector(endpoint, key)]] },
  ];
}
