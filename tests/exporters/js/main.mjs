// Sends one trace of two spans, a log record and a counter by each of the official JavaScript exporters.
// Arguments: host:port of OTLP/gRPC and of OTLP/HTTP. Prints a line of JSON for each that was acknowledged.
import { context, trace } from "@opentelemetry/api";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtoMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [grpc, http] = process.argv.slice(2);
const WARN = 13;

const PROTOCOLS = {
  grpc: (compression) => {
    const to = { url: `http://${grpc}`, compression };
    return [new GrpcTraces(to), new GrpcMetrics(to), new GrpcLogs(to)];
  },
  protobuf: (compression) => {
    const to = (signal) => ({ url: `http://${http}/v1/${signal}`, compression });
    return [new ProtoTraces(to("traces")), new ProtoMetrics(to("metrics")), new ProtoLogs(to("logs"))];
  },
  json: (compression) => {
    const to = (signal) => ({ url: `http://${http}/v1/${signal}`, compression });
    return [new JsonTraces(to("traces")), new JsonMetrics(to("metrics")), new JsonLogs(to("logs"))];
  },
};

// An exporter whose faults end the program: the SDK itself would only log them.
const strict = (exporter) =>
  new Proxy(exporter, {
    get: (target, name) => {
      if (name !== "export") return typeof target[name] === "function" ? target[name].bind(target) : target[name];
      return (items, done) =>
        target.export(items, (result) => {
          if (result.code !== 0) {
            console.error(result.error);
            process.exit(1);
          }
          done(result);
        });
    },
  });

const send = async (service, exporters) => {
  const [traces, metrics, logs] = exporters.map(strict);
  const resource = resourceFromAttributes({ "service.name": service });
  const tracing = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(traces)] });
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 3_600_000 });
  const metering = new MeterProvider({ resource, readers: [reader] });
  const logging = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: logs })] });

  const tracer = tracing.getTracer("exporters");
  const root = tracer.startSpan("POST /checkout", { attributes: { "cart.items": 3, cut: "\ud83d" } });
  const inside = trace.setSpan(context.active(), root);
  logging.getLogger("exporters").emit({ severityNumber: WARN, body: "stock is low", context: inside });
  metering.getMeter("exporters").createCounter(`orders-${service}`).add(2, { currency: "EUR" });
  tracer.startSpan("charge", {}, inside).end();
  root.end();
  for (const provider of [tracing, metering, logging]) await provider.forceFlush();
  for (const provider of [tracing, metering, logging]) await provider.shutdown();
  console.log(JSON.stringify({ service, traceId: root.spanContext().traceId }));
};

for (const [protocol, exporters] of Object.entries(PROTOCOLS))
  for (const compression of Object.values(CompressionAlgorithm))
    await send(`js-${protocol}-${compression}`, exporters(compression));
