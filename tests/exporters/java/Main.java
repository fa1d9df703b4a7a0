import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Scope;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.exporter.otlp.metrics.OtlpGrpcMetricExporter;
import io.opentelemetry.exporter.otlp.trace.OtlpGrpcSpanExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Sends one trace of two spans, a log record and a counter by each of the official Java exporters.
 * Arguments: host:port of OTLP/gRPC and of OTLP/HTTP. Prints a line of JSON for each that was acknowledged.
 */
public final class Main {
  public static void main(String[] arguments) {
    String grpc = "http://" + arguments[0];
    String http = "http://" + arguments[1];
    for (String coding : List.of("none", "gzip")) {
      send(
          "java-grpc-" + coding,
          OtlpGrpcSpanExporter.builder().setEndpoint(grpc).setCompression(coding).build(),
          OtlpGrpcMetricExporter.builder().setEndpoint(grpc).setCompression(coding).build(),
          OtlpGrpcLogRecordExporter.builder().setEndpoint(grpc).setCompression(coding).build());
      send(
          "java-protobuf-" + coding,
          OtlpHttpSpanExporter.builder().setEndpoint(http + "/v1/traces").setCompression(coding).build(),
          OtlpHttpMetricExporter.builder().setEndpoint(http + "/v1/metrics").setCompression(coding).build(),
          OtlpHttpLogRecordExporter.builder().setEndpoint(http + "/v1/logs").setCompression(coding).build());
    }
  }

  private static void send(String service, SpanExporter traces, MetricExporter metrics, LogRecordExporter logs) {
    Resource resource = Resource.create(Attributes.of(AttributeKey.stringKey("service.name"), service));
    SdkTracerProvider tracing =
        SdkTracerProvider.builder()
            .setResource(resource)
            .addSpanProcessor(BatchSpanProcessor.builder(traces).build())
            .build();
    SdkMeterProvider metering =
        SdkMeterProvider.builder()
            .setResource(resource)
            .registerMetricReader(PeriodicMetricReader.create(metrics))
            .build();
    SdkLoggerProvider logging =
        SdkLoggerProvider.builder()
            .setResource(resource)
            .addLogRecordProcessor(BatchLogRecordProcessor.builder(logs).build())
            .build();
    Span root = tracing.get("exporters").spanBuilder("POST /checkout").startSpan();
    try (Scope inside = root.makeCurrent()) {
      logging.get("exporters").logRecordBuilder().setSeverity(Severity.WARN).setBody("stock is low").emit();
      metering.get("exporters").counterBuilder("orders-" + service).build().add(2);
      tracing.get("exporters").spanBuilder("charge").startSpan().end();
    }
    root.end();
    done(service, tracing.forceFlush());
    done(service, metering.forceFlush());
    done(service, logging.forceFlush());
    for (CompletableResultCode end : List.of(tracing.shutdown(), metering.shutdown(), logging.shutdown())) {
      done(service, end);
    }
    String line = "{\"service\": \"%s\", \"traceId\": \"%s\"}";
    System.out.println(String.format(line, service, root.getSpanContext().getTraceId()));
  }

  private static void done(String service, CompletableResultCode code) {
    if (!code.join(20, TimeUnit.SECONDS).isSuccess()) {
      System.err.println(service + " was not acknowledged: " + code.getFailureThrowable());
      System.exit(1);
    }
  }

  private Main() {}
}
